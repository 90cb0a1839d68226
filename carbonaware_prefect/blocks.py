"""Prefect blocks: credentials of forecast sources, and a policy for many deployments."""

from __future__ import annotations

from abc import abstractmethod
from datetime import timedelta
from typing import Any, ClassVar, Literal

from prefect import Task
from prefect.blocks.abstract import CredentialsBlock
from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr, model_validator
from typing_extensions import Self

from carbonaware_prefect.core import Policy
from carbonaware_prefect.delay.choice import Ask
from carbonaware_prefect.delay.task import carbonaware_delay_task
from carbonaware_prefect.policies.bounds import parse_bounds
from carbonaware_prefect.settings import (
    DEFAULT_DURATION,
    DEFAULT_MINIMUM_SAVING,
    DEFAULT_MINIMUM_WAIT,
    DEFAULT_WINDOW,
    Settings,
)
from carbonaware_prefect.sources.base import Source
from carbonaware_prefect.sources.wiring.catalogue import chain_of

__all__ = [
    "CarbonAwareSdkServer",
    "CarbonPolicy",
    "ElectricityMapsCredentials",
    "WattTimeCredentials",
]

# Prefect takes https only, so no picture can come with the package: this one is on
# Prefect's own site.
_LOGO = HttpUrl(
    "https://raw.githubusercontent.com/PrefectHQ/prefect/420d0d6a78bb6df1fc18bcf188fdad43c1d22ea9/assets/block-logos/"
    "secret.png"
)
_DOCUMENTATION = HttpUrl("https://docs.prefect.io/v3/concepts/blocks")


class _SourceBlock(CredentialsBlock):
    """What the blocks of forecast sources share."""

    _source_name: ClassVar[str]

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """What the block says, by the names of the settings."""

    def source(self) -> Source:
        """The forecast source, with the cache and the time limits of every other one.

        Raises:
            InvalidSettingError: (a ValueError) the URL is none, or not safe for a key.
        """
        name = self._block_document_name
        told = f"{self.get_block_type_slug()}/{name}" if name else type(self).__name__
        settings = Settings.read().model_copy(update=self._settings())
        return chain_of(self._source_name, settings, origin=f"the block {told}")

    def get_client(self) -> Source:
        """The same as `source`: what asks the service."""
        return self.source()


class ElectricityMapsCredentials(_SourceBlock):
    """The key of an Electricity Maps account.

    Example:
        Delay a flow by forecasts of Electricity Maps:

        ```python
        from carbonaware_prefect import ElectricityMapsCredentials, carbonaware_delay_task

        credentials = ElectricityMapsCredentials.load("BLOCK_NAME")
        delay = carbonaware_delay_task(zone="DE", source=credentials.source())
        ```
    """

    _block_type_name = "Electricity Maps Credentials"
    _block_type_slug = "electricity-maps-credentials"
    _logo_url = _LOGO
    _documentation_url = _DOCUMENTATION
    _source_name = "electricity_maps"

    key: SecretStr = Field(description="The API key.")
    base_url: str | None = Field(
        default=None,
        description="Where the API is, if not at its usual place.",
    )

    def _settings(self) -> dict[str, Any]:
        return {
            "electricity_maps_key": self.key,
            "electricity_maps_url": self.base_url,
        }


class WattTimeCredentials(_SourceBlock):
    """User name and password of a WattTime account.

    Example:
        Delay a flow by forecasts of WattTime:

        ```python
        from carbonaware_prefect import WattTimeCredentials, carbonaware_delay_task

        credentials = WattTimeCredentials.load("BLOCK_NAME")
        delay = carbonaware_delay_task(zone="CAISO_NORTH", source=credentials.source())
        ```
    """

    _block_type_name = "WattTime Credentials"
    _block_type_slug = "watttime-credentials"
    _logo_url = _LOGO
    _documentation_url = _DOCUMENTATION
    _source_name = "watttime"

    username: str = Field(description="The user name of the account.")
    password: SecretStr = Field(description="The password of the account.")
    base_url: str | None = Field(
        default=None,
        description="Where the API is, if not at its usual place.",
    )

    def _settings(self) -> dict[str, Any]:
        return {
            "watttime_username": self.username,
            "watttime_password": self.password,
            "watttime_url": self.base_url,
        }


