"""Runs that were moved and then marked Crashed before their work began.

The delay task has moved the run, the server has accepted it, and in the milliseconds
before the process could say so it was killed: its worker reports Crashed over the
Scheduled state, and nothing would ever run. Or the run came to its slot, and its process
ended before it was Running, as Prefect's do when the server restarts in that moment.

The run's history shows both: since our move there is no Running. None of the work was
done, and so the run is moved again, once.
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
from carbonaware_prefect.prefect_edge.why_started import SERVER_NAMES

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
        starting: whether it was starting at its slot, and not leaving its process.
    """

    run: Json
    plan: Plan
    message: str
    starting: bool

    @property
    def slot(self) -> datetime:
        """The start that it was moved to, in UTC."""
        assert self.plan.slot_start is not None  # noqa: S101  find_crashes() has looked
        return self.plan.slot_start


async def find_crashes(api: Api, now: datetime) -> list[Crash]:
    """The crashed runs whose work has not begun since they were moved."""
    found = []
    for run in await api.crashed(now - LOOK_BACK):
        crashed_at = moment((run.get("state") or {}).get("timestamp"))
        if crashed_at is None or now - crashed_at < _SETTLED:
            continue
        plans = [
            plan
            for plan in _plans(run.get("labels") or {})
            if plan.slot_start is not None and plan.decided_at <= crashed_at
        ]
        if not plans:
            continue
        plan = max(plans, key=lambda each: each.decided_at)
        history = since_the_move(await api.states(run["id"]), plan)
        if history is not None:
            crash = Crash(
                run=run,
                plan=plan,
                message=str(history[0].get("message") or ""),
                starting=any(state["type"] == "PENDING" for state in history),
            )
            found.append(crash)
    return found


def _plans(labels: Json) -> list[Plan]:
    """All plans to wait, whatever their keys."""
    matches = [_REASON.fullmatch(name) for name in labels]
    keys = {match["key"] for match in matches if match}
    plans = [read_plan(labels, key) for key in keys]
    return [plan for plan in plans if plan is not None and plan.waits()]


def since_the_move(states: Sequence[Json], plan: Plan) -> Sequence[Json] | None:
    """Our move and what followed, if that is a crash without a start, for the first time.

    A worker may report one crash twice. A start that never became Running is Pending.
    """
    history = [state for state in states if state.get("name") not in SERVER_NAMES]
    moved = -1
    for at, state in enumerate(history):
        if state["type"] not in {"PENDING", "CRASHED"}:
            moved = at
    if moved < 0 or history[-1]["type"] != "CRASHED" or not _is_move(history[moved], plan):
        return None
    again = moved > 0 and history[moved - 1]["type"] == "CRASHED"
    return None if again else history[moved:]


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
    ended = "it began" if crash.starting else "it could leave"
    message = f"{crash.message} (moved again: its process ended before {ended})"
    try:
        await api.update(run, infrastructure_pid=None)
        results = await api.set_states(matching, scheduled(start, message))
        if not results:
            return "it is Crashed no more"
        if results[0]["status"] != "ACCEPT":
            details = results[0].get("details") or {}
            return f"the server refused: {details.get('reason')}"
        # Leaving a final state makes a retry of it, which a worker does not pick up the
        # way it should; see `carbonaware_prefect.prefect_edge.flow_runs.move`.
        policy = dict(crash.run.get("empirical_policy") or {})
        await api.update(
            run, empirical_policy=policy | {"resuming": True, "retry_type": None}
        )
    except httpx.HTTPError as error:
        return f"no clear answer: {error!r}"
    return None
