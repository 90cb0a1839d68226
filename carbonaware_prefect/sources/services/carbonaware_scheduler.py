"""The CarbonAware Scheduler API, which the older package asks. Needs no key.

It answers slots, not series: for a job's length and a window of starts, the best starts
and the mean intensity over the job. Asked for a job of 5 minutes, its own step, and as
many options as the window has steps, a slot is one value of the series behind it, and
the options are the series. What it leaves out stays a gap, should it answer fewer.

Its numbers are WattTime's marginal intensity in lb/MWh, though its replies name neither
(read from its source). It looks 24 hours ahead; a window that starts in the past is
refused, so give it a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

import httpx

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.errors import NoForecastError
from carbonaware_prefect.sources.base import SourceInfo
from carbonaware_prefect.sources.http.exchange import DEFAULT_BUDGET, FetchBudget
from carbonaware_prefect.sources.http.peer import peer_at
from carbonaware_prefect.sources.http.reading import Reader
from carbonaware_prefect.sources.http.series import Piece, end_after, forecast_of
from carbonaware_prefect.sources.http.source import HttpSource

__all__ = ["BASE_URL", "INFO", "CarbonAwareScheduler"]

_STEP = timedelta(minutes=5)
_HORIZON = timedelta(hours=24)
_GRAMS_PER_KWH = 0.45359237
_CASES = ("ideal", "naive_case", "median_case", "worst_case")

BASE_URL = "https://scheduler.carbonaware.dev"

INFO = SourceInfo(
    name="carbonaware_scheduler",
    title="CarbonAware Scheduler",
    signal="marginal",
    zones=None,
    coverage="the zones of the cloud regions that it was given",
    resolution=_STEP,
    horizon=_HORIZON,
    attribution="CarbonAware Scheduler API (carbonaware.dev), with data of WattTime",
    licence="no terms published; the data are WattTime's",
    url="https://scheduler.carbonaware.dev",
    max_age=timedelta(minutes=5),
)


class CarbonAwareScheduler(HttpSource):
    """Marginal intensity of a cloud region's grid, as far as the slots it answers tell.

    Args:
        regions: the ``(provider, region)`` to ask for a zone, e.g.
            ``{"US-MIDA-PJM": ("aws", "us-east-1")}``.
        now: the present moment, to cut what lies in the past off the question. Without
            it the interval is asked as it is.
        base_url: where the API is.
        budget: time and size that an exchange may take.
    """

    def __init__(
        self,
        *,
        regions: Mapping[str, tuple[str, str]],
        now: Callable[[], datetime] | None = None,
        base_url: str = BASE_URL,
        budget: FetchBudget = DEFAULT_BUDGET,
    ) -> None:
        peer = peer_at(base_url, INFO.title, public_url=BASE_URL)
        super().__init__(info=INFO, peer=peer, budget=budget)
        self._regions = dict(regions)
        self._now = now

    def build_request(self, zone: str, interval: Interval) -> httpx.Request:
        """The question for the best starts of a 5-minute job, all of them."""
        # A window bounds the start, and what starts at its end is answered, too.
        last = max(interval.end - _STEP, interval.start + timedelta(minutes=1))
        window = min(interval.duration, _HORIZON)
        return httpx.Request(
            "POST",
            f"{self._peer.base_url}/v0/schedule/",
            json={
                "duration": "PT5M",
                "windows": [{"start": interval.start.isoformat(), "end": last.isoformat()}],
                "zones": [self._place(zone)],
                "num_options": window // _STEP + 1,
            },
        )

    def parse(self, payload: object, zone: str, interval: Interval) -> Forecast:
        """Each slot named in the reply, as 5 minutes of the forecast."""
        reader = Reader(self.info.title)
        table = reader.table(payload, "the answer")
        slots = [table[case] for case in _CASES if table.get(case) is not None]
        slots += reader.rows(table.get("options"), "options")
        return forecast_of(
            _pieces(slots, self._place(zone), reader),
            info=self.info,
            zone=zone,
            asked=interval,
            factor=_GRAMS_PER_KWH,
        )

    def fetch(self, zone: str | None, interval: Interval) -> Forecast:
        """As every source, for the part of ``interval`` that is not past."""
        if self._now is not None:
            now = self._now()
            if interval.end <= now:
                msg = (
                    f"{self.info.title} knows only what lies ahead, and the interval "
                    f"ended at {interval.end.isoformat()}"
                )
                raise NoForecastError(msg)
            interval = Interval(max(interval.start, now), interval.end)
        return super().fetch(zone, interval)

    def _place(self, zone: str) -> dict[str, str]:
        place = self._regions.get(zone)
        if place is None:
            raise self.unknown(zone)
        return {"provider": place[0], "region": place[1]}


def _pieces(slots: list[object], place: dict[str, str], reader: Reader) -> Iterator[Piece]:
    for row in slots:
        slot = reader.table(row, "a slot")
        named = reader.table(slot.get("zone"), "the zone of a slot")
        if any(named.get(key) != value for key, value in place.items()):
            reader.reject("a slot lies in another cloud region than the one asked for")
        start = reader.moment(slot.get("time"), "the time of a slot")
        yield start, end_after(start, _STEP, reader=reader), slot.get("co2_intensity")
