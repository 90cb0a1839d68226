"""What people do to a run while it waits: a person always wins, and nothing doubles."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.prefect_server.runs import Run
from tests.prefect_server.waiting import eventually, now
from tests.prefect_server.world import World

# A busy machine may take half a minute to start what a person wants to start at once.
_DIP_IN = 90.0


@pytest.fixture(scope="module")
def waiting(world: World) -> dict[str, Run]:
    """Runs that have all left their process and wait for their slot."""
    names = ["cancelled", "now", "retried", "rescheduled", "redeployed", "paused", "gone"]
    runs = {}
    for name in names:
        deployment = world.deploy("plain.py:sync_flow", tags=[name])
        runs[name] = world.run("plain.py:sync_flow", dip_in=_DIP_IN, deployment=deployment)
    for run in runs.values():
        eventually(partial(_waits, run), within=40, what=f"{run.id} waits: {run.names()}")
    return runs


def _waits(run: Run) -> bool:
    return (
        run.state() == "Scheduled"
        and bool(run.labels())
        # Before 3.8.4 a worker that starts a run whose old process is still ending loses
        # one of the two.
        and not psutil.pid_exists(int(run.note("start")["pid"]))
    )


def _deployment(run: Run) -> str:
    return str(run.read()["deployment_id"])


@pytest.fixture(scope="module")
def acted(world: World, waiting: dict[str, Run]) -> dict[str, Run]:
    """The same runs, after somebody did something to each of them early in its wait."""
    asked = now().isoformat()
    waiting["rescheduled"].set_state(type="SCHEDULED", name="AwaitingRetry")
    waiting["cancelled"].add_note("asked to cancel")
    waiting["cancelled"].set_state(type="CANCELLING")
    waiting["now"].set_state(type="SCHEDULED", state_details={"scheduled_time": asked})
    waiting["retried"].set_state(
        type="SCHEDULED", name="AwaitingRetry", message="Retry from the UI", force=True
    )
    _redeploy(world, waiting["redeployed"])
    world.server.call(
        "POST", f"/deployments/{_deployment(waiting['paused'])}/pause_deployment"
    )
    world.server.call("DELETE", f"/deployments/{_deployment(waiting['gone'])}")
    return waiting


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
            "schedules": [{"active": True, "schedule": {"cron": "0 3 * * *"}}],
        },
    )
    assert again["id"] == deployment["id"]


def _slot(run: Run) -> float:
    return datetime.fromisoformat(run.labels()["slot_start"]).timestamp()


def test_cancel_during_the_wait(acted: dict[str, Run]) -> None:
    """A cancelled run is Cancelled within ten seconds and never starts again."""
    run = acted["cancelled"]
    run.wait_for("Cancelled", within=10)
    cancelled = datetime.fromisoformat(run.states()[-1]["timestamp"]).timestamp()

    assert cancelled - float(run.note("asked to cancel")["time"]) < 10
    assert run.events() == ["start", "asked to cancel"]


@pytest.mark.parametrize("name", ["now", "retried"])
def test_a_person_starts_the_run_during_the_wait(acted: dict[str, Run], name: str) -> None:
    """A "Run now" and the UI's Retry start the run at once, and it does not wait again."""
    run = acted[name]
    run.wait_for("Completed", within=60)

    assert run.events() == ["start", "start", "work", "end"]
    assert run.labels()["reason"] == "overridden"
    assert run.note("work")["time"] < _slot(run)


@pytest.mark.slow
def test_supervisor_restart_during_the_wait_is_no_override(
    acted: dict[str, Run],
) -> None:
    """A supervisor's AwaitingRetry is nobody's wish: the run is moved to its slot again."""
    run = acted["rescheduled"]
    run.wait_for("Completed", within=90)

    assert run.events() == ["start", "start", "start", "work", "end"]
    assert run.note("work")["time"] >= _slot(run) - 2
    assert run.labels()["moves"] == 2
    assert run.labels()["reason"] == "cleaner_slot"


@pytest.mark.parametrize("name", ["redeployed", "paused"])
def test_redeploy_changed_schedule_and_pause(acted: dict[str, Run], name: str) -> None:
    """A redeploy with another schedule and a pause leave a waiting run to its slot."""
    run = acted[name]
    run.wait_for("Completed", within=90)

    assert run.events() == ["start", "start", "work", "end"]
    assert run.note("work")["time"] >= _slot(run) - 2


def test_deleted_deployment_cancels_the_run(acted: dict[str, Run]) -> None:
    """A run whose deployment was deleted is Cancelled, and not started at its slot."""
    run = acted["gone"]
    run.wait_for("Cancelled", within=90)

    assert run.events() == ["start"]


def test_auto_scheduled_run_survives_a_redeploy(world: World, tmp_path: Path) -> None:
    """A run made by a schedule, once started, keeps its slot through redeploy and pause.

    Prefect deletes auto-scheduled runs on deploy, but only those never started.
    """
    start = now() + timedelta(seconds=8)
    journal = tmp_path / "journal"
    deployment = world.deploy(
        "plain.py:sync_flow",
        parameters={"dip_in": 20, "journal": str(journal)},
        schedules=[
            {
                "active": True,
                "schedule": {"interval": 86400, "anchor_date": start.isoformat()},
            }
        ],
    )

    def first() -> dict[str, str] | None:
        found = world.server.call(
            "POST",
            "/flow_runs/filter",
            json={
                "deployments": {"id": {"any_": [deployment]}},
                "sort": "EXPECTED_START_TIME_ASC",
                "limit": 1,
            },
        )
        return found[0] if found else None

    made = eventually(first, within=20, what="the scheduler makes a run")
    assert made["auto_scheduled"]
    run = Run(world.server, made["id"], journal)
    eventually(partial(_waits, run), within=40, what="the run waits")
    _redeploy(world, run)
    world.server.call("POST", f"/deployments/{deployment}/pause_deployment")
    run.wait_for("Completed", within=90)

    assert run.events() == ["start", "start", "work", "end"]


@pytest.mark.parametrize("flow", ["sync_flow", "waiting_in_thread_flow"])
def test_cancel_while_waiting_in_process(world: World, flow: str) -> None:
    """A cancelled run that waits in process, in any thread, ends at once."""
    run = world.run(f"plain.py:{flow}", dip_in=300, wait="in_process")
    eventually(lambda: bool(run.labels()), within=40, what="the run waits")
    run.add_note("asked to cancel")
    run.set_state(type="CANCELLING")
    run.wait_for("Cancelled", within=30)

    assert run.events() == ["start", "asked to cancel"]


def test_ad_hoc_run_waits_in_process(world: World, tmp_path: Path) -> None:
    """A flow called in a script waits there, is recorded, and completes."""
    journal = tmp_path / "journal"
    code = f"import plain; plain.sync_flow(6, {str(journal)!r})"
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        timeout=120,
        cwd=Path(__file__).parent / "flows",
        env=world.server.environment(),
    )
    run = Run(world.server, "", journal)

    assert run.events() == ["start", "work", "end"]
    assert run.note("work")["time"] >= run.note("start")["time"] + 6
