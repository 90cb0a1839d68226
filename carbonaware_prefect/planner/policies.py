"""What holds for a run: its deployment's variables, its pool's, its policy block, ours.

Highest first: the run's and the deployment's ``job_variables.env``, the ``env`` of the
work pool's base job template, the ``carbon-policy`` block that ``CARBONAWARE_POLICY``
names, the planner's own environment, the defaults. Credentials, URLs and what else
belongs to a process come from the planner's own environment alone: who may deploy a flow
must not be able to send the planner's keys elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import httpx

from carbonaware_prefect.core import Policy
from carbonaware_prefect.errors import (
    InvalidInputError,
    InvalidSettingError,
    UnknownPlaceError,
)
from carbonaware_prefect.planner.api import Json
from carbonaware_prefect.planner.upcoming import Upcoming, carbonaware, carbonaware_among
from carbonaware_prefect.policies.fields import Giver
from carbonaware_prefect.policies.given import (
    PLACE,
    GivenPolicy,
    given_by,
    no_such_block,
)
from carbonaware_prefect.policies.words import parse_time_zone, shown
from carbonaware_prefect.settings import Settings

__all__ = ["RunPolicies", "RunPolicy", "pool_env", "schedule_zone"]

_BLOCK_NAME = re.compile(r"[a-z0-9-]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPolicy:
    """What holds for a run, or why nobody can tell.

    Attributes:
        settings: all settings together; None when one of them is wrong.
        policy: what they come to; None likewise.
        confined: whether somebody else than the planner named the source.
        fault: which deployment, variable and value is wrong and what is allowed.
    """

    settings: Settings | None = None
    policy: Policy | None = None
    confined: bool = True
    fault: str | None = None


class RunPolicies:
    """The policies of all runs of a pass, each worked out once.

    Args:
        own: the planner's settings.
        deployments: by id.
        pools: by name.
        block: reads a policy block by its name.
    """

    def __init__(
        self,
        own: Settings,
        deployments: Mapping[str, Json],
        pools: Mapping[str, Json],
        block: Callable[[str], Awaitable[Json | None]],
    ) -> None:
        self._own = own
        self._deployments = deployments
        self._pools = pools
        self._block = block
        self._known: dict[tuple[Any, ...], RunPolicy] = {}
        self._blocks: dict[str, Json | str | None] = {}

    async def of(self, run: Upcoming) -> RunPolicy:
        """What holds for that run."""
        env = tuple(sorted((name, str(value)) for name, value in run.env.items()))
        known = (run.deployment, run.pool, env)
        if known not in self._known:
            self._known[known] = await self._work_out(run)
        return self._known[known]

    async def _work_out(self, run: Upcoming) -> RunPolicy:
        deployment = self._deployments[run.deployment]
        try:
            given = await self._given(run, deployment)
            confined = "source" in given.fields
            return self._bind(given.parsed().over(self._own.given()), confined)
        except InvalidInputError as error:
            return RunPolicy(fault=f"deployment {deployment['name']!r}: {error}")
        except Exception as error:  # noqa: BLE001  the others are planned all the same
            why = f"its settings make no sense ({type(error).__name__})"
            return RunPolicy(fault=f"deployment {deployment['name']!r}: {why}")

    async def _given(self, run: Upcoming, deployment: Json) -> GivenPolicy:
        """What the run, its deployment, its pool and its block give, in their words."""
        # Parsed in the end: a wrong value is no fault where another one hides it.
        given = given_by(Giver.DEPLOYMENT, run.env)
        deployed = carbonaware_among(deployment.get("job_variables"))
        given = given.over(given_by(Giver.DEPLOYMENT, deployed))
        given = given.over(given_by(Giver.POOL, pool_env(self._pools.get(run.pool or ""))))
        block = given.over(self._own.given()).complete()["policy"]
        if block is not None:
            given = given.over(given_by(Giver.BLOCK, await self._read_block(block)))
        return given

    async def _read_block(self, name: str) -> Json:
        if name not in self._blocks:
            self._blocks[name] = await self._look_for_block(name)
        found = self._blocks[name]
        if isinstance(found, str):
            raise InvalidSettingError(found)
        if found is None:
            raise no_such_block(name)
        return found

    async def _look_for_block(self, name: str) -> Json | str | None:
        """The block, or what is in the way for those who name it."""
        if not _BLOCK_NAME.fullmatch(name):
            # Prefect gives none a name of other letters, and a path is made of it.
            return (
                f"CARBONAWARE_POLICY={shown(name)}: that is no name of a block; they are "
                "made of lowercase letters, numbers and dashes"
            )
        try:
            return await self._block(name)
        except httpx.HTTPStatusError as error:
            why = f"the server answers {error.response.status_code}"
        except httpx.HTTPError as error:
            why = type(error).__name__
        return f"CARBONAWARE_POLICY={name!r}: the block could not be read ({why})"

    def _bind(self, given: GivenPolicy, confined: bool) -> RunPolicy:
        return RunPolicy(
            settings=self._own.giving(given),
            policy=given.policy(_zone(given)),
            confined=confined,
        )


def _zone(given: GivenPolicy) -> str | None:
    try:
        place = given.place()
    except UnknownPlaceError as error:
        wrong = ", ".join(
            f"CARBONAWARE_{name.upper()}={given.fields[name]!r}"
            for name in PLACE
            if name in given.fields
        )
        msg = f"{wrong}: {error}"
        raise InvalidSettingError(msg) from None
    return None if place is None else place.zone


def pool_env(pool: Json | None) -> dict[str, Any]:
    """The default ``env`` of a pool's base job template."""
    found: Any = pool
    for key in ("base_job_template", "variables", "properties", "env", "default"):
        found = found.get(key) if isinstance(found, dict) else None
    return carbonaware(found)


def schedule_zone(deployment: Json, schedule: str | None) -> tzinfo | None:
    """The time zone of the schedule that made a run, else of the first that has one."""
    schedules = schedules_of(deployment)
    mine = [each for each in schedules if each.get("id") == schedule]
    for each in mine + schedules:
        timing = each.get("schedule")
        name = timing.get("timezone") if isinstance(timing, dict) else None
        if isinstance(name, str) and name:
            try:
                return parse_time_zone(name)
            except ValueError:
                return None
    return None


def schedules_of(deployment: Json) -> list[Json]:
    """The schedules of a deployment."""
    found = deployment.get("schedules")
    return [each for each in found if isinstance(each, dict)] if found else []
