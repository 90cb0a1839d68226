"""Defaults, and what the environment says: ``CARBONAWARE_<NAME>``, in one model.

Durations are ISO 8601 (``PT6H``) or short (``6h``, ``90m``, ``1h30m``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, TypeAdapter, ValidationError
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
Secret = Annotated[SecretStr | None, BeforeValidator(_empty_is_none)]


class Settings(BaseSettings):
    """What the environment says; None where it says nothing.

    Attributes:
        window: ``CARBONAWARE_WINDOW``, longest wait.
        duration: ``CARBONAWARE_DURATION``, expected run time.
        minimum_wait: ``CARBONAWARE_MINIMUM_WAIT``, nearer slots are waited for in process.
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
            raise InvalidSettingError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
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
