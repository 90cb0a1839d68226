"""Energy-Charts by Fraunhofer ISE: some 30 European countries. Needs no key.

The reply covers today (UTC) and, from the evening on, tomorrow, whatever is asked; the
step is 15 minutes or an hour, by country. Measured values come first, forecasts after.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar

import httpx

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.sources.base import SourceInfo
from carbonaware_prefect.sources.http.exchange import DEFAULT_BUDGET, FetchBudget
from carbonaware_prefect.sources.http.history import HttpHistory, Past, past_of
from carbonaware_prefect.sources.http.peer import peer_at
from carbonaware_prefect.sources.http.reading import Reader
from carbonaware_prefect.sources.http.series import (
    Piece,
    end_after,
    forecast_of,
    step_between,
)

__all__ = ["BASE_URL", "INFO", "EnergyCharts"]

# Countries only: for a bidding zone (SE-SE3, DK-DK1) its country's mean would be a guess.
_COUNTRIES = (
    "AT BA BE BG CH CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV ME MK NL NO PL PT RO RS "
    "SE SI SK"
)
_QUARTER = timedelta(minutes=15)

BASE_URL = "https://api.energy-charts.info"

INFO = SourceInfo(
    name="energy_charts",
    title="Energy-Charts",
    signal="average",
    zones=frozenset(_COUNTRIES.split()),
    coverage=f"these countries as a whole: {_COUNTRIES}",
    resolution=_QUARTER,
    horizon=timedelta(hours=48),
    attribution=(
        "Energy-Charts (energy-charts.info), Fraunhofer ISE; "
        "for Germany also Bundesnetzagentur | SMARD.de"
    ),
    licence="CC BY 4.0",
    url="https://api.energy-charts.info",
)


class EnergyCharts(HttpHistory):
    """Average intensity of the generation in a European country.

    The service limits requests to about one in 8 s, so share one answer between runs.

    Args:
        base_url: where the API is.
        budget: time and size that an exchange may take.
    """

    longest: ClassVar[timedelta] = timedelta(days=28)

    def __init__(
        self,
        *,
        base_url: str = BASE_URL,
        budget: FetchBudget = DEFAULT_BUDGET,
    ) -> None:
        peer = peer_at(base_url, INFO.title, public_url=BASE_URL)
        super().__init__(info=INFO, peer=peer, budget=budget)

    def build_request(self, zone: str, interval: Interval) -> httpx.Request:  # noqa: ARG002
        """The question for a country; the reply's range is the same for every interval."""
        return self._request(zone)

    def build_history_request(self, zone: str, interval: Interval) -> httpx.Request:
        """The question for a country and an interval, to the minute."""
        return self._request(zone, start=_minute(interval.start), end=_minute(interval.end))

    def _request(self, zone: str, **span: str) -> httpx.Request:
        if zone not in _COUNTRIES.split():
            raise self.unknown(zone)
        url = f"{self._peer.base_url}/co2eq"
        return httpx.Request("GET", url, params={"country": zone.lower(), **span})

    def parse(self, payload: object, zone: str, interval: Interval) -> Forecast:
        """Parallel arrays: the measured value where there is one, else the forecast."""
        reader = Reader(self.info.title)
        starts, series, step = self._series(payload, reader)
        pieces = _pieces(starts, series, step, reader)
        return forecast_of(pieces, info=self.info, zone=zone, asked=interval)

    def parse_history(self, payload: object, zone: str, interval: Interval) -> Past:
        """The same arrays, each by itself."""
        reader = Reader(self.info.title)
        starts, series, step = self._series(payload, reader)
        measured, forecast = (
            list(_pieces(starts, [values], step, reader)) for values in series
        )
        return past_of(measured, forecast, info=self.info, zone=zone, asked=interval)

    def _series(
        self, payload: object, reader: Reader
    ) -> tuple[list[datetime], list[list[float | None]], timedelta]:
        table = reader.table(payload, "the answer")
        starts = [
            reader.unix_moment(second, "a time")
            for second in reader.rows(table.get("unix_seconds"), "unix_seconds")
        ]
        series = [_column(table.get(key), key, reader) for key in _SERIES]
        if any(len(values) > len(starts) for values in series):
            reader.reject("it has more values than times")
        return starts, series, step_between(starts, reader=reader, alone=_QUARTER)


_SERIES = ("co2eq", "co2eq_forecast")


def _minute(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat(timespec='minutes')}Z"


def _column(values: object, key: str, reader: Reader) -> list[float | None]:
    """One array, which may be absent and may be shorter than the axis.

    Zero stands for "not known" here: no country's mix has lifecycle emissions of zero.
    """
    if values is None:
        return []
    column = [
        reader.intensity(value, f"a value of {key}", signal="average")
        for value in reader.rows(values, key)
    ]
    return [value or None for value in column]


def _pieces(
    starts: list[datetime],
    series: list[list[float | None]],
    step: timedelta,
    reader: Reader,
) -> Iterator[Piece]:
    for i, start in enumerate(starts):
        known = (values[i] for values in series if i < len(values))
        value = next((value for value in known if value is not None), None)
        yield start, end_after(start, step, reader=reader), value
