"""The clock of a grid zone: which time zone its people live by."""

from __future__ import annotations

from datetime import datetime, timezone
from importlib import resources
from zoneinfo import ZoneInfo

from carbonaware_prefect.errors import InvalidSettingError
from carbonaware_prefect.sources.typical.tables import TypicalTables, country_mixes

__all__ = ["time_zone_of"]

_LETTERS = 2
_SUMMER_AND_WINTER = tuple(datetime(2026, m, 15, tzinfo=timezone.utc) for m in (1, 7))


def time_zone_of(zone: str, said: str | None, tables: TypicalTables) -> str:
    """IANA name of the time zone that a zone lives by.

    Args:
        zone: grid zone key.
        said: what the user said, or None.
        tables: typical days that may know it.

    Raises:
        InvalidSettingError: (a ValueError) there is no such time zone, or none was said
            and the zone's country has several.
    """
    if said is not None:
        try:
            return ZoneInfo(said.strip()).key
        except (KeyError, ValueError, OSError):
            msg = f"--time-zone: {said!r} is none; write an IANA name, e.g. Europe/Berlin"
            raise InvalidSettingError(msg) from None
    days = tables.shipped(zone) or country_mixes().get(zone)
    if days is not None:
        return days.time_zone
    names = _of_country(zone[:2])
    if len({_offsets(name) for name in names}) == 1:
        return names[0]
    several = f": {', '.join(names)}" if names else ""
    msg = (
        f"nobody knows which clock zone {zone} lives by; say it with --time-zone, "
        f"an IANA name{several or ', e.g. Europe/Berlin'}"
    )
    raise InvalidSettingError(msg)


def _of_country(country: str) -> list[str]:
    """The time zones of a country, by its two letters."""
    text = resources.files("tzdata.zoneinfo").joinpath("zone.tab").read_text("utf-8")
    lines = [line.split("\t") for line in text.splitlines() if line.startswith(country)]
    return [name for _, _, name, *_ in lines]


def _offsets(name: str) -> tuple[object, ...]:
    return tuple(
        moment.astimezone(ZoneInfo(name)).utcoffset() for moment in _SUMMER_AND_WINTER
    )
