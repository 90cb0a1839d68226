"""Defaults, and what the environment says: ``CARBONAWARE_<NAME>``, in one model.

Durations are ISO 8601 (``PT6H``) or short (``6h``, ``90m``, ``1h30m``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from datetime import time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, SecretStr, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from carbonaware_prefect.core import Hours
from carbonaware_prefect.errors import InvalidInputError, InvalidSettingError

__all__ = [
    "DEFAULT_DURATION",
    "DEFAULT_MINIMUM_SAVING",
    "DEFAULT_MINIMUM_WAIT",
    "DEFAULT_WINDOW",
    "Settings",
    "explain",
    "parse_bound",
    "parse_duration",
    "parse_hours",
    "parse_time_zone",
]

DEFAULT_WINDOW = timedelta(hours=6)
DEFAULT_DURATION = timedelta(minutes=30)
DEFAULT_MINIMUM_WAIT = timedelta(minutes=2)
DEFAULT_MINIMUM_SAVING = 0.02

_PREFIX = "CARBONAWARE_"
_SHORT = re.compile(
    r"(?:(?P<days>\d+(?:\.\d+)?)d)?(?:(?P<hours>\d+(?:\.\d+)?)h)?"
    r"(?:(?P<minutes>\d+(?:\.\d+)?)m)?(?:(?P<seconds>\d+(?:\.\d+)?)s)?"
)
_CLOCK = re.compile(r"(?P<hour>[01]?\d|2[0-3]|24(?=:00)):(?P<minute>[0-5]\d)")
_SHARE = re.compile(r"(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<percent>%)?")
_DURATION = TypeAdapter(timedelta)
# Beyond it, a sum with a start leaves the calendar.
_LONGEST = timedelta(days=366)
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
        ValueError: it is none of these, or longer than a year. A bare number is refused:
            nobody can tell whether it means minutes or hours.
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
        msg = f"{text!r} is more than a year; write e.g. PT6H, 6h, 90m or 1h30m"
        raise ValueError(msg)
    msg = f"{text!r} is no duration; write e.g. PT6H, 6h, 90m or 1h30m"
    raise ValueError(msg)


def parse_bound(text: str) -> time | timedelta:
    """A time of day (``07:00``), or a time from the nominal start (``PT6H``, ``6h``).

    Raises:
        ValueError: it is neither.
    """
    clock = _CLOCK.fullmatch(text.strip())
    if clock:
        return _time(clock)
    try:
        return parse_duration(text)
    except ValueError:
        msg = f"{text!r} is no time; write a time of day, e.g. 07:00, or a time from the "
        raise ValueError(msg + "nominal start, e.g. PT6H") from None


def parse_hours(text: str) -> tuple[Hours, ...]:
    """Hours of the day: ``08:00-18:00``, several with commas, also across midnight.

    Raises:
        ValueError: something else.
    """
    found = []
    for part in text.split(","):
        ends = [_CLOCK.fullmatch(end.strip()) for end in part.split("-")]
        if len(ends) != 2 or not all(ends):  # noqa: PLR2004
            msg = f"{part.strip()!r} is no range of hours; write e.g. 08:00-18:00"
            raise ValueError(msg)
        start, end = (_time(clock) for clock in ends if clock)
        try:
            found.append(Hours(start, end))
        except InvalidInputError as error:
            raise ValueError(str(error)) from None
    return tuple(found)


def parse_time_zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name.

    Raises:
        ValueError: there is none of that name.
    """
    try:
        return ZoneInfo(name.strip())
    except (KeyError, ValueError, OSError):
        msg = f"{name!r} is no time zone; write an IANA name, e.g. Europe/Berlin or UTC"
        raise ValueError(msg) from None


def _time(clock: re.Match[str]) -> time:
    hour, minute = int(clock["hour"]), int(clock["minute"])
    # The end of a day is written 24:00 by many.
    return time(0 if (hour, minute) == (24, 0) else hour, minute)


