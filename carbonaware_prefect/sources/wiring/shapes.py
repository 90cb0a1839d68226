"""Answers of forecast services, known by their shape: what each looks like, as saved."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from pydantic import SecretStr

from carbonaware_prefect.clouds.places import known_zones, regions
from carbonaware_prefect.core import Signal
from carbonaware_prefect.errors import NoForecastError
from carbonaware_prefect.sources.http.source import HttpSource
from carbonaware_prefect.sources.services.carbon_aware_sdk import CarbonAwareSdk
from carbonaware_prefect.sources.services.carbonaware_scheduler import CarbonAwareScheduler
from carbonaware_prefect.sources.services.electricity_maps import ElectricityMaps
from carbonaware_prefect.sources.services.energy_charts import EnergyCharts
from carbonaware_prefect.sources.services.gb_carbon_intensity import GbCarbonIntensity
from carbonaware_prefect.sources.services.watttime import WattTime
from carbonaware_prefect.sources.wiring.thinned import held_until_the_next

__all__ = ["UNSAID", "Recognised", "recogniser"]

_NOBODY = SecretStr("")
UNSAID = ""
"""Asked for by no name; a key that is no zone's."""
# Under which name an answer of Electricity Maps has its points.
_SERIES = ("forecast", "history", "data")
_GB_REGION = re.compile(r"GB-(\d{1,2})", re.ASCII)
# A point of the Carbon Aware SDK's emissions, and of its forecasts.
_POINTS = (
    {"location", "duration", "time", "rating"},
    {"location", "duration", "timestamp", "value"},
)
_OLD_NAMES = (("time", "timestamp"), ("rating", "value"))
_GREAT_BRITAIN = "GB"
_SPAN = re.compile(r"(\d\d):(\d\d):00", re.ASCII)
Table = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Recognised:
    """An answer that was recognised.

    Attributes:
        source: what reads it.
        zone: as which one.
        payload: the part to be read, in the form in which the service answers now.
        own: the zone by its service's name, where that is another one.
        assumed: in sentences for a person.
    """

    source: HttpSource
    zone: str | None
    payload: object
    own: str | None = None
    assumed: tuple[str, ...] = ()


def recogniser(
    *, signal: Signal, locations: Mapping[str, str] | None
) -> Callable[[object, str | None], Recognised | None]:
    """What recognises an answer for the zone that is asked for; arguments as of `saved`."""

    def recognise(payload: object, zone: str | None) -> Recognised | None:
        if isinstance(payload, dict):
            if {"location", "forecastdata"} <= {key.lower() for key in payload}:
                payload = [payload]
            else:
                return next((k for find in _TABLES if (k := find(payload, zone))), None)
        if not isinstance(payload, list):
            return None
        rows = [row for row in payload if isinstance(row, dict)]
        if not rows or len(rows) < len(payload):
            return None
        if all("carbonIntensity" in row and "datetime" in row for row in rows):
            return _points(rows, zone)
        if {"from", "to"} <= set(rows[0]):
            return _gb({"data": rows}, zone)
        return _sdk(_sdk_entries(rows), zone, signal, locations or {})

    return recognise


def _points(rows: list[dict[str, object]], zone: str | None) -> Recognised:
    """Points of Electricity Maps without what was around them."""
    named = sorted({own for row in rows if isinstance(own := row.get("zone"), str)})
    if len(named) > 1 and zone not in named:
        msg = "it is of several zones, none of them the one that was asked for"
        raise NoForecastError(msg)
    said = named[0] if named and zone not in named else zone
    fitting = [row for row in rows if row.get("zone", said) == said]
    answer = {"zone": said or UNSAID, _SERIES[0]: fitting}
    return Recognised(ElectricityMaps(_NOBODY), said, answer)


def _electricity_maps(payload: Table, asked: str | None) -> Recognised | None:
    zone = payload.get("zone", asked or UNSAID)
    for name in _SERIES:
        points = payload.get(name)
        if not isinstance(points, list) or not isinstance(zone, str):
            continue
        first = points[0] if points else None
        known = isinstance(first, dict) and {"carbonIntensity", "datetime"} <= set(first)
        if known or (name == _SERIES[0] and "zone" in payload):
            answer = {**payload, "zone": zone, _SERIES[0]: points}
            return Recognised(ElectricityMaps(_NOBODY), zone or None, answer)
    return None


def _energy_charts(payload: Table, zone: str | None) -> Recognised | None:
    if "unix_seconds" not in payload or not {"co2eq", "co2eq_forecast"} & set(payload):
        return None
    source = EnergyCharts()
    covered = source.info.zones or ()
    if zone is not None and zone not in covered:
        raise source.unknown(zone)
    return Recognised(source, zone, payload)


