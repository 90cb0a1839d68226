"""Forecast files, as the settings have them read."""

from __future__ import annotations

from datetime import tzinfo
from functools import partial
from zoneinfo import ZoneInfo

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.errors import InvalidSettingError
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.age import why_too_old
from carbonaware_prefect.sources.file import FileSource, path_below
from carbonaware_prefect.sources.typical import TypicalTables
from carbonaware_prefect.sources.typical.clocks import time_zone_of
from carbonaware_prefect.sources.wiring.saved import answer_reader
from carbonaware_prefect.sources.wiring.zones import locations_of

__all__ = ["open_file", "time_zone_for"]


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
        time_zone=partial(time_zone_for, settings),
        read_answer=answer_reader(
            signal=settings.sdk_signal or "average",
            locations=locations_of(settings.sdk_locations),
        ),
        fault=fault,
    )


def time_zone_for(settings: Settings, zone: str | None) -> tzinfo | None:
    """Of times that name none: as the settings say, else the one that the zone lives in."""
    if settings.forecast_time_zone is not None:
        return settings.forecast_time_zone
    if zone is None:
        return None
    try:
        return ZoneInfo(time_zone_of(zone, None, TypicalTables.of(settings)))
    except InvalidSettingError:
        return None
