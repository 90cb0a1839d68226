"""Which crashed runs have not begun their work."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from carbonaware_prefect.labels import Plan
from carbonaware_prefect.planner.repair.crashes import since_the_move

SLOT = datetime(2026, 1, 10, 2, tzinfo=timezone.utc)
PLAN = Plan(
    reason="cleaner_slot",
    nominal_start=SLOT - timedelta(hours=2),
    decided_at=SLOT - timedelta(hours=2),
    decided_by="task",
    slot_start=SLOT,
    moves=1,
    intensity_nominal=300.0,
    intensity_slot=100.0,
    source="test",
    signal="average",
)


def a_state(
    kind: str, at: datetime | None = None, message: str = "", name: str = ""
) -> dict[str, Any]:
    """A state as the server answers it."""
    return {
        "type": kind,
        "name": name or kind.capitalize(),
        "message": message,
        "state_details": {"scheduled_time": None if at is None else at.isoformat()},
    }


MADE = a_state("SCHEDULED", SLOT - timedelta(hours=2))
PENDING, RUNNING, CRASHED = a_state("PENDING"), a_state("RUNNING"), a_state("CRASHED")
LATE = a_state("SCHEDULED", SLOT, name="Late")
MOVE = a_state("SCHEDULED", SLOT, "Waiting for cleaner electricity")


@pytest.mark.parametrize("reports", [1, 2])
def test_crashed_right_after_the_move(reports: int) -> None:
    """Nothing but crashes after the move, as often as they were reported: mend it."""
    states = [MADE, RUNNING, MOVE, *[CRASHED] * reports]

    assert since_the_move(states, PLAN) == states[2:]


@pytest.mark.parametrize("late", [[], [LATE]], ids=["in time", "late"])
def test_crashed_before_it_was_running(late: list[dict[str, Any]]) -> None:
    """A start at the slot that never became Running has done nothing: mend it."""
    states = [MADE, MOVE, *late, PENDING, CRASHED]

    assert since_the_move(states, PLAN) == [MOVE, PENDING, CRASHED]


@pytest.mark.parametrize(
    "states",
    [
        [MADE, RUNNING, CRASHED],
        [MADE, RUNNING, MOVE, RUNNING, CRASHED],
        [MADE, RUNNING, MOVE],
        [MADE, RUNNING, MOVE, CRASHED, MOVE, CRASHED],
        [MADE, MOVE, PENDING, CRASHED, MOVE, LATE, PENDING, CRASHED],
        [MADE, PENDING, CRASHED],
        [MADE, RUNNING, a_state("SCHEDULED", SLOT + timedelta(hours=1)), CRASHED],
        [MADE, RUNNING, a_state("SCHEDULED"), CRASHED],
        [CRASHED],
        [],
    ],
    ids=[
        "not moved",
        "started at its slot",
        "not crashed",
        "moved again before",
        "crashed again at its start",
        "crashed at its nominal start",
        "moved elsewhere by somebody",
        "scheduled for no time",
        "crashed from the start",
        "no history",
    ],
)
def test_other_crashes_are_left_alone(states: list[dict[str, Any]]) -> None:
    """What crashed at its work, or a second time, is not ours to start again."""
    assert since_the_move(states, PLAN) is None
