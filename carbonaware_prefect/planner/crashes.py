"""Runs that were moved and then marked Crashed while their process ended.

The delay task has moved the run, the server has accepted it, and in the milliseconds
before the process could say so it was killed: its worker reports Crashed over the
Scheduled state, and nothing would ever run. The run's history shows it: the crash
follows our move with no start in between. Such a run is moved again, once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from carbonaware_prefect.labels import PREFIX, Plan, read_plan
from carbonaware_prefect.planner.api import Api, Json
from carbonaware_prefect.planner.moves import scheduled
from carbonaware_prefect.planner.upcoming import SAME, moment

__all__ = ["LOOK_BACK", "Crash", "find_crashes", "move_again"]

LOOK_BACK = timedelta(hours=24)
# A worker reports the crash of one process twice, some seconds apart; the second report
# would hit a run that was moved in between.
_SETTLED = timedelta(seconds=20)
_REASON = re.compile(rf"{PREFIX}(?:\.(?P<key>[^.]+))?\.reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """A crashed run that was to wait.

    Attributes:
        run: as the server has it.
        plan: where it was to wait.
        message: what its Scheduled state said.
    """

    run: Json
    plan: Plan
    message: str

    @property
    def slot(self) -> datetime:
        """The start that it was moved to, in UTC."""
        assert self.plan.slot_start is not None  # noqa: S101  find_crashes() has looked
        return self.plan.slot_start


async def find_crashes(api: Api, now: datetime) -> list[Crash]:
    """The crashed runs that nothing but the end of their process has crashed."""
    found = []
    for run in await api.crashed(now - LOOK_BACK):
        crashed_at = moment((run.get("state") or {}).get("timestamp"))
        if crashed_at is None or now - crashed_at < _SETTLED:
            continue
        plans = [
            plan
            for plan in _plans(run.get("labels") or {})
            # Past its slot it crashed at its work.
            if plan.slot_start is not None
            and plan.decided_at <= crashed_at < plan.slot_start
        ]
        if not plans:
            continue
        plan = max(plans, key=lambda each: each.decided_at)
        message = moved_and_crashed(await api.states(run["id"]), plan)
        if message is not None:
            found.append(Crash(run=run, plan=plan, message=message))
    return found


def _plans(labels: Json) -> list[Plan]:
    """All plans to wait, whatever their keys."""
    matches = [_REASON.fullmatch(name) for name in labels]
    keys = {match["key"] for match in matches if match}
    plans = [read_plan(labels, key) for key in keys]
    return [plan for plan in plans if plan is not None and plan.waits()]


def moved_and_crashed(states: Sequence[Json], plan: Plan) -> str | None:
    """The message of our move, if all that followed it is a crash, for the first time."""
    history = list(states)
    crashes = 0
    while history and history[-1]["type"] == "CRASHED":
        history.pop()
        crashes += 1
    if not crashes or not history or not _is_move(history[-1], plan):
        return None
    before = history[:-1]
    again = bool(before) and before[-1]["type"] == "CRASHED"
    return None if again else str(history[-1].get("message") or "")


def _is_move(state: Json, plan: Plan) -> bool:
    if state["type"] != "SCHEDULED" or plan.slot_start is None:
        return False
    at = moment((state.get("state_details") or {}).get("scheduled_time"))
    return at is not None and abs(at - plan.slot_start) <= SAME


async def move_again(api: Api, crash: Crash, now: datetime) -> str | None:
    """Put the run back to its slot, at once where that has passed.

    Returns:
        What was in the way; None when it was moved.
    """
    run = str(crash.run["id"])
    # A worker looks ahead, and the policy has to be right before it does.
    start = max(crash.slot, now + _SETTLED)
    matching = {"id": {"any_": [run]}, "state": {"type": {"any_": ["CRASHED"]}}}
    message = f"{crash.message} (moved again: its process ended before it could leave)"
    try:
        await api.update(run, infrastructure_pid=None)
        results = await api.set_states(matching, scheduled(start, message))
        if not results:
            return "it is Crashed no more"
        if results[0]["status"] != "ACCEPT":
            details = results[0].get("details") or {}
            return f"the server refused: {details.get('reason')}"
        # Leaving a final state makes a retry of it, which a worker does not pick up the
        # way it should; see `carbonaware_prefect.flow_runs.move`.
        policy = dict(crash.run.get("empirical_policy") or {})
        await api.update(
            run, empirical_policy=policy | {"resuming": True, "retry_type": None}
        )
    except httpx.HTTPError as error:
        return f"no clear answer: {error!r}"
    return None
