"""Where work runs: from a cloud provider and region to the grid zone.

The map is ``regions.csv``; each row says where it is from. ``scripts/build_regions.py``
derives it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources

from carbonaware_prefect.errors import UnknownPlaceError

__all__ = ["Place", "Region", "known_zones", "regions", "resolve_place", "resolve_zone"]

# Electricity Maps keys: a country, then parts of it.
# Or a code of WattTime's, for what lies inside one of those: CAISO_NORTH.
_ZONE = re.compile(r"[A-Z]{2}(-[A-Z0-9]+)*|[A-Z]+(_[A-Z0-9]+)+", re.ASCII)

# Zones that have a table of typical days but no cloud region; only for suggestions.
_OTHER_ZONES = ("AU-QLD", "SE", "SE-SE1", "SE-SE2", "SE-SE4", "US-NY-NYIS")

_WAY_OUT = "or give the grid zone itself, e.g. zone='DE'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A row of the map.

    Attributes:
        provider: ``aws``, ``azure`` or ``gcp``.
        region: the provider's name for it.
        location: city, for people.
        zone: grid zone key.
        watttime_region: WattTime's name of the grid, or None.
        source: where the row is from, with licences.
    """

    provider: str
    region: str
    location: str
    zone: str
    watttime_region: str | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where work runs; provider and region are None when only the zone was given."""

    provider: str | None
    region: str | None
    zone: str


@lru_cache(maxsize=1)
def regions() -> tuple[Region, ...]:
    """All rows of the map, sorted by provider and region; read once."""
    file = resources.files("carbonaware_prefect.clouds").joinpath("regions.csv")
    return tuple(
        Region(
            provider=row["provider"],
            region=row["region"],
            location=row["location"],
            zone=row["zone"],
            watttime_region=row["watttime_region"] or None,
            source=row["source"],
        )
        for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    )


@lru_cache(maxsize=1)
def _by_provider() -> Mapping[str, Mapping[str, Region]]:
    rows: dict[str, dict[str, Region]] = {}
    for row in regions():
        rows.setdefault(row.provider, {})[row.region] = row
    return rows


@lru_cache(maxsize=1)
def known_zones() -> tuple[str, ...]:
    """The zones of the map and those with typical days, sorted.

    A source may know others; `resolve_place` lets them pass.
    """
    return tuple(sorted({*_OTHER_ZONES, *(row.zone for row in regions())}))


def resolve_zone(
    provider: str | None = None, region: str | None = None, zone: str | None = None
) -> str | None:
    """The grid zone of a place, None when nothing was said; see `resolve_place`."""
    place = resolve_place(provider, region, zone)
    return None if place is None else place.zone


def resolve_place(
    provider: str | None = None, region: str | None = None, zone: str | None = None
) -> Place | None:
    """The place that is meant, or None when nothing was said.

    Empty strings count as not said. A zone wins over provider and region. A region alone
    implies its provider. Case and blanks do not matter for provider and region, and an
    availability zone (``us-east-1a``, ``us-central1-a``) stands for its region.

    Args:
        provider: ``aws``, ``azure`` or ``gcp``.
        region: the provider's name for it.
        zone: grid zone by its Electricity Maps key; need not be in the map. A code of
            WattTime's (``CAISO_NORTH``) passes, too.

    Raises:
        UnknownPlaceError: (a ValueError) a provider, region or zone that is unknown, a
            region of another provider, a provider without region.

    Example:
        >>> resolve_place("gcp", "us-central1").zone
        'US-MIDW-MISO'
    """
    vendor, area = _squeeze(provider, "provider"), _squeeze(region, "region")
    grid = _text(zone, "zone")
    if grid:
        return Place(provider=vendor, region=area, zone=_checked_zone(grid))
    if vendor and vendor not in _by_provider():
        allowed = ", ".join(_by_provider())
        msg = f"unknown provider {provider!r}; known are {allowed}, {_WAY_OUT}"
        raise UnknownPlaceError(msg)
    if area is None:
        if vendor is None:
            return None
        first = next(iter(_by_provider()[vendor]))
        msg = (
            f"provider {vendor!r} alone says not where; give a region too, "
            f"e.g. region={first!r}, {_WAY_OUT}"
        )
        raise UnknownPlaceError(msg)
    row = _row(vendor, area)
    return Place(provider=row.provider, region=row.region, zone=row.zone)


def _text(given: object, name: str) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str):
        msg = f"{name} must be a string, got {given!r}; {_WAY_OUT.removeprefix('or ')}"
        raise UnknownPlaceError(msg)
    return given.strip() or None


def _squeeze(given: object, name: str) -> str | None:
    # Azure shows "West Europe" and means westeurope.
    text = _text(given, name)
    return "".join(text.split()).lower() if text else None


def _checked_zone(zone: str) -> str:
    if _ZONE.fullmatch(zone):
        return zone
    near = get_close_matches(zone.upper(), known_zones())
    msg = (
        f"zone {zone!r} is no grid zone key; "
        + (f"nearest known: {_listed(near)}; " if near else "")
        + "give a key of Electricity Maps in capitals, e.g. 'DE' or 'US-CAL-CISO', "
        "or provider and region"
    )
    raise UnknownPlaceError(msg)


def _row(provider: str | None, region: str) -> Region:
    """The row of a region; of any provider where that is None."""
    found = _found(region)
    if provider is None:
        if len(found) == 1:
            return found[0]
        if found:
            owners = _listed([row.provider for row in found])
            msg = f"region {region!r} exists at {owners}; give the provider, {_WAY_OUT}"
            raise UnknownPlaceError(msg)
        names = {row.region for row in regions()}
        msg = f"unknown region {region!r}; {_known(region, names)}, {_WAY_OUT}"
        raise UnknownPlaceError(msg)
    for row in found:
        if row.provider == provider:
            return row
    elsewhere = "".join(f"{row.provider!r} has it (zone {row.zone}); " for row in found)
    msg = (
        f"provider {provider!r} has no region {region!r}; {elsewhere}"
        f"{_known(region, _by_provider()[provider])}, {_WAY_OUT}"
    )
    raise UnknownPlaceError(msg)


def _found(region: str) -> list[Region]:
    """The rows that a region name, or an availability zone's, may mean."""
    rows = []
    for provider, known in _by_provider().items():
        name = region if region in known else _without_zone(provider, region)
        if name in known:
            rows.append(known[name])
    return rows


def _without_zone(provider: str, region: str) -> str:
    """The region of an availability zone.

    Not that of an AWS local zone (``us-west-2-lax-1a``): it may lie on another grid.
    """
    if provider == "aws" and re.fullmatch(r".*\d[a-z]", region, re.ASCII):
        return region[:-1]
    if provider == "gcp" and re.fullmatch(r".*\d-[a-z]", region, re.ASCII):
        return region[:-2]
    return region


def _known(asked: str, names: Collection[str]) -> str:
    """The names nearest to what was asked; all of them where none is near."""
    near = get_close_matches(asked, sorted(names), n=3)
    if near:
        return f"nearest known: {_listed(near)}"
    some = sorted(names)
    return f"known are {', '.join(some[:8])}{', ...' if some[8:] else ''}"


def _listed(names: Collection[str]) -> str:
    return " or ".join(repr(name) for name in names)
