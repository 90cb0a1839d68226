"""What the server says at the beginning of a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from carbonaware_prefect.planner.api import Api, Json
from carbonaware_prefect.planner.report import Outcome, cannot_be_read, not_understood
from carbonaware_prefect.planner.upcoming import Upcoming, moment, read_upcoming
from carbonaware_prefect.settings import Settings

__all__ = ["World", "read_world"]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Deployments and pools by id and by name, their runs, and what cannot be read.

    Attributes:
        now: the present, by the server's clock.
        deployments: that opted in, by id.
        runs: their scheduled runs.
        pools: of these, by name.
        unreadable: outcomes of runs that make no sense.
    """

    now: datetime
    deployments: Mapping[str, Json]
    runs: tuple[Upcoming, ...]
    pools: Mapping[str, Json]
    unreadable: tuple[Outcome, ...] = ()


async def read_world(api: Api, settings: Settings) -> World:
    """Read them.

    Raises:
        httpx.HTTPError: the API could not be read.
    """
    deployments = {each["id"]: each for each in await api.deployments()}
    now = api.now()
    found = await api.upcoming(now + settings.planner_horizon) if deployments else []
    runs: dict[str, Upcoming] = {}
    unreadable = [
        cannot_be_read(run, moment(known.due) or now)
        for run, known in api.unreadable.items()
    ]
    for each in found:
        if each.get("deployment_id") not in deployments:
            continue
        try:
            run = read_upcoming(each)
        except Exception as error:  # noqa: BLE001  the others are planned all the same
            deployment = deployments[each["deployment_id"]]["name"]
            unreadable.append(not_understood(each, deployment, now, error))
        else:
            if run is None:
                deployment = deployments[each["deployment_id"]]["name"]
                unreadable.append(not_understood(each, deployment, now, None))
            else:
                runs[run.id] = run
    names = sorted({run.pool for run in runs.values() if run.pool is not None})
    pools = {pool["name"]: pool for pool in (await api.pools(names) if names else [])}
    return World(
        now=now,
        deployments=deployments,
        runs=tuple(runs.values()),
        pools=pools,
        unreadable=tuple(unreadable),
    )
