"""Whose the start of a scheduled run is, by what the server shows of it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from carbonaware_prefect.planner.upcoming import (
    RESTORED,
    StartOwner,
    moment,
    read_upcoming,
)

NOMINAL = datetime(2026, 1, 10, 2, tzinfo=timezone.utc)
SLOT = NOMINAL + timedelta(hours=2)
CREATED = NOMINAL - timedelta(days=1)
DECIDED = NOMINAL - timedelta(hours=6)
MINUTE = timedelta(minutes=1)
PLANNED = {
    "carbonaware.nominal_start": NOMINAL.isoformat(),
    "carbonaware.slot_start": SLOT.isoformat(),
    "carbonaware.decided_at": DECIDED.isoformat(),
    "carbonaware.decided_by": "planner",
    "carbonaware.reason": "cleaner_slot",
    "carbonaware.moves": 1,
}


def a_run(
    start: datetime = NOMINAL,
    *,
    set_at: datetime = CREATED,
    labels: dict[str, Any] | None = None,
    name: str = "Scheduled",
    **fields: Any,
) -> dict[str, Any]:
    """A run of a schedule, as the server answers it."""
    return {
        "id": "run",
        "name": "happy-heron",
        "deployment_id": "deployment",
        "created": CREATED.isoformat(),
        "expected_start_time": NOMINAL.isoformat().replace("+00:00", "Z"),
        "auto_scheduled": True,
        "run_count": 0,
        "created_by": {"type": "SCHEDULE", "id": "schedule", "display_value": "nightly"},
        "labels": labels or {},
        "state": {
            "name": name,
            "timestamp": set_at.isoformat(),
            "state_details": {"scheduled_time": start.isoformat()},
        },
    } | fields


def owner_of(run: dict[str, Any]) -> StartOwner:
    """Whose its start is."""
    found = read_upcoming(run)
    assert found is not None
    return found.start_owner


def test_as_the_schedule_made_it() -> None:
    """At its nominal start and with no plan on it, it is the schedule's."""
    assert owner_of(a_run()) is StartOwner.SCHEDULE


def test_where_the_planner_put_it() -> None:
    """At the slot of its plan it is the planner's."""
    run = a_run(SLOT, set_at=DECIDED + MINUTE, labels=PLANNED)

    assert owner_of(run) is StartOwner.PLANNER


def test_planned_and_not_moved() -> None:
    """A plan that is newer than the state was not carried out."""
    assert owner_of(a_run(labels=PLANNED)) is StartOwner.UNFINISHED


def test_planned_again_and_not_moved() -> None:
    """At an earlier slot, with a newer plan for another one: not carried out either."""
    run = a_run(SLOT - MINUTE, set_at=DECIDED - MINUTE, labels=PLANNED)

    assert owner_of(run) is StartOwner.UNFINISHED


def test_made_while_a_pass_was_reading() -> None:
    """The state that a run was made with is nobody's move, though the pass is older."""
    made = DECIDED + timedelta(seconds=2)
    run = a_run(set_at=made, labels=PLANNED, created=made.isoformat())

    assert owner_of(run) is StartOwner.UNFINISHED


@pytest.mark.parametrize("start", [NOMINAL, SLOT + MINUTE])
def test_somebody_changed_a_moved_run(start: datetime) -> None:
    """A state that is newer than the plan, elsewhere than at its slot: a person's."""
    run = a_run(start, set_at=DECIDED + MINUTE, labels=PLANNED)

    assert owner_of(run) is StartOwner.PERSON


def test_somebody_changed_a_run_without_a_plan() -> None:
    """Away from its nominal start, and not by us: a person's."""
    assert owner_of(a_run(SLOT, set_at=DECIDED)) is StartOwner.PERSON


@pytest.mark.parametrize(
    "fields",
    [
        {"auto_scheduled": False},
        {"run_count": 1},
        {"name": "Late"},
        {"name": "AwaitingRetry"},
        {"name": "AwaitingConcurrencySlot"},
    ],
)
def test_not_for_the_planner(fields: dict[str, Any]) -> None:
    """Made by hand, started before, or on its way to a worker: not the planner's."""
    assert owner_of(a_run(**fields)) is StartOwner.NOT_A_SCHEDULE


def test_what_the_task_wrote_is_no_plan_of_the_planner() -> None:
    """A plan of the delay task does not make a start the planner's."""
    labels = PLANNED | {"carbonaware.decided_by": "task"}

    assert (
        owner_of(a_run(SLOT, set_at=DECIDED + MINUTE, labels=labels)) is StartOwner.PERSON
    )


def test_put_back_after_a_redeploy() -> None:
    """A run that was put back is the planner's, and keeps its own nominal start."""
    run = a_run(
        SLOT,
        set_at=DECIDED + MINUTE,
        labels=PLANNED | {RESTORED: "the deleted run"},
        auto_scheduled=False,
        expected_start_time=SLOT.isoformat(),
        created_by=None,
    )
    found = read_upcoming(run)

    assert found is not None
    assert (
        found.start_owner,
        found.nominal_start,
        found.schedule,
        found.restored_from,
    ) == (
        StartOwner.PLANNER,
        NOMINAL,
        None,
        "the deleted run",
    )


@pytest.mark.parametrize(
    "labels",
    [
        {"carbonaware.slot_start": "soon"},
        {"carbonaware.decided_at": 5},
        {"carbonaware.moves": "many"},
        {"carbonaware.nominal_start": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_labels_that_somebody_broke(labels: dict[str, Any]) -> None:
    """A plan that nobody can read is none."""
    assert owner_of(a_run(labels=PLANNED | labels)) is StartOwner.SCHEDULE


@pytest.mark.parametrize("missing", ["expected_start_time", "created", "deployment_id"])
def test_what_is_no_scheduled_run(missing: str) -> None:
    """A row without what every scheduled run has is passed over."""
    assert read_upcoming(a_run() | {missing: None}) is None


@pytest.mark.parametrize("env", [None, [], "CARBONAWARE_WINDOW=6h"])
def test_job_variables_of_any_form(env: Any) -> None:
    """An env that is no mapping says nothing."""
    found = read_upcoming(a_run(job_variables={"env": env}))

    assert found is not None
    assert found.env == {}


@pytest.mark.parametrize(
    "told",
    [None, 7, {}, "", "tomorrow", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"],
)
def test_times_to_reckon_with(told: Any) -> None:
    """What is no time, or one at the end of the calendar, is none."""
    assert moment(told) is None
    assert read_upcoming(a_run(expected_start_time=told)) is None


def test_a_nominal_start_that_somebody_made_up() -> None:
    """The labels of a run that was put back are not believed years away."""
    far = (NOMINAL + timedelta(days=3650)).isoformat()
    labels = PLANNED | {RESTORED: "a run", "carbonaware.nominal_start": far}
    found = read_upcoming(a_run(labels=labels))

    assert found is not None
    assert found.nominal_start == NOMINAL
