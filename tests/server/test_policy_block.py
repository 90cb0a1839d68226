"""What a policy block says reaches every decision of the delay task."""

from __future__ import annotations

import subprocess

import pytest

from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World
from tests.warm import python

FLOW = "policed.py:policed_flow"
SAVE = """
from datetime import timedelta
from carbonaware_prefect import CarbonPolicy
common = {"zone": "DE", "window": timedelta(hours=8), "duration": timedelta(minutes=45)}
CarbonPolicy(minimum_wait=timedelta(hours=5), **common).save("stays")
CarbonPolicy(minimum_wait=timedelta(minutes=1), **common).save("leaves")
"""


@pytest.fixture(scope="module", autouse=True)
def _blocks(server: Server) -> None:
    done = subprocess.run(
        [python(), "-c", SAVE],
        env=server.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_slot_within_the_block_s_minimum_wait_is_waited_for_in_process(
    world: World,
) -> None:
    """With a dip in three hours, and five as the least that is worth a move."""
    run = world.run(FLOW, env={"CARBONAWARE_POLICY": "stays"})
    eventually(lambda: run.labels().get("decided_by") == "in_process", what="it decides")
    assert run.state() == "Running"
    world.server.clock.move_to(run.slot())
    run.wait_for("Completed")

    assert run.events() == ["start", "duration 0:45:00"]


def test_the_block_s_duration_holds_when_the_run_comes_back(world: World) -> None:
    """The request that the flow is given at its slot has the duration of the block."""
    run = world.run(FLOW, env={"CARBONAWARE_POLICY": "leaves"})
    run.finish_at_slot()

    assert run.events() == ["start", "start", "duration 0:45:00"]
