"""Which crashed runs were only on their way to their slot."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from carbonaware_prefect.labels import Plan
from carbonaware_prefect.planner.crashes import moved_and_crashed

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


def a_state(kind: str, at: datetime | None = None, message: str = "") -> dict[str, Any]:
    """A state as the server answers it."""
    details = {"scheduled_time": None if at is None else at.isoformat()}
    return {"type": kind, "message": message, "state_details": details}


MADE = a_state("SCHEDULED", SLOT - timedelta(hours=2))
RUNNING, CRASHED = a_state("RUNNING"), a_state("CRASHED")
MOVE = a_state("SCHEDULED", SLOT, "Waiting for cleaner electricity")


@pytest.mark.parametrize("reports", [1, 2])
def test_crashed_right_after_the_move(reports: int) -> None:
    """Nothing but crashes after the move, as often as they were reported: mend it."""
    states = [MADE, RUNNING, MOVE, *[CRASHED] * reports]

    assert moved_and_crashed(states, PLAN) == "Waiting for cleaner electricity"


@pytest.mark.parametrize(
    "states",
    [
        [MADE, RUNNING, CRASHED],
        [MADE, RUNNING, MOVE, RUNNING, CRASHED],
        [MADE, RUNNING, MOVE],
        [MADE, RUNNING, MOVE, CRASHED, MOVE, CRASHED],
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
        "moved elsewhere by somebody",
        "scheduled for no time",
        "crashed from the start",
        "no history",
    ],
)
def test_other_crashes_are_left_alone(states: list[dict[str, Any]]) -> None:
    """What crashed at its work, or a second time, is not ours to start again."""
    assert moved_and_crashed(states, PLAN) is None
