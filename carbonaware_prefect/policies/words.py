"""From words to values: durations, times of day, hours, shares, time zones.

Durations are ISO 8601 (``PT6H``) or short (``6h``, ``90m``, ``1h30m``).
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Collection, Mapping
from datetime import time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, SecretStr, TypeAdapter, ValidationError
from pydantic_settings import NoDecode

from carbonaware_prefect.core import Hours
from carbonaware_prefect.errors import InvalidInputError, InvalidSettingError

__all__ = [
    "Count",
    "FreeHours",
    "NotNegative",
    "Positive",
    "Power",
    "Secret",
    "Share",
    "Text",
    "TimeBound",
    "TimeZone",
    "explain",
    "parse_argument",
    "parse_bound",
    "parse_duration",
    "parse_hours",
    "parse_power",
    "parse_time_zone",
]

_SHORT = re.compile(
    r"(?:(?P<days>\d+(?:\.\d+)?)d)?(?:(?P<hours>\d+(?:\.\d+)?)h)?"
    r"(?:(?P<minutes>\d+(?:\.\d+)?)m)?(?:(?P<seconds>\d+(?:\.\d+)?)s)?"
)
_CLOCK = re.compile(r"(?P<hour>[01]?\d|2[0-3]|24(?=:00)):(?P<minute>[0-5]\d)")
_SHARE = re.compile(r"(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<percent>%)?")
_POWER = re.compile(
    r"(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<unit>(?:[kK]|M)?[wW])", re.ASCII
)
_WATTS = {"w": 1.0, "kw": 1e3, "mw": 1e6}
_DURATION = TypeAdapter(timedelta)
# Beyond it, a sum with a start leaves the calendar.
_LONGEST = timedelta(days=366)
# No data centre takes more.
_MOST_WATTS = 1e10
_SHORTENED = reprlib.Repr()
_SHORTENED.maxstring = _SHORTENED.maxother = 100
_FAULTS = {
    "greater_than": "must be longer than zero; write e.g. PT6H or 6h",
    "greater_than_equal": "must not be negative",
    "int_parsing": "is no whole number; write e.g. 4",
    "less_than_equal": "must be a year at most; write e.g. PT6H or 6h",
    "less_than": "must be less than all of it; write e.g. 0.02 or 2%",
}


def parse_duration(text: str) -> timedelta:
    """A duration from ``PT6H``, ``6h``, ``90m`` or ``1h30m``.

    Raises:
        InvalidSettingError: (a ValueError) it is none of these, or longer than a year.
            A bare number is refused: nobody can tell minutes from hours.
    """
    stripped = text.strip()
    short = _SHORT.fullmatch(stripped.lower())
    duration = None
    try:
        if stripped and short:
            parts = {k: float(v) for k, v in short.groupdict().items() if v}
            duration = timedelta(**parts)
        elif stripped.upper().startswith("P"):
            duration = _DURATION.validate_python(stripped.upper())
    except ValidationError:
        pass
    except OverflowError:
        duration = timedelta.max
    if duration is not None and duration <= _LONGEST:
        return duration
    if duration is not None:
        msg = f"{shown(text)} is more than a year; write e.g. PT6H, 6h, 90m or 1h30m"
        raise InvalidSettingError(msg)
    msg = f"{shown(text)} is no duration; write e.g. PT6H, 6h, 90m or 1h30m"
    raise InvalidSettingError(msg)


def parse_bound(text: str) -> time | timedelta:
    """A time of day (``07:00``), or a time from the due time (``PT6H``, ``6h``).

    Raises:
        InvalidSettingError: (a ValueError) it is neither.
    """
    clock = _CLOCK.fullmatch(text.strip())
    if clock:
        return _time(clock)
    try:
        return parse_duration(text)
    except ValueError:
        msg = (
            f"{shown(text)} is no time; write a time of day, e.g. 07:00, or a time from "
            "the due time, e.g. PT6H"
        )
        raise InvalidSettingError(msg) from None


def parse_hours(text: str) -> tuple[Hours, ...]:
    """Hours of the day: ``08:00-18:00``, several with commas, also across midnight.

    Raises:
        InvalidSettingError: (a ValueError) something else.
    """
    found = []
    for part in text.split(","):
        ends = [_CLOCK.fullmatch(end.strip()) for end in part.split("-")]
        if len(ends) != 2 or not all(ends):  # noqa: PLR2004
            msg = f"{shown(part.strip())} is no range of hours; write e.g. 08:00-18:00"
            raise InvalidSettingError(msg)
        start, end = (_time(clock) for clock in ends if clock)
        try:
            found.append(Hours(start, end))
        except InvalidInputError as error:
            raise InvalidSettingError(str(error)) from None
    return tuple(found)


def parse_power(text: str) -> float:
    """Watts from ``400W``, ``1.2kW`` or ``2MW``.

    Raises:
        InvalidSettingError: (a ValueError) it is none of these, or zero. A bare number is
            refused: nobody can tell watts from kilowatts.
    """
    found = _POWER.fullmatch(text.strip())
    unit = found["unit"].lower() if found else ""
    watts = float(found["number"]) * _WATTS[unit] if found and unit in _WATTS else 0.0
    if not 0 < watts < _MOST_WATTS:
        msg = f"{shown(text)} is no power; write e.g. 400W or 1.2kW"
        raise InvalidSettingError(msg)
    return watts


def parse_time_zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name.

    Raises:
        InvalidSettingError: (a ValueError) there is none of that name.
    """
    try:
        return ZoneInfo(name.strip())
    except (KeyError, ValueError, OSError):
        msg = (
            f"{shown(name)} is no time zone; write an IANA name, e.g. Europe/Berlin or UTC"
        )
        raise InvalidSettingError(msg) from None


