"""How forecast services name our zones, from the map of cloud regions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from carbonaware_prefect.clouds.places import Region, regions
from carbonaware_prefect.errors import InvalidSettingError

__all__ = ["locations_of", "scheduler_regions", "watttime_regions"]

# Regions that the CarbonAware Scheduler's own map puts on another grid.
_WRONG_GRID = frozenset(
    {
        ("gcp", "northamerica-northeast2"),
        ("gcp", "us-east4"),
        ("gcp", "us-west2"),
        ("azure", "israelcentral"),
        ("azure", "japaneast"),
        ("azure", "westeurope"),
        ("azure", "northcentralus"),
        ("azure", "southcentralus"),
        ("azure", "westus2"),
    }
)


@lru_cache(maxsize=1)
def watttime_regions() -> Mapping[str, str]:
    """WattTime's region by zone, where a zone lies in one region only."""
    found: dict[str, set[str]] = {}
    for row in regions():
        if row.watttime_region is not None:
            found.setdefault(row.zone, set()).add(row.watttime_region)
    return {zone: min(names) for zone, names in found.items() if len(names) == 1}


@lru_cache(maxsize=1)
def scheduler_regions() -> Mapping[str, tuple[str, str]]:
    """A cloud region to ask the CarbonAware Scheduler for, by zone."""
    found: dict[str, tuple[str, str]] = {}
    for row in regions():
        if _scheduler_knows(row) and (row.provider, row.region) not in _WRONG_GRID:
            found.setdefault(row.zone, (row.provider, row.region))
    return found


def _scheduler_knows(row: Region) -> bool:
    """Whether the row names the scheduler's own map among its origins."""
    parts = row.source.split(";")
    return any(part.startswith("wt:") and "scheduler" in part for part in parts)


def locations_of(words: str | None) -> Mapping[str, str] | None:
    """The mapping in ``DE=germanywestcentral,FR=francecentral``; None for None.

    Raises:
        InvalidSettingError: (a ValueError) it is no such list.
    """
    if words is None:
        return None
    pairs = [pair.partition("=")[::2] for pair in words.split(",") if pair.strip()]
    found = {zone.strip(): location.strip() for zone, location in pairs}
    if not found or not all(zone and location for zone, location in found.items()):
        msg = (
            f"CARBONAWARE_SDK_LOCATIONS={words!r} must look like "
            "DE=germanywestcentral,FR=francecentral"
        )
        raise InvalidSettingError(msg)
    return found
