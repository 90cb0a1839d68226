"""What the inputs of a deploy step say, as they come from YAML: words in, values out.

Each reader raises `InvalidSettingError`, which says what was given, what is allowed and
what to write.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import time, timedelta
from difflib import get_close_matches
from zoneinfo import available_timezones

from carbonaware_prefect.clouds.places import resolve_place
from carbonaware_prefect.deploy_step.typical_start import LONGEST
from carbonaware_prefect.errors import InvalidSettingError, UnknownPlaceError
from carbonaware_prefect.settings import Settings, parse_duration
from carbonaware_prefect.sources.typical import (
    Days,
    TypicalTables,
    days_of,
)

__all__ = [
    "read_between",
    "read_days",
    "read_duration",
    "read_months",
    "read_table",
    "read_time_zone",
]

_BETWEEN = re.compile(
    r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]|24(?=:00)):([0-5]\d)", re.ASCII
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_WORDS = {
    "every day": "monday-sunday",
    "weekdays": "monday-friday",
    "weekend": "saturday-sunday",
    "every month": "january-december",
}
_SHORTEST_NAME = 3


def read_between(given: object) -> tuple[time, time]:
    """The first and the last allowed start, from ``22:00-06:00``."""
    found = _BETWEEN.fullmatch(_text(given))
    if found is not None:
        hour, minute, last_hour, last_minute = map(int, found.groups())
        # The last full minute of a day, so that 00:00-24:00 is a whole one.
        closes = time(23, 59) if last_hour > time.max.hour else time(last_hour, last_minute)
        opens = time(hour, minute)
        if opens != closes:
            return opens, closes
    msg = (
        f"between={given!r} is no range of allowed starts; write two local times that "
        'differ, first and last start, e.g. between: "22:00-06:00" (it may cross '
        'midnight; "00:00-24:00" is a whole day)'
    )
    raise InvalidSettingError(msg)


def read_duration(given: object) -> timedelta:
    """A positive duration of at most a week, from ``PT1H`` or ``90m``."""
    try:
        duration = given if isinstance(given, timedelta) else parse_duration(_text(given))
    except ValueError as error:
        msg = f"duration={given!r}: {error}"
        raise InvalidSettingError(msg) from None
    if timedelta(0) < duration <= LONGEST:
        return duration
    msg = (
        f"duration={given!r} must be longer than zero and at most {LONGEST.days} days, "
        "the expected run time of the work; write e.g. PT1H or 90m"
    )
    raise InvalidSettingError(msg)


def read_table(provider: object, region: object, zone: object) -> tuple[str, Days]:
    """The grid zone of a place, and the typical days it goes by.

    Raises:
        UnknownPlaceError: (a ValueError) no place, none of that name, or one whose zone
            has no typical days.
    """
    place = resolve_place(*(_said(given) for given in (provider, region, zone)))
    tables = TypicalTables.of(Settings.read())
    known = "`carbonaware-prefect typical show` lists the zones with typical days"
    if place is None:
        msg = f"nobody said where the work runs; give zone, or provider and region; {known}"
        raise UnknownPlaceError(msg)
    table = days_of(place.zone, tables)
    if table is None:
        where = "" if place.region is None else f" ({place.provider} {place.region})"
        msg = (
            f"zone {place.zone!r}{where} has no typical days, so it has no typically "
            f"cleanest start: {tables.why_not(place.zone)}; {known}. For "
            "another zone write the cron yourself, and let the delay task move its runs by "
            "a forecast of that zone"
        )
        raise UnknownPlaceError(msg)
    return place.zone, table


def read_time_zone(given: object, default: str) -> str:
    """An IANA name; ``default`` where nothing was said."""
    name = _text(given)
    if not name:
        return default
    known = available_timezones()
    if name in known:
        return name
    near = get_close_matches(name, sorted(known), cutoff=0.7)
    msg = (
        f"timezone={given!r} is no time zone; "
        + (f"nearest known: {', '.join(near)}; " if near else "")
        + f"write an IANA name, e.g. Europe/Berlin or UTC, or leave it out for {default}"
    )
    raise InvalidSettingError(msg)


def read_days(given: object) -> frozenset[int]:
    """Days of the week, 0 is Monday: ``weekdays``, ``mon-thu``, ``sat,sun``."""
    found = _members(given, _DAYS, "every day")
    if found:
        return frozenset(found)
    msg = (
        f"days={given!r} names no days; write 'every day', 'weekdays', 'weekend', or days "
        "and ranges of them, e.g. mon-thu or tue,fri"
    )
    raise InvalidSettingError(msg)


def read_months(given: object) -> frozenset[int]:
    """Months, 1 is January: ``every month``, ``4-9``, ``oct-mar``, ``6,12``."""
    found = _members(given, _MONTHS, "every month")
    if found:
        return frozenset(month + 1 for month in found)
    msg = (
        f"months={given!r} names no months; write 'every month', or months and ranges of "
        "them, e.g. 4-9, oct-mar or 6,12"
    )
    raise InvalidSettingError(msg)


def _said(given: object) -> str | None:
    return None if given is None else str(given)


def _text(given: object) -> str:
    return "" if given is None else str(given).strip()


def _members(given: object, names: Sequence[str], default: str) -> set[int]:
    """Indices of names, listed with commas and in ranges that may wrap; empty if none."""
    parts = given if isinstance(given, (list, tuple)) else [_text(given)]
    text = ",".join(map(str, parts)).lower() or default
    found: set[int] = set()
    for part in _WORDS.get(text, text).split(","):
        first, dash, last = part.partition("-")
        start, end = _index(first, names), _index(last if dash else first, names)
        if start is None or end is None:
            return set()
        length = (end - start) % len(names) + 1
        found.update((start + i) % len(names) for i in range(length))
    return found


def _index(word: str, names: Sequence[str]) -> int | None:
    """Of a name, at least three letters of it, or a month's number."""
    word = word.strip()
    if names is _MONTHS and word.isdecimal() and 1 <= int(word) <= len(names):
        return int(word) - 1
    if len(word) < _SHORTEST_NAME:
        return None
    return next((i for i, name in enumerate(names) if name.startswith(word)), None)
