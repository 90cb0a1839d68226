"""What the server cannot answer with is there all the same: nobody puts it back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from carbonaware_prefect.planner.one_pass import one_pass
from carbonaware_prefect.planner.report import Action, Outcome
from carbonaware_prefect.settings import Settings
from tests.planner.hostile.healthy import HOUR, LOST, a_run, peace
from tests.planner.hostile.server import NOW, Prefect


@pytest.fixture
def world() -> Prefect:
    """One run is lost, and would be put back."""
    return peace()


def fates(world: Prefect) -> dict[str, Outcome]:
    """What a pass says about each run."""
    settings = Settings(cache_dir="", typical_dir="", detect=False)
    report = asyncio.run(one_pass(world.api(), settings))
    return {outcome.run: outcome for outcome in report.outcomes}


def of_the_lost_one(world: Prefect) -> dict[str, Any]:
    """Its deployment."""
    (found,) = (each for each in world.deployments if each["name"] == "deployment-5")
    return found


def test_it_would_be_put_back(world: Prefect) -> None:
    """Where all can be read."""
    assert fates(world)[LOST].action is Action.PUT_BACK


def test_a_run_that_waits(world: Prefect) -> None:
    """It is told that it cannot be read; no second one is made of it."""
    world.runs.append(a_run(LOST, of_the_lost_one(world)))
    world.poisoned.add(LOST)
    count = len(world.runs)
    outcome = fates(world)[LOST]

    assert (outcome.action, outcome.reason) == (Action.LEAVE, "unreadable")
    assert f"500 where it is to answer with run {LOST}" in outcome.sentence
    assert len(world.runs) == count


def test_a_deployment(world: Prefect) -> None:
    """Its lost run is not taken for one whose deployment was deleted."""
    world.poisoned.add(of_the_lost_one(world)["id"])
    assert LOST not in fates(world)

    world.poisoned.clear()
    assert fates(world)[LOST].action is Action.PUT_BACK


def test_a_run_of_the_same_occurrence(world: Prefect) -> None:
    """It may have been made anew: better not twice."""
    again = a_run("00000000-0000-0000-0000-0000000000ff", of_the_lost_one(world))
    again["expected_start_time"] = (NOW - HOUR).isoformat()
    again["state"]["type"] = "RUNNING"
    world.runs.append(again)
    world.poisoned.add(again["id"])

    assert LOST not in fates(world)


def test_a_run_that_looks_unfinished(world: Prefect) -> None:
    """One that stands for no run that the planner knows is reported like any other."""
    run = a_run("00000000-0000-0000-0000-0000000000fe", of_the_lost_one(world))
    run |= {"idempotency_key": "carbonaware me", "auto_scheduled": False}
    run["empirical_policy"] = {"retry_type": "in_process"}
    world.runs.append(run)

    assert fates(world)[run["id"]].reason == "not_scheduled"