def _gb(payload: Table, zone: str | None) -> Recognised | None:
    data = payload.get("data")
    first = data[0] if isinstance(data, list) and data else data
    if not isinstance(first, dict):
        return None
    if isinstance(data, list) and {"from", "to", "regions"} <= set(first):
        return _of_all_regions(data, zone)
    region = first.get("regionid")
    if isinstance(region, int) and not isinstance(region, bool) and "data" in first:
        return Recognised(GbCarbonIntensity(), f"GB-{region}", payload)
    if {"from", "to", "intensity"} <= set(first):
        return _national(cast("list[object]", data), zone)
    return None


def _national(data: list[object], zone: str | None) -> Recognised:
    """Great Britain's, which names no zone: then it is the one that is asked for."""
    assumed = []
    if zone not in {None, _GREAT_BRITAIN}:
        assumed.append(
            "Answers of this shape are of zone GB; the file names none, and was taken for "
            f"one of {zone}, as asked"
        )
    if (held := held_until_the_next(data)) is not None:
        data = held
        assumed.append("Each period was taken to last until the next one begins")
    return Recognised(
        GbCarbonIntensity(),
        zone or _GREAT_BRITAIN,
        {"data": data},
        own=_GREAT_BRITAIN,
        assumed=tuple(assumed),
    )


def _of_all_regions(data: list[object], zone: str | None) -> Recognised:
    """One region of an answer that has all of them in each period."""
    found = _GB_REGION.fullmatch(zone or "")
    if found is None:
        msg = "it is of several regions; ask for one of GB-1 to GB-17"
        raise NoForecastError(msg)
    region = int(found[1])
    rows = [
        {**period, "intensity": each.get("intensity")}
        for period in data
        if isinstance(period, dict) and isinstance(period.get("regions"), list)
        for each in period["regions"]
        if isinstance(each, dict) and each.get("regionid") == region
    ]
    answer = {"data": {"regionid": region, "data": rows}}
    return Recognised(GbCarbonIntensity(), zone, answer)


def _watttime(payload: Table, zone: str | None) -> Recognised | None:
    meta = payload.get("meta")
    region = meta.get("region") if isinstance(meta, dict) else None
    if not isinstance(region, str) or not isinstance(payload.get("data"), list):
        return None
    zones = sorted({row.zone for row in regions() if row.watttime_region == region})
    own = zone if zone in zones else (*zones, region)[0]
    return Recognised(WattTime("", _NOBODY, regions={own: region}), own, payload)


def _scheduler(payload: Table, _: str | None) -> Recognised | None:
    options = payload.get("options")
    first = options[0] if isinstance(options, list) and options else None
    place = first.get("zone") if isinstance(first, dict) else None
    if not isinstance(place, dict):
        return None
    said = (place.get("provider"), place.get("region"))
    for row in regions():
        if (row.provider, row.region) == said:
            source = CarbonAwareScheduler(regions={row.zone: (row.provider, row.region)})
            return Recognised(source, row.zone, payload)
    msg = "the cloud region in it is not in the map of this package"
    raise NoForecastError(msg)


# WattTime's answers have "data" too, GB's have no "meta".
_TABLES = (_electricity_maps, _energy_charts, _watttime, _scheduler, _gb)


def _sdk_entries(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """As the WebAPI answers now: its command writes capitals, other calls list points."""
    rows = [
        {name[:1].lower() + name[1:]: value for name, value in row.items()} for row in rows
    ]
    if all(any(set(row) >= known for known in _POINTS) for row in rows):
        by_location: dict[str, list[object]] = {}
        for row in rows:
            by_location.setdefault(str(row["location"]), []).append(_sdk_point(row))
        return [
            {"location": location, "forecastData": points}
            for location, points in by_location.items()
        ]
    for row in rows:
        points = row.get("forecastData")
        if isinstance(points, list):
            row["forecastData"] = [_sdk_point(point) for point in points]
    return rows


def _sdk_point(point: object) -> object:
    """A point by its names of today, with its duration in minutes."""
    if not isinstance(point, dict):
        return point
    own = {name[:1].lower() + name[1:]: value for name, value in point.items()}
    duration = own.get("duration")
    if isinstance(duration, str) and (found := _SPAN.fullmatch(duration)):
        own["duration"] = int(found[1]) * 60 + int(found[2])
    return {**own, **{new: own[old] for old, new in _OLD_NAMES if old in own}}


def _sdk(
    entries: list[dict[str, object]],
    zone: str | None,
    signal: Signal,
    locations: Mapping[str, str],
) -> Recognised | None:
    named = {
        location: _zone_of(location, zone, locations)
        for entry in entries
        if isinstance(location := entry.get("location"), str) and "forecastData" in entry
    }
    if not named:
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
    return Recognised(
        CarbonAwareSdk(
            "http://localhost", signal=signal, locations={own or UNSAID: location}
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
