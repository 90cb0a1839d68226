"""Why did this process start? Read off a flow run's states, not off its labels."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from prefect.client.schemas.objects import State, StateType

from carbonaware_prefect.labels import PLANNER, Plan
from carbonaware_prefect.prefect_edge.flow_runs import EARLY, is_move

__all__ = ["EARLY", "SERVER_NAMES", "StartCause", "why_started"]

# Names that the server gives to a Scheduled state by itself; they replace no other.
SERVER_NAMES = {"Late", "AwaitingConcurrencySlot"}


class StartCause(Enum):
    """How a start relates to the plan on the run's labels."""

    AT_THE_SLOT = "at the slot that it was moved to"
    BY_A_PERSON = "a person started it before its slot"
    BEFORE_THE_MOVE = "the plan was made, and the run was not moved, or not for good"


def why_started(states: Sequence[State[Any]], plan: Plan) -> StartCause:
    """What made the run start this time, before its planned slot.

    The last Scheduled state tells: ours means that the server started it at the slot (by
    a clock other than ours); a supervisor's or a retry's (`AwaitingRetry` without a
    message) is no wish of anybody; anything else is a person, and a person wins.

    What the planner decided, it decided before any process: then the state that the run
    was created in is at the nominal start, and any other that is not ours is a person's.
    """
    assert plan.slot_start is not None  # noqa: S101  without a slot nobody asks
    ordered = sorted(states, key=lambda state: state.timestamp)
    last: State[Any] | None = None
    ran_before = False
    running = False
    for state in ordered:
        if state.type == StateType.RUNNING:
            running = True
        elif state.type == StateType.SCHEDULED and state.name not in SERVER_NAMES:
            last, ran_before = state, running
    if is_move(last, plan.slot_start):
        return StartCause.AT_THE_SLOT
    if last is None:
        return StartCause.BEFORE_THE_MOVE
    if not ran_before:
        # The state that the run was created in: the plan came later.
        ahead = plan.decided_by == PLANNER and not is_move(last, plan.nominal_start)
        return StartCause.BY_A_PERSON if ahead else StartCause.BEFORE_THE_MOVE
    if last.name == "AwaitingRetry" and not last.message:
        return StartCause.BEFORE_THE_MOVE
    return StartCause.BY_A_PERSON
