"""Forecast files, as the settings have them read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from functools import lru_cache, partial
from importlib import resources
from zoneinfo import ZoneInfo

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.age import why_too_old
from carbonaware_prefect.sources.file import FileSource, path_below
from carbonaware_prefect.sources.typical import days_of
from carbonaware_prefect.sources.wiring.saved import answer_reader
from carbonaware_prefect.sources.wiring.zones import locations_of

__all__ = ["open_file"]


def open_file(path: str, settings: Settings, *, confined: bool) -> FileSource:
    """The source that reads a file.

    Args:
        path: as it was named.
        settings: the folder of forecasts, the time zone of times without one, how old a
            forecast may be, what a Carbon Aware SDK measures and how it names zones.
        confined: whether it must lie below the folder of forecasts.

    Raises:
        InvalidSettingError: (a ValueError) it is confined and lies elsewhere.
    """

    def fault(forecast: Forecast, asked: Interval) -> str | None:
        max_age = settings.forecast_max_age
        return why_too_old(forecast, asked, now=utc_now(), max_age=max_age)

    return FileSource(
        path_below(path, settings.forecast_folder) if confined else path,
        name=path,
        time_zone=partial(_time_zone, settings),
        read_answer=answer_reader(
            signal=settings.sdk_signal or "average",
            locations=locations_of(settings.sdk_locations),
        ),
        fault=fault,
    )


def _time_zone(settings: Settings, zone: str | None) -> tzinfo | None:
    """Of times that name none: as the settings say, else the one that the zone lives in."""
    if settings.forecast_time_zone is not None:
        return settings.forecast_time_zone
    days = days_of(zone)
    name = _only_time_zones().get((zone or "")[:2]) if days is None else days.time_zone
    return None if name is None else ZoneInfo(name)


@lru_cache(maxsize=1)
def _only_time_zones() -> Mapping[str, str]:
    """The time zone of each country that has one only."""
    table = resources.files("tzdata") / "zoneinfo" / "zone.tab"
    found: dict[str, list[str]] = {}
    for line in table.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            country, _, name = line.split("\t")[:3]
            found.setdefault(country, []).append(name)
    return {country: names[0] for country, names in found.items() if len(names) == 1}
