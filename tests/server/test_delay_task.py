"""The delay task in a deployment's run, on a real server with a real worker."""

from __future__ import annotations

from tests.server.world import World


def test_run_leaves_its_process_and_comes_back(world: World) -> None:
    """A delayed run ends its process, waits as Scheduled and starts once at its slot."""
    run = world.run("plain.py:sync_flow", dip_in=14)
    run.wait_for("Completed")

    assert run.events() == ["start", "start", "work", "end"]
