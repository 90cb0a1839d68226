"""Defaults, and what the environment says: ``CARBONAWARE_<NAME>``, in one model."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, ClassVar, Literal

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from carbonaware_prefect.errors import InvalidSettingError
from carbonaware_prefect.policies.fields import (
    DEFAULT_DURATION,
    DEFAULT_MINIMUM_WAIT,
    DEFAULT_WINDOW,
    FIELDS,
    PolicyFields,
)
from carbonaware_prefect.policies.given import GivenPolicy, given_in
from carbonaware_prefect.policies.models import PolicyModel
from carbonaware_prefect.policies.words import (
    Positive,
    Secret,
    Text,
    TimeZone,
    explain,
    parse_bound,
    parse_duration,
    parse_hours,
    parse_time_zone,
)

__all__ = [
    "DEFAULT_DURATION",
    "DEFAULT_MINIMUM_WAIT",
    "DEFAULT_WINDOW",
    "Settings",
    "parse_bound",
    "parse_duration",
    "parse_hours",
    "parse_time_zone",
]

_PREFIX = "CARBONAWARE_"


class Settings(PolicyModel, BaseSettings):
    """What the environment says, and the defaults where it says nothing.

    The fields of a policy come from `carbonaware_prefect.policies.fields`; they are read
    through `given` and `policy_fields`. The others belong to the process:

    Attributes:
        zone_limit: ``CARBONAWARE_ZONE_LIMIT``, runs at a time in each zone, ``20`` or
            ``DE=20,FR=10``; for the planner.
        pool_limit: ``CARBONAWARE_POOL_LIMIT``, runs at a time in work pools,
            ``my-pool=4``, where only their workers know; for the planner.
        planner_horizon: ``CARBONAWARE_PLANNER_HORIZON``, how far ahead it looks.
        planner_interval: ``CARBONAWARE_PLANNER_INTERVAL``, time between its passes.
        source_timeout: ``CARBONAWARE_SOURCE_TIMEOUT``, time for all sources together.
        pages: ``CARBONAWARE_PAGES``, whether pages and log lines in Prefect say why runs
            wait.
        detect: ``CARBONAWARE_DETECT``, whether to look for the cloud we run in where
            nobody says a place.
        forecast_folder: ``CARBONAWARE_FORECAST_FOLDER``, below which deployments, pools
            and blocks may name forecast files; without it they may name none.
        forecast_time_zone: ``CARBONAWARE_FORECAST_TIME_ZONE``, of times in forecast files
            that name none; by default the one that the grid zone lives in.
        forecast_max_age: ``CARBONAWARE_FORECAST_MAX_AGE``, how long ago a forecast may
            have been issued.
        typical_dir: ``CARBONAWARE_TYPICAL_DIR``, folder of the user's own typical days;
            empty for none.
        typical_odbl: ``CARBONAWARE_TYPICAL_ODBL``, whether typical days from data under
            the ODbL 1.0 are used.
        cache_dir: ``CARBONAWARE_CACHE_DIR``, folder of the forecasts that the processes
            of a machine share; empty keeps them within each process.
        electricity_maps_key, watttime_username, watttime_password: credentials.
        sdk_url, sdk_signal: where a Carbon Aware SDK server is, and what its backend
            measures.
        sdk_locations: its location names by zone, ``DE=germanywestcentral,FR=...``.
        *_url: base URLs of the other sources, for mirrors and proxies.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=_PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    zone_limit: Text = None
    pool_limit: Text = None
    planner_horizon: Positive = timedelta(hours=36)
    planner_interval: Positive = timedelta(minutes=5)
    source_timeout: Positive = timedelta(seconds=10)
    pages: bool = True
    detect: bool = True
    forecast_folder: Text = None
    forecast_time_zone: TimeZone | None = None
    forecast_max_age: Positive = timedelta(hours=48)
    typical_dir: str | None = None
    typical_odbl: bool = True
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
            empty: dict[str, Any] = {
                name: ""
                for name in ("cache_dir", "typical_dir")
                if os.environ.get(f"{_PREFIX}{name.upper()}", "-").strip() == ""
            }
            return cls(**empty)
        except ValidationError as error:
            raise InvalidSettingError(explain(error, _hidden())) from None

    def given(self) -> GivenPolicy:
        """What of a policy the environment gives."""
        return given_in(self)

    @property
    def policy_fields(self) -> PolicyFields:
        """Every field of the policy, with the default where nothing is set."""
        return self.given().complete()

    def giving(self, given: GivenPolicy) -> Settings:
        """These settings with that policy instead of their own."""
        return self.model_copy(update={**_DEFAULTS, **given.fields})


_DEFAULTS = {name: field.default for name, field in FIELDS.items()}


def _hidden() -> frozenset[str]:
    """Settings whose values no message shows: secrets, and what is somebody's own."""
    return frozenset(
        name
        for name, field in Settings.model_fields.items()
        # A URL may hold a password, a name belongs to somebody.
        if "SecretStr" in str(field.annotation) or name.endswith(("_url", "_username"))
    )
