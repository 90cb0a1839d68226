"""Runs of a schedule that is no more, beside the same occurrence of one that is there.

Prefect's scheduler finds out in one transaction what is to be made, and makes it in the
next. A deploy between the two deletes the schedule and all of its runs that lie ahead, and
new ones are made; what comes after that is a stray, and would do the work a second time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from carbonaware_prefect.planner.api import EXACTLY, Api
from carbonaware_prefect.planner.calls import Json
from carbonaware_prefect.planner.upcoming import StartOwner, Upcoming

__all__ = ["Stray", "find_strays"]

Stray = tuple[Upcoming, Upcoming]
"""A stray, and the run that its occurrence has beside it."""


async def find_strays(
    api: Api, now: datetime, runs: Sequence[Upcoming], deployments: Mapping[str, Json]
) -> list[Stray]:
    """Find them among runs that nobody has moved, and look again before saying so.

    Args:
        api: the Prefect API.
        now: the present, by the server's clock. What is due may have been spared by the
            deploy, and is no stray.
        runs: all upcoming ones.
        deployments: by id; what was deployed after they were read looks like a stray.
    """
    found = _among(runs, now, deployments)
    if not found:
        return []
    keys = sorted({stray.deployment for stray, _ in found})
    present = {each["id"]: each for each in await api.deployments_with(keys)}
    ids = sorted({run.id for pair in found for run in pair})
    there = {run["id"] for run in await api.runs(ids)}
    still = _among([run for run in runs if run.id in there], now, present)
    return [pair for pair in still if pair in found]


def _among(
    runs: Iterable[Upcoming], now: datetime, deployments: Mapping[str, Json]
) -> list[Stray]:
    schedules = {
        key: {each.get("id") for each in deployment.get("schedules") or []}
        for key, deployment in deployments.items()
    }
    strays: list[Upcoming] = []
    wanted: dict[str, list[Upcoming]] = defaultdict(list)
    for run in runs:
        if run.schedule is None or run.deployment not in schedules:
            continue
        if run.schedule in schedules[run.deployment]:
            wanted[run.deployment].append(run)
        elif run.start_owner is StartOwner.SCHEDULE and run.nominal_start > now:
            strays.append(run)
    return [
        (stray, twin)
        for stray in strays
        if (twin := _twin(stray, wanted[stray.deployment])) is not None
    ]


def _twin(stray: Upcoming, runs: Iterable[Upcoming]) -> Upcoming | None:
    twins = (run for run in runs if abs(run.nominal_start - stray.nominal_start) <= EXACTLY)
    return min(twins, key=lambda run: run.id, default=None)
