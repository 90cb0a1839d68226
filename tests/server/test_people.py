"""What people do to a run while it waits: a person always wins, and nothing doubles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.prefect_server.fleets import each, to_their_slots
from tests.prefect_server.prefects import own_engine
from tests.prefect_server.process import Process
from tests.prefect_server.runs import ROUNDED, Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import FLOWS, World
from tests.warm import python

_FLOW = "plain.py:sync_flow"
_HOUR = timedelta(hours=1)
_NAMES = ["cancelled", "now", "retried", "rescheduled", "redeployed", "paused", "gone"]
# In the main thread and in another one.
_INSIDE = ["sync_flow", "waiting_in_thread_flow"]


@dataclass(frozen=True)
class Fleet:
    """Runs that people did something to during their waits, after their slots.

    Attributes:
        runs: by what was done to them.
        slots: of those that were put back.
        before: names of their states just before the first slot.
    """

    runs: dict[str, Run]
    slots: dict[str, datetime]
    before: dict[str, str]


@pytest.fixture(scope="module")
def by_schedule(server: Server, world: World) -> Run:
    """A run that the scheduler made, which has come to its nominal start."""
    start = server.clock.now() + _HOUR
    journal = world.folder / "by-schedule.jsonl"
    schedule = {"interval": 30 * 86400, "anchor_date": start.isoformat()}
    deployment = world.deploy(
        _FLOW,
        parameters={"dip_in": 3 * 3600, "journal": str(journal)},
        schedules=[{"active": True, "schedule": schedule}],
        job_variables={"command": own_engine()},
    )
    question = {
        "deployments": {"id": {"any_": [deployment]}},
        "sort": "EXPECTED_START_TIME_ASC",
        "limit": 1,
    }

    def made() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = server.call(
            "POST", "/flow_runs/filter", json=question
        )
        return found

    (row,) = eventually(made, what="the scheduler makes a run")
    assert row["auto_scheduled"]
    server.clock.reach(start)
    return Run(server, row["id"], journal)


@pytest.fixture(scope="module")
def script(server: Server, world: World) -> Iterator[tuple[Run, Process]]:
    """A flow that is called in a script, with its process."""
    journal = world.folder / "script.jsonl"
    code = f"import plain; plain.sync_flow({3 * 3600}, {str(journal)!r})"
    log = world.folder / "script.log"
    arguments = [python(), "-c", code]
    process = Process(arguments, server.environment(), log, cwd=FLOWS)
    try:
        yield Run(server, "", journal), process
    finally:
        process.kill()


@pytest.fixture(scope="module")
def fleet(
    server: Server, world: World, by_schedule: Run, script: tuple[Run, Process]
) -> Fleet:
    """All of them at once."""

    def put_back(name: str) -> tuple[Run, datetime]:
        run = by_schedule
        if name in _NAMES:
            run = world.run(_FLOW, deployment=world.deploy(_FLOW, tags=[name]))
        return run, run.wait_until_put_back()

    started = each(put_back, ["by schedule", *_NAMES])
    runs = {name: run for name, (run, _) in started.items()}
    slots = {name: slot for name, (_, slot) in started.items()}
    _act(world, runs)
    inside = each(partial(_cancelled_inside, world), _INSIDE)
    for name in ("now", "retried"):
        runs[name].wait_for("Completed")
    runs["cancelled"].wait_for("Cancelled")
    slots["rescheduled"] = runs["rescheduled"].wait_until_put_back(moves=2)
    eventually(lambda: "Waiting for cleaner" in script[1].output(), what="the script waits")
    before = {name: run.state() for name, run in runs.items()}
    to_their_slots((run, slots[name]) for name, run in runs.items())
    return Fleet(runs | inside, slots, before)


def _cancelled_inside(world: World, flow: str) -> Run:
    """A run that was cancelled while it waited in its process."""
    run = world.run(f"plain.py:{flow}", wait="in_process")
    run.wait_until_inside()
    run.set_state(type="CANCELLING")
    run.wait_for("Cancelled")
    return run


def _act(world: World, runs: dict[str, Run]) -> None:
    """Somebody does something to each of them early in its wait."""
    runs["cancelled"].set_state(type="CANCELLING")
    present = {"scheduled_time": world.server.now().isoformat()}
    runs["now"].set_state(type="SCHEDULED", state_details=present)
    runs["retried"].set_state(
        type="SCHEDULED", name="AwaitingRetry", message="Retry from the UI", force=True
    )
    runs["rescheduled"].set_state(type="SCHEDULED", name="AwaitingRetry")
    _redeploy(world, runs["redeployed"])
    _pause(world, runs["paused"])
    _redeploy(world, runs["by schedule"])
    _pause(world, runs["by schedule"])
    world.server.call("DELETE", f"/deployments/{_deployment(runs['gone'])}")


def _deployment(run: Run) -> str:
    return str(run.read()["deployment_id"])


def _pause(world: World, run: Run) -> None:
    path = f"/deployments/{_deployment(run)}/pause_deployment"
    world.server.call("POST", path)


def _redeploy(world: World, run: Run) -> None:
    """What `prefect deploy` sends, here with a new schedule."""
    deployment = world.server.call("GET", f"/deployments/{_deployment(run)}")
    again = world.server.call(
        "POST",
        "/deployments/",
        json={
            "name": deployment["name"],
            "flow_id": deployment["flow_id"],
            "entrypoint": deployment["entrypoint"],
            "path": deployment["path"],
            "work_pool_name": world.pool,
            "enforce_parameter_schema": False,
            "job_variables": deployment["job_variables"],
            # On a day that no test comes to.
            "schedules": [{"active": True, "schedule": {"cron": "0 3 29 2 *"}}],
        },
    )
    assert again["id"] == deployment["id"]


def test_cancel_during_the_wait(fleet: Fleet) -> None:
    """A cancelled run is Cancelled long before its slot, and never starts again."""
    run = fleet.runs["cancelled"]

    assert run.state() == "Cancelled"
    assert run.ended_at() < fleet.slots["cancelled"]
    assert run.events() == ["start"]


@pytest.mark.parametrize("name", ["now", "retried"])
def test_a_person_starts_the_run_during_the_wait(fleet: Fleet, name: str) -> None:
    """A "Run now" and the UI's Retry start the run at once, and it does not wait again."""
    run = fleet.runs[name]

    assert run.events() == ["start", "start", "work", "end"]
    assert run.labels()["reason"] == "overridden"
    assert run.time_of("work") < fleet.slots[name]


