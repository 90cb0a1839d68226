"""Runs that a redeploy makes of an occurrence that has started already."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from carbonaware_prefect.planner.repair.entries import Entry, digest_of
from carbonaware_prefect.planner.repair.twins import Twins
from carbonaware_prefect.planner.upcoming import Upcoming, read_upcoming

DUE = datetime(2026, 1, 10, 2, tzinfo=timezone.utc)
ENTRY = Entry(
    run="run",
    name="happy-heron",
    deployment="deployment",
    schedule="old",
    nominal_start=DUE,
    start=DUE - timedelta(hours=2),
    moved_at=DUE - timedelta(hours=6),
    origin=("nightly", digest_of({"city": "Bonn"})),
)
DEPLOYED = {"deployment": {"schedules": [{"id": "new"}]}}


def a_run(name: str, due: datetime = DUE, city: str = "Bonn", **fields: Any) -> Upcoming:
    """An upcoming run of a schedule of that name."""
    found = read_upcoming(
        {
            "id": f"{name} {city}",
            "name": name,
            "deployment_id": "deployment",
            "created": (DUE - timedelta(hours=1)).isoformat(),
            "expected_start_time": due.isoformat(),
            "auto_scheduled": True,
            "created_by": {"id": "new", "type": "SCHEDULE", "display_value": name},
            "parameters": {"city": city},
            "labels": {},
            "state": {
                "name": "Scheduled",
                "state_details": {"scheduled_time": due.isoformat()},
            },
        }
        | fields
    )
    assert found is not None
    return found


TWIN = a_run("nightly")


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(milliseconds=50)])
def test_of_the_same_occurrence(apart: timedelta) -> None:
    """Due at the same time, of a schedule with another id."""
    twin = a_run("nightly", DUE + apart)

    assert Twins([twin], DEPLOYED).of(ENTRY) == [twin]


@pytest.mark.parametrize(
    ("run", "deployments"),
    [
        (a_run("nightly", DUE + timedelta(seconds=1)), DEPLOYED),
        (a_run("nightly", deployment_id="another"), DEPLOYED),
        (a_run("nightly", auto_scheduled=False), DEPLOYED),
        (TWIN, {"deployment": {"schedules": [{"id": "old"}]}}),
    ],
    ids=["another time", "another deployment", "no schedule's", "the schedule is there"],
)
def test_of_no_occurrence_of_it(run: Upcoming, deployments: dict[str, Any]) -> None:
    """As long as a schedule keeps its id, Prefect makes no occurrence twice."""
    assert Twins([run], deployments).of(ENTRY) == []


def test_the_likest_and_only_one() -> None:
    """Its schedule's name tells more than its parameters; each is taken once."""
    other, same_city = a_run("nightly", city="Ulm"), a_run("hourly")
    twins = Twins([same_city, other, TWIN], DEPLOYED)
    second = replace(ENTRY, run="second")

    assert twins.take(ENTRY) == TWIN
    assert twins.take(second) == other
    assert twins.take(ENTRY) == same_city
    assert twins.take(ENTRY) is None
