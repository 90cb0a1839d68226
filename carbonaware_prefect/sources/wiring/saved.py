"""Answers of forecast services, saved to a file, read by the parsers of the sources.

A saved answer is known by its shape. What it says of its zone counts; Energy-Charts and
some servers of the Carbon Aware SDK don't say it, and then it is the zone asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from pydantic import SecretStr

from carbonaware_prefect.clouds.places import known_zones, regions
from carbonaware_prefect.core import Forecast, Interval, Signal
from carbonaware_prefect.errors import NoForecastError
from carbonaware_prefect.sources.file import SavedAnswer
from carbonaware_prefect.sources.http.source import HttpSource
from carbonaware_prefect.sources.services.carbon_aware_sdk import CarbonAwareSdk
from carbonaware_prefect.sources.services.carbonaware_scheduler import CarbonAwareScheduler
from carbonaware_prefect.sources.services.electricity_maps import ElectricityMaps
from carbonaware_prefect.sources.services.energy_charts import EnergyCharts
from carbonaware_prefect.sources.services.gb_carbon_intensity import GbCarbonIntensity
from carbonaware_prefect.sources.services.watttime import WattTime

__all__ = ["answer_reader"]

_EVER = Interval(
    datetime(1, 1, 1, tzinfo=timezone.utc), datetime(9999, 12, 31, tzinfo=timezone.utc)
)
_NOBODY = SecretStr("")
# Asked for by no name; a key that is no zone's.
_UNSAID = ""
Table = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Known:
    """A recognised answer: what reads it, as which zone, and the part to be read."""

    source: HttpSource
    zone: str | None
    payload: object


def answer_reader(
    *, signal: Signal, locations: Mapping[str, str] | None
) -> Callable[[object, str | None], SavedAnswer | None]:
    """What reads a saved answer for the zone that is asked for; None where it is none.

    Args:
        signal: what the backend of the Carbon Aware SDK measures.
        locations: the SDK's location names by zone; None when they are named like zones.
    """

    def read(payload: object, zone: str | None) -> SavedAnswer | None:
        known = None
        if isinstance(payload, dict):
            known = next((k for find in _TABLES if (k := find(payload, zone))), None)
        elif isinstance(payload, list):
            known = _sdk(payload, zone, signal, locations or {})
        return None if known is None else _read(known)

    return read


def _read(known: _Known) -> SavedAnswer:
    forecast = known.source.parse(known.payload, known.zone or _UNSAID, _EVER)
    return SavedAnswer(
        forecast=Forecast.from_intervals(
            [(piece.start, piece.end, value) for piece, value in forecast],
            zone=known.zone,
            source="file",
            signal=forecast.signal,
            issued_at=forecast.issued_at,
        ),
        info=known.source.info,
    )


def _electricity_maps(payload: Table, _: str | None) -> _Known | None:
    zone = payload.get("zone")
    if not isinstance(payload.get("forecast"), list) or not isinstance(zone, str):
        return None
    return _Known(ElectricityMaps(_NOBODY), zone, payload)


def _energy_charts(payload: Table, zone: str | None) -> _Known | None:
    if "unix_seconds" not in payload or not {"co2eq", "co2eq_forecast"} & set(payload):
        return None
    source = EnergyCharts()
    covered = source.info.zones or ()
    if zone is not None and zone not in covered:
        raise source.unknown(zone)
    return _Known(source, zone, payload)


def _gb(payload: Table, _: str | None) -> _Known | None:
    data = payload.get("data")
    first = data[0] if isinstance(data, list) and data else data
    if not isinstance(first, dict):
        return None
    region = first.get("regionid")
    if isinstance(region, int) and not isinstance(region, bool) and "data" in first:
        return _Known(GbCarbonIntensity(), f"GB-{region}", payload)
    if {"from", "to", "intensity"} <= set(first):
        return _Known(GbCarbonIntensity(), "GB", payload)
    return None


def _watttime(payload: Table, zone: str | None) -> _Known | None:
    meta = payload.get("meta")
    region = meta.get("region") if isinstance(meta, dict) else None
    if not isinstance(region, str) or not isinstance(payload.get("data"), list):
        return None
    zones = sorted({row.zone for row in regions() if row.watttime_region == region})
    own = zone if zone in zones else (*zones, region)[0]
    return _Known(WattTime("", _NOBODY, regions={own: region}), own, payload)


def _scheduler(payload: Table, _: str | None) -> _Known | None:
    options = payload.get("options")
    first = options[0] if isinstance(options, list) and options else None
    place = first.get("zone") if isinstance(first, dict) else None
    if not isinstance(place, dict):
        return None
    said = (place.get("provider"), place.get("region"))
    for row in regions():
        if (row.provider, row.region) == said:
            source = CarbonAwareScheduler(regions={row.zone: (row.provider, row.region)})
            return _Known(source, row.zone, payload)
    msg = "the cloud region in it is not in the map of this package"
    raise NoForecastError(msg)


# WattTime's answers have "data" too, GB's have no "meta".
_TABLES = (_electricity_maps, _energy_charts, _watttime, _scheduler, _gb)


def _sdk(
    payload: list[object], zone: str | None, signal: Signal, locations: Mapping[str, str]
) -> _Known | None:
    entries = [entry for entry in payload if isinstance(entry, dict)]
    named = {
        location: _zone_of(location, zone, locations)
        for entry in entries
        if isinstance(location := entry.get("location"), str) and "forecastData" in entry
    }
    if not entries or len(entries) < len(payload) or not named:
        return None
    fitting = [location for location, own in named.items() if zone in (None, own)]
    if len(fitting) != 1:
        msg = (
            "it is of several locations; ask for the zone of one of them"
            if zone is None
            else "none or several of its locations lie in the zone that was asked for; "
            "name the one with CARBONAWARE_SDK_LOCATIONS"
        )
        raise NoForecastError(msg)
    location = fitting[0]
    own = named[location]
    return _Known(
        CarbonAwareSdk(
            "http://localhost", signal=signal, locations={own or _UNSAID: location}
        ),
        own,
        [entry for entry in entries if entry.get("location") == location],
    )


def _zone_of(location: str, asked: str | None, locations: Mapping[str, str]) -> str | None:
    """The zone of one of the SDK's locations; the one asked for where nothing tells."""
    by_name = {name.casefold(): zone for zone, name in locations.items()}
    if location.casefold() in by_name:
        return by_name[location.casefold()]
    if location in known_zones():
        return location
    by_region = {row.region: row.zone for row in regions()}
    return by_region.get(location.casefold(), asked)