def test_supervisor_restart_during_the_wait_is_no_override(fleet: Fleet) -> None:
    """A supervisor's AwaitingRetry is nobody's wish: the run is moved to its slot again."""
    run = fleet.runs["rescheduled"]
    run.wait_for("Completed")

    assert run.events() == ["start", "start", "start", "work", "end"]
    assert (
        run.time_of("start", 1)
        < fleet.slots["rescheduled"] - ROUNDED
        <= run.time_of("work")
    )
    assert run.labels()["moves"] == 2
    assert run.labels()["reason"] == "cleaner_slot"


@pytest.mark.parametrize("name", ["redeployed", "paused"])
def test_redeploy_changed_schedule_and_pause(fleet: Fleet, name: str) -> None:
    """A redeploy with another schedule and a pause leave a waiting run to its slot."""
    run = fleet.runs[name]
    run.wait_for("Completed")

    assert fleet.before[name] == "Scheduled"
    assert run.events() == ["start", "start", "work", "end"]
    assert run.time_of("start", 1) >= fleet.slots[name] - ROUNDED


def test_auto_scheduled_run_survives_a_redeploy(fleet: Fleet) -> None:
    """A run made by a schedule, once started, keeps its slot through redeploy and pause.

    Prefect deletes auto-scheduled runs on deploy, but only those never started.
    """
    run = fleet.runs["by schedule"]
    run.wait_for("Completed")

    assert run.events() == ["start", "start", "work", "end"]
    assert run.time_of("start", 1) >= fleet.slots["by schedule"] - ROUNDED


def test_deleted_deployment_cancels_the_run(fleet: Fleet) -> None:
    """A run whose deployment was deleted is Cancelled, and not started at its slot."""
    run = fleet.runs["gone"]
    run.wait_for("Cancelled")

    assert run.events() == ["start"]


@pytest.mark.parametrize("flow", _INSIDE)
def test_cancel_while_waiting_in_process(fleet: Fleet, flow: str) -> None:
    """A cancelled run that waits in process, in any thread, ends before its slot."""
    run = fleet.runs[flow]

    assert run.events() == ["start"]
    assert run.ended_at() < run.slot()


def test_ad_hoc_run_waits_in_process(fleet: Fleet, script: tuple[Run, Process]) -> None:
    """A flow called in a script waits there, is recorded, and completes."""
    run, process = script
    assert process.popen.wait(300) == 0

    assert run.events() == ["start", "work", "end"]
    assert run.time_of("work") >= run.time_of("start") + 3 * _HOUR
