"""Prefect blocks: a policy that many deployments share."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from prefect import Task
from prefect.blocks.core import Block
from pydantic import Field, model_validator
from typing_extensions import Self

from carbonaware_prefect.choice import Ask
from carbonaware_prefect.settings import (
    DEFAULT_DURATION,
    DEFAULT_MINIMUM_WAIT,
    DEFAULT_WINDOW,
)
from carbonaware_prefect.task import carbonaware_delay_task

__all__ = ["CarbonPolicy"]


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
        description="The forecast source, such as typical or file:/data/forecast.csv.",
    )

    _fields: ClassVar[tuple[str, ...]] = (
        "window", "duration", "minimum_wait", "provider", "region", "zone", "source",
    )  # fmt: skip

    @model_validator(mode="after")
    def _check(self) -> Self:
        Ask(**self._said()).check()
        return self

    def _said(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._fields}

    def delay_task(self, **more: Any) -> Task[..., Any]:
        """The delay task of this policy; ``more`` goes to `carbonaware_delay_task`."""
        return carbonaware_delay_task(**(self._said() | more))
