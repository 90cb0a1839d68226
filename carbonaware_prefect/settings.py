"""Defaults, and what the environment says: ``CARBONAWARE_<NAME>``, in one model.

Durations are ISO 8601 (``PT6H``) or short (``6h``, ``90m``, ``1h30m``).
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from carbonaware_prefect.errors import InvalidSettingError

__all__ = [
    "DEFAULT_DURATION",
    "DEFAULT_MINIMUM_WAIT",
    "DEFAULT_WINDOW",
    "Settings",
    "parse_duration",
]

DEFAULT_WINDOW = timedelta(hours=6)
DEFAULT_DURATION = timedelta(minutes=30)
DEFAULT_MINIMUM_WAIT = timedelta(minutes=2)

_PREFIX = "CARBONAWARE_"
_SHORT = re.compile(
    r"(?:(?P<days>\d+(?:\.\d+)?)d)?(?:(?P<hours>\d+(?:\.\d+)?)h)?"
    r"(?:(?P<minutes>\d+(?:\.\d+)?)m)?(?:(?P<seconds>\d+(?:\.\d+)?)s)?"
)
_DURATION = TypeAdapter(timedelta)
_FAULTS = {
    "greater_than": "must be longer than zero; write e.g. PT6H or 6h",
    "greater_than_equal": "must not be negative; write e.g. PT2M or 2m",
}


def parse_duration(text: str) -> timedelta:
    """A duration from ``PT6H``, ``6h``, ``90m`` or ``1h30m``.

    Raises:
        ValueError: it is none of these. A bare number is refused: nobody can tell
            whether it means minutes or hours.
    """
    stripped = text.strip()
    short = _SHORT.fullmatch(stripped.lower())
    if stripped and short:
        return timedelta(**{k: float(v) for k, v in short.groupdict().items() if v})
    if stripped.upper().startswith("P"):
        try:
            return _DURATION.validate_python(stripped.upper())
        except ValidationError:
            pass
    msg = f"{text!r} is no duration; write e.g. PT6H, 6h, 90m or 1h30m"
    raise ValueError(msg)


def _duration(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


def _empty_is_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


Positive = Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta(0))]
NotNegative = Annotated[timedelta, BeforeValidator(_duration), Field(ge=timedelta(0))]
Text = Annotated[str | None, BeforeValidator(_empty_is_none)]


class Settings(BaseSettings):
    """What the environment says; None where it says nothing.

    Attributes:
        window: ``CARBONAWARE_WINDOW``, longest wait.
        duration: ``CARBONAWARE_DURATION``, expected run time.
        minimum_wait: ``CARBONAWARE_MINIMUM_WAIT``, nearer slots are waited for in process.
        provider: ``CARBONAWARE_PROVIDER``, cloud provider.
        region: ``CARBONAWARE_REGION``, cloud region.
        zone: ``CARBONAWARE_ZONE``, grid zone; wins over provider and region.
        source: ``CARBONAWARE_SOURCE``, forecast source, e.g. ``typical`` or
            ``file:/data/forecast.csv``.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    window: Positive | None = None
    duration: Positive | None = None
    minimum_wait: NotNegative | None = None
    provider: Text = None
    region: Text = None
    zone: Text = None
    source: Text = None

    @classmethod
    def read(cls) -> Settings:
        """The settings of this process's environment, read now.

        Raises:
            InvalidSettingError: (a ValueError) names the variable, what it holds and
                what is allowed.
        """
        try:
            return cls()
        except ValidationError as error:
            raise InvalidSettingError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    faults = [
        f"{_PREFIX}{str(fault['loc'][0]).upper()}={fault['input']!r}: "
        + _FAULTS.get(fault["type"], fault["msg"].removeprefix("Value error, "))
        for fault in error.errors()
    ]
    return "; ".join(faults)
