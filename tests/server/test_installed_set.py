"""The installed versions work together: what a wrong one breaks without a word."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from importlib.metadata import version

import pytest

from tests.prefect_server.installed import culprits, naming_the_culprit
from tests.prefect_server.runs import Run
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World

_FLOW = """
from prefect import flow

@flow
def tick():
    pass
"""


def test_a_cron_deployment_is_scheduled_and_completed(world: World) -> None:
    """`prefect deploy` works, the scheduler creates runs, and a worker completes one.

    On Prefect 3.8, no run is ever created with sqlalchemy 2.1; null limits are refused
    with fastapi 0.151, and from 0.155 on its server does not start, which its fixture
    tells.
    """
    with naming_the_culprit():
        deployment = _deployed(world)
        runs = eventually(lambda: _runs(world, deployment), what="runs are scheduled")
        start = datetime.fromisoformat(runs[0]["expected_start_time"])
        world.server.clock.reach(start)
        Run(world.server, runs[0]["id"], world.folder / "none").wait_for("Completed")
    world.server.call("DELETE", f"/deployments/{deployment}")


def _deployed(world: World) -> str:
    (world.folder / "smoke.py").write_text(_FLOW)
    deploy = [
        sys.executable, "-m", "prefect", "--no-prompt", "deploy", "smoke.py:tick",
        "--name", "smoke", "--pool", world.pool, "--cron", "0 * * * *",
    ]  # fmt: skip
    done = subprocess.run(
        deploy,
        cwd=world.folder,
        env=world.server.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"prefect deploy: {done.stdout}{done.stderr}"
    return str(world.server.call("GET", "/deployments/name/tick/smoke")["id"])


def _runs(world: World, deployment: str) -> list[dict[str, str]]:
    asked = {
        "deployments": {"id": {"any_": [deployment]}},
        "sort": "EXPECTED_START_TIME_ASC",
        "limit": None,
    }
    found: list[dict[str, str]] = world.server.call("POST", "/flow_runs/filter", json=asked)
    return found


@pytest.mark.parametrize(
    ("name", "found", "said"),
    [
        ("fastapi", "0.151.0", "with 0.155 Prefect 3.8 does not start"),
        ("sqlalchemy", "2.1.0", "with 2.1 Prefect 3.8 never schedules a run"),
        ("prefect", "4.0.0", "prefect 4.0.0 is not within <4,>="),
    ],
)
def test_the_message_names_a_version_beyond_its_bound(
    name: str, found: str, said: str
) -> None:
    """A version beyond our bounds is named, with the bound and what is known to break."""
    told = culprits(lambda asked: found if asked == name else version(asked))

    assert told.startswith(f"THE INSTALLED VERSIONS DO NOT WORK TOGETHER: {name} {found}")
    assert said in told


def test_the_message_names_versions_that_nobody_has_tested() -> None:
    """Where all bounds hold, whatever differs from the tested sets is under suspicion."""
    told = culprits(lambda asked: "99.0" if asked == "starlette" else version(asked))

    assert "starlette 99.0 (tested: " in told
    assert "DO NOT WORK" not in told
