"""A self-hosted Carbon Aware SDK WebAPI (Green Software Foundation, v1).

It passes the forecast of whatever backend it is configured with (WattTime, Electricity
Maps, files) on, in g/kWh, and does not say which: give the signal of that backend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import httpx

from carbonaware_prefect.core import Forecast, Interval, Signal
from carbonaware_prefect.sources.base import SourceInfo
from carbonaware_prefect.sources.http.exchange import DEFAULT_BUDGET, FetchBudget
from carbonaware_prefect.sources.http.peer import peer_at
from carbonaware_prefect.sources.http.reading import Reader
from carbonaware_prefect.sources.http.series import Piece, end_after, forecast_of
from carbonaware_prefect.sources.http.source import HttpSource

__all__ = ["INFO", "CarbonAwareSdk"]

_LONGEST_MINUTES = 24 * 60
# Written where the backend gave null.
_ABSENT = -1

INFO = SourceInfo(
    name="carbon_aware_sdk",
    title="Carbon Aware SDK",
    signal="average",
    zones=None,
    coverage="the locations that the server is configured with",
    resolution=None,
    horizon=None,
    attribution="Carbon Aware SDK (Green Software Foundation); credit its backend, too",
    licence="that of its backend",
    url="https://carbon-aware-sdk.greensoftware.foundation",
    max_age=timedelta(minutes=5),
)


class CarbonAwareSdk(HttpSource):
    """What a Carbon Aware SDK server of your own forecasts.

    Args:
        base_url: where the server is.
        signal: what its backend measures: ``marginal`` for WattTime, ``average`` for
            Electricity Maps.
        locations: the server's location name by zone. (By default its locations are
            names of cloud regions.) None when they are named like our zones.
        budget: time and size that an exchange may take.
    """

    def __init__(
        self,
        base_url: str,
        *,
        signal: Signal,
        locations: Mapping[str, str] | None = None,
        budget: FetchBudget = DEFAULT_BUDGET,
    ) -> None:
        super().__init__(
            info=replace(INFO, signal=signal),
            peer=peer_at(base_url, INFO.title),
            budget=budget,
        )
        self._locations = None if locations is None else dict(locations)

    def build_request(self, zone: str, interval: Interval) -> httpx.Request:  # noqa: ARG002
        """The question for the whole forecast: the server refuses bounds outside it."""
        url = f"{self._peer.base_url}/emissions/forecasts/current"
        return httpx.Request("GET", url, params={"location": self._location(zone)})

    def parse(self, payload: object, zone: str, interval: Interval) -> Forecast:
        """The ``forecastData`` of the one location; the optimal points are ignored."""
        reader = Reader(self.info.title)
        location = self._location(zone)
        entries = [
            reader.table(entry, "a forecast")
            for entry in reader.rows(payload, "the answer")
        ]
        if any(not _same(entry.get("location"), location) for entry in entries):
            reader.reject(f"it names another location than {location}, or none")
        pieces: list[Piece] = []
        for entry in entries:
            points = reader.rows(entry.get("forecastData"), "forecastData")
            pieces += [self._piece(point, reader) for point in points]
        issued = entries[0].get("generatedAt") if entries else None
        return forecast_of(
            pieces,
            info=self.info,
            zone=zone,
            asked=interval,
            issued_at=None if issued is None else reader.moment(issued, "generatedAt"),
        )

    def _piece(self, row: object, reader: Reader) -> Piece:
        point = reader.table(row, "a point")
        start = reader.moment(point.get("timestamp"), "a timestamp")
        minutes = point.get("duration")
        if (
            isinstance(minutes, bool)
            or not isinstance(minutes, (int, float))
            or not 0 < minutes <= _LONGEST_MINUTES
        ):
            reader.reject("a duration is no number of minutes up to a day")
        value = point.get("value")
        if self.signal == "average" and value == _ABSENT:
            value = None
        return start, end_after(start, timedelta(minutes=minutes), reader=reader), value

    def _location(self, zone: str) -> str:
        if self._locations is None:
            return zone
        location = self._locations.get(zone)
        if location is None:
            raise self.unknown(zone)
        return location


def _same(named: object, location: str) -> bool:
    return isinstance(named, str) and named.casefold() == location.casefold()
