"""GB Carbon Intensity by the National Energy System Operator. Needs no key.

Zone ``GB`` is Great Britain; ``GB-1`` to ``GB-17`` are the API's own regions (``GB-13``
is London, ``GB-7`` South Wales). The forecast often reaches less far than two days, and
during outages the API answers ``{}`` under status 200: then there is no forecast.
"""

from __future__ import annotations

import re
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
from carbonaware_prefect.sources.http.series import Piece, forecast_of

__all__ = ["BASE_URL", "INFO", "GbCarbonIntensity"]

_REGION = re.compile(r"GB-([1-9]|1[0-7])", re.ASCII)
# The API refuses longer ranges.
_LONGEST = timedelta(days=14)
_MINUTE = timedelta(minutes=1)

BASE_URL = "https://api.carbonintensity.org.uk"

INFO = SourceInfo(
    name="gb_carbon_intensity",
    title="GB Carbon Intensity",
    signal="average",
    zones=frozenset({"GB", *(f"GB-{region}" for region in range(1, 18))}),
    coverage="Great Britain (GB) and its regions GB-1 to GB-17",
    resolution=timedelta(minutes=30),
    horizon=timedelta(hours=48),
    attribution="NESO, Carbon Intensity API (carbonintensity.org.uk)",
    licence="CC BY 4.0",
    url="https://carbonintensity.org.uk",
)


class GbCarbonIntensity(HttpHistory):
    """Average intensity of Great Britain or one of its regions, each half hour.

    Values are the forecast ones, also where a measured one is known. Histories have the
    measured ones, which there are of Great Britain as a whole.

    Args:
        base_url: where the API is.
        budget: time and size that an exchange may take.
    """

    longest: ClassVar[timedelta] = _LONGEST - timedelta(hours=1)

    def __init__(
        self,
        *,
        base_url: str = BASE_URL,
        budget: FetchBudget = DEFAULT_BUDGET,
    ) -> None:
        peer = peer_at(base_url, INFO.title, public_url=BASE_URL)
        super().__init__(info=INFO, peer=peer, budget=budget)

    def build_request(self, zone: str, interval: Interval) -> httpx.Request:
        """The question for exactly the interval, to the minute."""
        end = min(interval.end, interval.start + _LONGEST - _MINUTE)
        span = f"{_minute(interval.start)}/{_minute(end + _MINUTE)}"
        region = self._region(zone)
        path = (
            f"/intensity/{span}"
            if region is None
            else f"/regional/intensity/{span}/regionid/{region}"
        )
        return httpx.Request("GET", self._peer.base_url + path)

    def build_history_request(self, zone: str, interval: Interval) -> httpx.Request:
        """The same question."""
        return self.build_request(zone, interval)

    def parse(self, payload: object, zone: str, interval: Interval) -> Forecast:
        """The half hours of a national or a regional answer."""
        reader = Reader(self.info.title)
        rows = self._rows(payload, zone, reader)
        pieces = _pieces(rows, reader, "forecast")
        return forecast_of(pieces, info=self.info, zone=zone, asked=interval)

    def parse_history(self, payload: object, zone: str, interval: Interval) -> Past:
        """The half hours with what was measured, and with what was forecast."""
        reader = Reader(self.info.title)
        rows = self._rows(payload, zone, reader)
        measured, forecast = (
            _pieces(rows, reader, name) for name in ("actual", "forecast")
        )
        return past_of(measured, forecast, info=self.info, zone=zone, asked=interval)

    def _rows(self, payload: object, zone: str, reader: Reader) -> list[object]:
        table = reader.table(payload, "the answer")
        if "error" in table:
            reader.reject("it reports an error under status 200")
        # {} is what it says during outages.
        data = table.get("data", [])
        region = self._region(zone)
        if region is not None and data != []:
            data = _regional(data, region, reader)
        return reader.rows(data, "data")

    def _region(self, zone: str) -> int | None:
        if zone == "GB":
            return None
        match = _REGION.fullmatch(zone)
        if match is None:
            raise self.unknown(zone)
        return int(match[1])


def _minute(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat(timespec='minutes')}Z"


def _regional(data: object, region: int, reader: Reader) -> object:
    """The series of one region: in an object, or in a list of one object."""
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    table = reader.table(data, "data")
    if table.get("regionid") != region or isinstance(table.get("regionid"), bool):
        reader.reject("it is about another region")
    return table.get("data")


def _pieces(rows: list[object], reader: Reader, name: str) -> Iterator[Piece]:
    for row in rows:
        period = reader.table(row, "a period")
        intensity = reader.table(period.get("intensity"), "an intensity")
        yield (
            reader.moment(period.get("from"), "the start of a period"),
            reader.moment(period.get("to"), "the end of a period"),
            intensity.get(name),
        )
