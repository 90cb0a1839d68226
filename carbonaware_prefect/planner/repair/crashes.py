"""Runs that were moved and then marked Crashed before their work began.

The delay task has moved the run, the server has accepted it, and in the milliseconds
before the process could say so it was killed: its worker reports Crashed over the
Scheduled state, and nothing would ever run. Or the run came to its slot, and its process
ended before it was Running, as Prefect's do when the server restarts in that moment.

The run's history shows both: since our move there is no Running. None of the work was
done, and so the run is moved again, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import httpx

from carbonaware_prefect.labels import PLANNER, Plan, keys_of, read_plan
from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.calls import Json, together
from carbonaware_prefect.planner.moves import propose, scheduled
from carbonaware_prefect.planner.repair.bounds import start_within
from carbonaware_prefect.planner.repair.entries import Entry, entry_for
from carbonaware_prefect.planner.upcoming import SAME, moment, read_upcoming
from carbonaware_prefect.prefect_edge.why_started import SERVER_NAMES

__all__ = ["LOOK_BACK", "Crash", "Crashes", "find_crashes", "move_again"]

LOOK_BACK = timedelta(hours=24)
# A worker reports the crash of one process twice, some seconds apart; the second report
# would hit a run that was moved in between.
_SETTLED = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """A crashed run that was to wait.

    Attributes:
        run: as the server has it.
        at: when it crashed.
        plan: where it was to wait.
        moved: its Scheduled state, that of the move.
        starting: whether it was starting at its slot, and not leaving its process.
        start: when it may start now; None when it may not any more.
    """

    run: Json
    at: datetime
    plan: Plan
    moved: Json
    starting: bool
    start: datetime | None

    @property
    def slot(self) -> datetime:
        """The start that it was moved to, in UTC."""
        assert self.plan.slot_start is not None  # noqa: S101  find_crashes() has looked
        return self.plan.slot_start

    @property
    def message(self) -> str:
        """What its Scheduled state said."""
        return str(self.moved.get("message") or "")

    def entry(self, deployment: Json, now: datetime) -> Entry | None:
        """What to write down before it is moved; None where nothing can be."""
        run = read_upcoming(self.run | {"state": self.moved})
        if run is None or self.start is None:
            return None
        entry = entry_for(
            run, deployment, start=self.start, record=run.labels, sentence=self.message
        )
        return replace(entry, moved_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashes:
    """The crashes that a pass has looked at.

    Attributes:
        found: those whose work has not begun since they were moved.
        until: the next pass need not look at what crashed before that; None where
            nothing was there to be looked at.
    """

    found: Sequence[Crash] = ()
    until: datetime | None = None


async def find_crashes(api: Api, now: datetime, since: datetime | None) -> Crashes:
    """The crashed runs whose work has not begun since they were moved.

    Args:
        api: the Prefect API.
        now: the present, by the server's clock.
        since: until when an earlier pass has looked.
    """
    last = now - _SETTLED
    runs = await api.crashed(max(since or now - LOOK_BACK, now - LOOK_BACK))
    settled = [run for run in runs if (at := _crashed_at(run)) is not None and at <= last]
    planned = [(run, plan) for run in settled if (plan := _last_plan(run)) is not None]
    histories = await together(api.states(run["id"]) for run, _ in planned)
    found = []
    for (run, plan), states in zip(planned, histories, strict=True):
        history = since_the_move(states, plan)
        at = _crashed_at(run)
        if history is None or at is None or plan.slot_start is None:
            continue
        crash = Crash(
            run=run,
            at=at,
            plan=plan,
            moved=history[0],
            starting=any(state["type"] == "PENDING" for state in history),
            # A worker looks ahead, and the policy has to be right before it does.
            start=start_within(plan, plan.slot_start, now + _SETTLED),
        )
        found.append(crash)
    return Crashes(found=found, until=last if settled else None)


def _crashed_at(run: Json) -> datetime | None:
    return moment((run.get("state") or {}).get("timestamp"))


def _last_plan(run: Json) -> Plan | None:
    """The last plan to wait that was made before the crash."""
    at = _crashed_at(run)
    plans = [
        plan
        for plan in _plans(run.get("labels") or {})
        if plan.slot_start is not None and at is not None and plan.decided_at <= at
    ]
    return max(plans, key=lambda plan: plan.decided_at, default=None)


def _plans(labels: Json) -> list[Plan]:
    """All plans to wait, whatever their keys."""
    plans = [read_plan(labels, key) for key in keys_of(labels)]
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


async def move_again(api: Api, crash: Crash, start: datetime) -> str | None:
    """Put the run to a start.

    Returns:
        What was in the way; None when it was moved.
    """
    run = str(crash.run["id"])
    matching = {"id": {"any_": [run]}, "state": {"type": {"any_": ["CRASHED"]}}}
    ended = "it began" if crash.starting else "it could leave"
    message = f"{crash.message} (moved again: its process ended before {ended})"
    try:
        await api.update(run, infrastructure_pid=None)
        results = await propose(api, matching, scheduled(start, message))
        if not results:
            return "it is Crashed no more"
        result = results[run]
        if result["status"] != "ACCEPT":
            details = result.get("details") or {}
            return f"the server refused: {details.get('reason')}"
        await _as_a_wait(api, run)
        if crash.plan.decided_by == PLANNER and start != crash.slot:
            # Last, because the crash is known by the slot on its labels.
            await api.label(run, {"carbonaware.slot_start": start.isoformat()})
    except httpx.HTTPError as error:
        return f"no clear answer: {error!r}"
    return None


async def _as_a_wait(api: Api, run: str) -> None:
    """Say that the next start goes on with the run, and is no retry of it.

    Leaving a final state makes a retry of it, which a worker does not pick up the way it
    should; see `carbonaware_prefect.prefect_edge.flow_runs.move`. The rest of its policy
    stays as the server has it now.
    """
    for now in await api.runs([run]):
        # The start of a run that never ran is its first.
        resuming = bool(now.get("run_count"))
        policy = now["empirical_policy"] | {"resuming": resuming, "retry_type": None}
        await api.update(run, empirical_policy=policy)