def _share(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    share = _SHARE.fullmatch(value.strip())
    if not share:
        msg = f"{value!r} is no share; write e.g. 0.02 or 2%"
        raise ValueError(msg)
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
Text = Annotated[str | None, BeforeValidator(_empty_is_none)]
Secret = Annotated[SecretStr | None, BeforeValidator(_empty_is_none)]


class Settings(BaseSettings):
    """What the environment says; None where it says nothing.

    Attributes:
        window: ``CARBONAWARE_WINDOW``, longest wait.
        duration: ``CARBONAWARE_DURATION``, expected run time.
        minimum_wait: ``CARBONAWARE_MINIMUM_WAIT``, nearer slots are waited for in process.
        earlier: ``CARBONAWARE_EARLIER``, how long before its nominal start a run may
            start; for the planner.
        latest_start: ``CARBONAWARE_LATEST_START``, last allowed start, ``05:00`` or
            ``PT5H`` from the nominal start.
        finish_by: ``CARBONAWARE_FINISH_BY``, when the run has to have ended, likewise.
        not_between: ``CARBONAWARE_NOT_BETWEEN``, hours that runs keep free,
            ``08:00-18:00``.
        time_zone: ``CARBONAWARE_TIME_ZONE``, of the times of day; by default the
            schedule's.
        minimum_saving: ``CARBONAWARE_MINIMUM_SAVING``, the least that is worth a wait.
        policy: ``CARBONAWARE_POLICY``, name of a carbon-policy block.
        replan_gain: ``CARBONAWARE_REPLAN_GAIN``, the least that is worth a second move.
        max_moves: ``CARBONAWARE_MAX_MOVES``, moves of one run by the planner.
        freeze: ``CARBONAWARE_FREEZE``, the planner leaves runs alone that start so soon.
        zone_limit: ``CARBONAWARE_ZONE_LIMIT``, runs at a time in each zone, ``20`` or
            ``DE=20,FR=10``; for the planner.
        planner_horizon: ``CARBONAWARE_PLANNER_HORIZON``, how far ahead it looks.
        planner_interval: ``CARBONAWARE_PLANNER_INTERVAL``, time between its passes.
        provider: ``CARBONAWARE_PROVIDER``, cloud provider.
        region: ``CARBONAWARE_REGION``, cloud region.
        zone: ``CARBONAWARE_ZONE``, grid zone; wins over provider and region.
        source: ``CARBONAWARE_SOURCE``, forecast source, e.g. ``auto``, ``typical``,
            ``energy_charts,typical`` or ``file:/data/forecast.csv``.
        allow_typical: ``CARBONAWARE_ALLOW_TYPICAL``, whether ``auto`` ends in typical
            days when no live source delivers.
        source_timeout: ``CARBONAWARE_SOURCE_TIMEOUT``, time for all sources together.
        detect: ``CARBONAWARE_DETECT``, whether to look for the cloud we run in where
            nobody says a place.
        cache_dir: ``CARBONAWARE_CACHE_DIR``, folder of the forecasts that the processes
            of a machine share; empty keeps them within each process.
        electricity_maps_key, watttime_username, watttime_password: credentials.
        sdk_url, sdk_signal: where a Carbon Aware SDK server is, and what its backend
            measures.
        sdk_locations: its location names by zone, ``DE=germanywestcentral,FR=...``.
        *_url: base URLs of the other sources, for mirrors and proxies.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    window: Positive | None = None
    duration: Positive | None = None
    minimum_wait: NotNegative | None = None
    earlier: NotNegative = timedelta(0)
    latest_start: TimeBound | None = None
    finish_by: TimeBound | None = None
    not_between: FreeHours = ()
    time_zone: TimeZone | None = None
    minimum_saving: Share = DEFAULT_MINIMUM_SAVING
    policy: Text = None
    replan_gain: Share = 0.05
    max_moves: Count = 4
    freeze: NotNegative = timedelta(minutes=10)
    zone_limit: Text = None
    planner_horizon: Positive = timedelta(hours=36)
    planner_interval: Positive = timedelta(minutes=5)
    provider: Text = None
    region: Text = None
    zone: Text = None
    source: Text = None
    allow_typical: bool = True
    source_timeout: Positive = timedelta(seconds=10)
    detect: bool = True
    cache_dir: str | None = None
    electricity_maps_key: Secret = None
    electricity_maps_url: Text = None
    watttime_username: Text = None
    watttime_password: Secret = None
    watttime_url: Text = None
    sdk_url: Text = None
    sdk_signal: Literal["average", "marginal"] | None = None
    sdk_locations: Text = None
    gb_carbon_intensity_url: Text = None
    energy_charts_url: Text = None
    carbonaware_scheduler_url: Text = None

    @classmethod
    def read(cls) -> Settings:
        """The settings of this process's environment, read now.

        Raises:
            InvalidSettingError: (a ValueError) names the variable, what it holds and
                what is allowed.
        """
        try:
            # An empty variable counts as none, but here it says something.
            uncached = os.environ.get(f"{_PREFIX}CACHE_DIR", "-").strip() == ""
            return cls(cache_dir="") if uncached else cls()
        except ValidationError as error:
            raise InvalidSettingError(explain(error)) from None


def explain(error: ValidationError) -> str:
    """What is wrong with settings: the variable, what it holds, what is allowed."""
    faults = [
        f"{_PREFIX}{str(fault['loc'][0]).upper()}={_shown(fault)}: "
        + _FAULTS.get(fault["type"], fault["msg"].removeprefix("Value error, "))
        for fault in error.errors()
    ]
    return "; ".join(faults)


def _shown(fault: Mapping[str, Any]) -> str:
    """What the variable holds, unless that is a secret."""
    field = Settings.model_fields.get(str(fault["loc"][0]))
    secret = field is None or "SecretStr" in str(field.annotation)
    # A URL may hold a password, a name belongs to somebody.
    personal = str(fault["loc"][0]).endswith(("_url", "_username"))
    return "(not shown)" if secret or personal else repr(fault["input"])