def _time(clock: re.Match[str]) -> time:
    hour, minute = int(clock["hour"]), int(clock["minute"])
    # The end of a day is written 24:00 by many.
    return time(0 if (hour, minute) == (24, 0) else hour, minute)


def _share(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    share = _SHARE.fullmatch(value.strip())
    if not share:
        msg = f"{shown(value)} is no share; write e.g. 0.02 or 2%"
        raise InvalidSettingError(msg)
    return float(share["number"]) / (100 if share["percent"] else 1)


def _parsed_by(parse: Callable[[str], Any]) -> BeforeValidator:
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


def _duration(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


def _empty_is_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


Bounded = Annotated[timedelta, Field(le=_LONGEST)]
Positive = Annotated[Bounded, BeforeValidator(_duration), Field(gt=timedelta(0))]
NotNegative = Annotated[Bounded, BeforeValidator(_duration), Field(ge=timedelta(0))]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=0)]
TimeBound = Annotated[time | Bounded, _parsed_by(parse_bound)]
FreeHours = Annotated[tuple[Hours, ...], NoDecode, _parsed_by(parse_hours)]
TimeZone = Annotated[ZoneInfo, _parsed_by(parse_time_zone)]
Power = Annotated[float, _parsed_by(parse_power), Field(gt=0)]
Text = Annotated[str | None, BeforeValidator(_empty_is_none)]
Secret = Annotated[SecretStr | None, BeforeValidator(_empty_is_none)]


def explain(error: ValidationError, hidden: Collection[str] = ()) -> str:
    """What is wrong with settings: the variable, what it holds, what is allowed.

    Args:
        error: of a model whose fields are settings.
        hidden: fields whose value is not shown: secrets, URLs, names of accounts.
    """
    return "; ".join(
        f"CARBONAWARE_{str(fault['loc'][0]).upper()}="
        + ("(not shown)" if fault["loc"][0] in hidden else shown(fault["input"]))
        + f": {_why(fault)}"
        for fault in error.errors()
    )


def shown(value: object) -> str:
    """A value as messages quote it: its middle is left out where it is long."""
    return _SHORTENED.repr(value)


def parse_argument(name: str, words: str, kind: Any) -> Any:
    """What the words given for an argument stand for.

    Raises:
        InvalidSettingError: (a ValueError) names the argument and what is allowed.
    """
    try:
        return TypeAdapter(kind).validate_python(words)
    except ValidationError as error:
        fault = error.errors()[0]
        why = _why(fault)
        # A parser's own sentence holds the words, pydantic's does not.
        quoted = "" if fault["type"] == "value_error" else f"{shown(words)} "
        msg = f"{name}: {quoted}{why}"
        raise InvalidSettingError(msg) from None


def _why(fault: Mapping[str, Any]) -> str:
    sentence: str = fault["msg"]
    return _FAULTS.get(fault["type"], sentence.removeprefix("Value error, "))