class CarbonAwareSdkServer(_SourceBlock):
    """A self-hosted Carbon Aware SDK server.

    Example:
        Delay a flow by forecasts of a server of your own:

        ```python
        from carbonaware_prefect import CarbonAwareSdkServer, carbonaware_delay_task

        server = CarbonAwareSdkServer.load("BLOCK_NAME")
        delay = carbonaware_delay_task(zone="DE", source=server.source())
        ```
    """

    _block_type_name = "Carbon Aware SDK Server"
    _block_type_slug = "carbon-aware-sdk-server"
    _logo_url = _LOGO
    _documentation_url = _DOCUMENTATION
    _source_name = "carbon_aware_sdk"

    base_url: str = Field(description="Where the server is.")
    signal: Literal["average", "marginal"] = Field(
        default="average",
        description="What its backend measures: marginal for WattTime, else average.",
    )
    locations: dict[str, str] = Field(
        default_factory=dict,
        description="Its location names by zone, where they are not named like zones.",
    )

    def _settings(self) -> dict[str, Any]:
        told = ",".join(f"{zone}={place}" for zone, place in self.locations.items())
        return {
            "sdk_url": self.base_url,
            "sdk_signal": self.signal,
            "sdk_locations": told or None,
        }


class CarbonPolicy(Block):
    """How long runs may wait for cleaner electricity, and where they run.

    Example:
        Load a stored policy and make a delay task from it:

        ```python
        from carbonaware_prefect.blocks import CarbonPolicy

        policy = CarbonPolicy.load("BLOCK_NAME")
        delay = policy.delay_task()
        ```
    """

    _block_type_name = "Carbon Policy"
    _block_type_slug = "carbon-policy"
    _logo_url = _LOGO
    _documentation_url = _DOCUMENTATION

    window: timedelta = Field(
        default=DEFAULT_WINDOW,
        description="The longest wait; bounds the start of the run.",
    )
    duration: timedelta = Field(
        default=DEFAULT_DURATION,
        description="The expected run time of the work.",
    )
    minimum_wait: timedelta = Field(
        default=DEFAULT_MINIMUM_WAIT,
        description="A slot nearer than this is waited for in the process.",
    )
    earlier: timedelta = Field(
        default=timedelta(0),
        description="How long before its nominal start the planner may start a run.",
    )
    latest_start: str | None = Field(
        default=None,
        description="The last allowed start: a time of day, 05:00, or from nominal, PT5H.",
    )
    finish_by: str | None = Field(
        default=None,
        description="When the run has to have ended: 07:00, or from nominal, PT8H.",
    )
    not_between: str | None = Field(
        default=None,
        description="Hours that runs keep free: 08:00-18:00; several with commas.",
    )
    time_zone: str | None = Field(
        default=None,
        description="Of the times of day: Europe/Berlin; by default the schedule's.",
    )
    minimum_saving: float = Field(
        default=DEFAULT_MINIMUM_SAVING,
        description="The least saving that is worth a wait: 0.02 for 2 %.",
    )
    provider: str | None = Field(
        default=None,
        description="The cloud provider that the work runs at: aws, azure or gcp.",
    )
    region: str | None = Field(
        default=None,
        description="The cloud region that the work runs in.",
    )
    zone: str | None = Field(
        default=None,
        description="The grid zone, such as DE, instead of provider and region.",
    )
    source: str | None = Field(
        default=None,
        description="The forecast source, such as auto, typical or file:/data/x.csv.",
    )
    credentials: (
        ElectricityMapsCredentials | WattTimeCredentials | CarbonAwareSdkServer | None
    ) = Field(
        default=None,
        description="The block of the forecast source, instead of its name.",
    )

    _fields: ClassVar[tuple[str, ...]] = (
        "window", "duration", "minimum_wait", "provider", "region", "zone", "source",
    )  # fmt: skip
    _limits: ClassVar[tuple[str, ...]] = (
        "latest_start", "finish_by", "not_between", "time_zone", "minimum_saving",
    )  # fmt: skip

    @model_validator(mode="after")
    def _check(self) -> Self:
        Ask(**self._said(), **parse_bounds(**self._said_limits())).check()
        Policy(earlier=self.earlier)
        return self

    def _said_limits(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._limits}

    def _said(self) -> dict[str, Any]:
        said = {name: getattr(self, name) for name in self._fields}
        if self.source is None and self.credentials is not None:
            said["source"] = self.credentials.source()
        return said

    def delay_task(self, **more: Any) -> Task[..., Any]:
        """The delay task of this policy; ``more`` goes to `carbonaware_delay_task`."""
        return carbonaware_delay_task(**(self._said() | self._said_limits() | more))
