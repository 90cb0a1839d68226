"""Prefect blocks: credentials of forecast sources, and a policy for many deployments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from prefect import Task
from prefect.blocks.abstract import CredentialsBlock
from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr, model_validator
from typing_extensions import Self

from carbonaware_prefect.delay.choice import checked
from carbonaware_prefect.delay.task import carbonaware_delay_task
from carbonaware_prefect.policies.fields import Giver, fields_of
from carbonaware_prefect.policies.given import GivenPolicy, given_by
from carbonaware_prefect.policies.models import BlockModel
from carbonaware_prefect.settings import Settings
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
# As in pyproject.toml.
_DOCUMENTATION = HttpUrl("https://carbonaware-prefect.readthedocs.io")


class _SourceBlock(CredentialsBlock, ABC):
    """What the blocks of forecast sources share.

    That it is abstract itself keeps Prefect from registering it.
    """

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


class CarbonPolicy(BlockModel, Block):
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

    credentials: (
        ElectricityMapsCredentials | WattTimeCredentials | CarbonAwareSdkServer | None
    ) = Field(
        default=None,
        description="The block of the forecast source, instead of its name.",
    )

    if TYPE_CHECKING:
        # The fields of the table: window, duration, zone and so on.
        def __getattr__(self, name: str) -> Any: ...

    @model_validator(mode="after")
    def _check(self) -> Self:
        checked(self._given())
        return self

    def _given(self) -> GivenPolicy:
        """What the block gives; what was left at its default is left open."""
        fields = {name: getattr(self, name) for name in self.model_fields_set}
        given = given_by(Giver.BLOCK, fields).parsed()
        if self.source is None and self.credentials is not None:
            given = GivenPolicy({**given.fields, "source": self.credentials.source()})
        return given

    def delay_task(self, **more: Any) -> Task[..., Any]:
        """The delay task of this policy; ``more`` goes to `carbonaware_delay_task`."""
        in_call = fields_of(Giver.CALL)
        mine = {k: v for k, v in self._given().fields.items() if k in in_call}
        return carbonaware_delay_task(**(mine | more))
