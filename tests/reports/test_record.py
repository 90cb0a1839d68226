"""A run's record, and when it executed, from what the server says of it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from carbonaware_prefect.core.accounting.settlement import Fate
from carbonaware_prefect.core.intervals import to_microseconds
from carbonaware_prefect.planner.shapes import run_shape
from carbonaware_prefect.reports.record import Record, ran_by_times, ran_in, read_record
from tests.reports.scripted import labels

NIGHT = datetime(2026, 1, 10, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


def at(minute: float) -> datetime:
    """So many minutes after midnight."""
    return NIGHT + minute * MINUTE


def us(minute: float) -> int:
    """The same in microseconds since 1970."""
    return to_microseconds(at(minute))


def plan(key: str = "", **fields: Any) -> dict[str, Any]:
    """A record of a delay task that moved a run at minute 1 to minute 60."""
    usual = {
        "nominal_start": at(0),
        "decided_at": at(1),
        "slot_start": at(60),
        "decided_by": "task",
        "reason": "cleaner_slot",
        "zone": "DE",
        "moves": 1,
    }
    return labels(**{f"{key}{name}": value for name, value in (usual | fields).items()})


def run(
    *, start: float | None = 0, end: float | None = 90, ran: float = 31, **more: Any
) -> dict[str, Any]:
    """A run as the server has it; times in minutes."""
    found = {
        "id": "1",
        "name": "one",
        "state_type": "COMPLETED",
        "state": {"name": "Completed"},
        "start_time": None if start is None else at(start).isoformat(),
        "end_time": None if end is None else at(end).isoformat(),
        "total_run_time": ran * 60,
        "labels": plan(),
    }
    return run_shape(found | more)


def record(**more: Any) -> Record:
    """Its record."""
    found = read_record(run(**more))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"mine": 1},
        {"carbonaware.zone": "DE"},
        plan(nominal_start="soon"),
        plan(decided_at=None),
        plan(moves="many"),
    ],
)
def test_no_record(found: dict[str, Any]) -> None:
    """Labels that are not ours, or that make no sense, are none."""
    assert read_record(run(labels=found)) is None


@pytest.mark.parametrize(
    ("more", "pieces"),
    [
        # It left once, and then worked without a break.
        ({}, [(0, 1), (60, 90)]),
        ({"end": 90.5}, [(0, 1), (60.5, 90.5)]),
        # It waited in process: it was Running all the time.
        ({"ran": 90}, [(0, 90)]),
        ({"labels": plan(decided_by="planner", decided_at=at(-60)), "start": 60, "ran": 30},
         [(60, 90)]),
        # A break somewhere, a start long after the slot, two delays: its history tells.
        ({"ran": 20}, None),
        ({"end": 100}, None),
        ({"labels": plan(decided_by="planner", decided_at=at(-60)), "start": 60, "ran": 20},
         None),
        ({"labels": plan(reason="overridden")}, None),
        ({"labels": plan() | plan("second.", decided_at=at(70))}, None),
        ({"end": None}, None),
    ],
)  # fmt: skip
def test_ran_by_times(more: dict[str, Any], pieces: list[Any] | None) -> None:
    """Where start, end and run time tell all, nothing more is asked."""
    told = ran_by_times(record(**more))

    assert told == (pieces and [(us(low), us(high)) for low, high in pieces])


def test_ran_in_a_history() -> None:
    """Running counts, whatever it is called; a time that is none makes all of it none."""
    states = [
        {"type": "SCHEDULED", "timestamp": at(0).isoformat()},
        {"type": "RUNNING", "timestamp": at(5).isoformat()},
        {"type": "FAILED", "timestamp": at(9).isoformat()},
    ]

    assert [(us(5), us(9))] == ran_in(states)
    assert ran_in([*states, {"type": "RUNNING", "timestamp": "?"}]) is None


@pytest.mark.parametrize(
    ("state", "name", "start", "fate"),
    [
        ("COMPLETED", "Completed", 0, Fate.WORKED),
        ("FAILED", "TimedOut", 0, Fate.WORKED),
        ("CRASHED", "Crashed", 0, Fate.WORKED),
        ("CANCELLED", "Cancelled", None, Fate.NEVER_WORKED),
        ("SCHEDULED", "Late", None, Fate.WAITING),
        ("SCHEDULED", "Scheduled", 0, Fate.WAITING),
        ("PENDING", "Pending", None, Fate.WAITING),
        ("SCHEDULED", "AwaitingRetry", 0, Fate.UNDER_WAY),
        ("PAUSED", "Suspended", 0, Fate.UNDER_WAY),
        ("CANCELLING", "Cancelling", 0, Fate.UNDER_WAY),
    ],
)
def test_fate(state: str, name: str, start: float | None, fate: Fate) -> None:
    """What a state says became of a run."""
    found = record(state_type=state, state={"name": name}, start=start)

    assert fate is found.fate


def test_several_decisions_are_one_run() -> None:
    """The first one that moved it speaks for it; moves add up."""
    stays = plan(reason="cleanest_now", moves=0, slot_start=None)
    found = record(
        labels=stays | plan("late.", decided_at=at(5), zone="FR", nominal_start=at(5))
    )

    assert (at(5), "FR", 1) == (found.nominal_start, found.zone, found.moves)
    assert [delay.moved for delay in found.delays] == [False, True]
    assert us(60) == found.promise.slot_start


@pytest.mark.parametrize(
    ("label", "energy"),
    [(1.5, 1.5), ("0.25", 0.25), (0, 0.0), ("1e999", None), (-1, None), ("lots", None),
     (True, None), ("nan", None), (10**400, None), (1e15, None)],
)  # fmt: skip
def test_measured_energy(label: Any, energy: float | None) -> None:
    """A number from zero on, or nothing."""
    assert energy == record(labels=plan() | {"carbonaware.energy_kwh": label}).energy_kwh
