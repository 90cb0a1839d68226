"""What people do to a run while it waits: a person always wins, and nothing doubles."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.server.world import Run, World, eventually, now

_DIP_IN = 45.0


@pytest.fixture(scope="module")
def waiting(world: World) -> dict[str, Run]:
    """Runs that have all left their process and wait for their slot."""
    names = ["cancelled", "now", "retried", "rescheduled", "redeployed", "paused", "gone"]
    runs = {}
    for name in names:
        deployment = world.deploy("plain.py:sync_flow", tags=[name])
        runs[name] = world.run("plain.py:sync_flow", dip_in=_DIP_IN, deployment=deployment)
    for run in runs.values():
        eventually(
            lambda run=run: run.state() == "Scheduled" and run.labels(),
            within=40,
            what=f"{run.id} waits: {run.names()}",
        )
    return runs


def _deployment(run: Run) -> str:
    return str(run.read()["deployment_id"])


def test_cancel_during_the_wait(waiting: dict[str, Run]) -> None:
    """A cancelled run is Cancelled within ten seconds and never starts again."""
    run = waiting["cancelled"]
    run.set_state(type="CANCELLING")

    run.wait_for("Cancelled", within=10)
    assert run.events() == ["start"]


def test_run_now_during_the_wait(waiting: dict[str, Run]) -> None:
    """"Run now" starts the run at once, and it does not wait again."""
    run = waiting["now"]
    asked = now()
    run.set_state(type="SCHEDULED", state_details={"scheduled_time": asked.isoformat()})
    run.wait_for("Completed", within=30)

    assert run.events() == ["start", "start", "work", "end"]
    assert run.labels()["reason"] == "overridden"
    assert now() - asked < timedelta(seconds=30)


def test_ui_retry_during_the_wait(waiting: dict[str, Run]) -> None:
    """The UI's Retry starts the run at once, and it does not wait again."""
    run = waiting["retried"]
    run.server.call(
        "POST",
        f"/flow_runs/{run.id}/set_state",
        json={
            "state": {
                "type": "SCHEDULED",
                "name": "AwaitingRetry",
                "message": "Retry from the UI",
            },
            "force": True,
        },
    )
    run.wait_for("Completed", within=30)

    assert run.events() == ["start", "start", "work", "end"]
    assert run.labels()["reason"] == "overridden"


def test_supervisor_restart_during_the_wait_is_no_override(
    waiting: dict[str, Run],
) -> None:
    """A supervisor's AwaitingRetry is nobody's wish: the run is moved to its slot again."""
    run = waiting["rescheduled"]
    run.set_state(type="SCHEDULED", name="AwaitingRetry")
    run.wait_for("Completed", within=90)

    assert run.events() == ["start", "start", "start", "work", "end"]
    assert run.labels()["moves"] == 2
    assert run.labels()["reason"] == "cleaner_slot"


def test_redeploy_and_changed_schedule_during_the_wait(
    world: World, waiting: dict[str, Run]
) -> None:
    """A redeploy with another schedule leaves a waiting run alone; it starts once."""
    run = waiting["redeployed"]
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
    run.wait_for("Completed", within=90)

    assert run.events() == ["start", "start", "work", "end"]


def test_pause_during_the_wait(world: World, waiting: dict[str, Run]) -> None:
    """A pause of the deployment stops its schedules; a run under way finishes its wait."""
    run = waiting["paused"]
    world.server.call("POST", f"/deployments/{_deployment(run)}/pause_deployment")
    run.wait_for("Completed", within=90)

    assert run.events() == ["start", "start", "work", "end"]


def test_deleted_deployment_cancels_the_run(world: World, waiting: dict[str, Run]) -> None:
    """A run whose deployment was deleted is not started at its slot."""
    run = waiting["gone"]
    world.server.call("DELETE", f"/deployments/{_deployment(run)}")
    run.wait_for("Cancelled", within=90)

    assert run.events() == ["start"]


def test_ad_hoc_run_waits_in_process(world: World, tmp_path: Path) -> None:
    """A flow called in a script waits there, is recorded, and completes."""
    journal = tmp_path / "journal"
    dip = now() + timedelta(seconds=15)
    code = f"import plain; plain.sync_flow({dip.isoformat()!r}, {str(journal)!r})"
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        timeout=120,
        cwd=Path(__file__).parent / "flows",
        env=world.server.environment(),
    )
    run = Run(world.server, "", journal)

    assert run.events() == ["start", "work", "end"]
    assert run.note("work")["time"] >= dip.timestamp()
    assert time.time() < dip.timestamp() + 30
