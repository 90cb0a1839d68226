"""The slot that a waiting run gives back is really free."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World, a_world


@pytest.fixture
def narrow(server: Server, tmp_path: Path) -> Iterator[World]:
    """A pool with concurrency limit 1 and a worker with --limit 1."""
    with a_world(server, tmp_path, concurrency_limit=1) as world:
        world.start_worker("--limit", "1")
        yield world


def test_slots_are_free_during_the_wait(narrow: World) -> None:
    """With limit 1 on deployment, pool and worker another run works during the wait."""
    deployment = narrow.deploy("plain.py:sync_flow", concurrency_limit=1)
    first = narrow.run("plain.py:sync_flow", dip_in=14, deployment=deployment)
    eventually(
        lambda: first.state() == "Scheduled" and bool(first.labels()),
        within=30,
        what="the first run waits",
    )
    second = narrow.run("plain.py:sync_flow", dip_in=-5, deployment=deployment)
    second.wait_for("Completed", within=30)
    assert first.state() == "Scheduled"
    first.wait_for("Completed", within=60)

    assert first.events() == ["start", "start", "work", "end"]
    assert second.events() == ["start", "work", "end"]


def test_near_slot_does_not_take_the_worker_down(narrow: World) -> None:
    """A slot nearer than a process needs to end is waited for in process.

    Moved there, the run would come due while its old process lives, and a worker with
    --limit would die of it.
    """
    run = narrow.run("plain.py:sync_flow", dip_in=5)
    run.wait_for("Completed", within=60)
    worker = narrow.workers[0]

    assert run.names().count("Running") in {1, 2}
    assert worker.alive()
    assert "already holding" not in worker.output()


def test_old_process_never_meets_the_new_one_on_a_limited_worker(narrow: World) -> None:
    """User code that holds the old process is cut before the worker looks for the run."""
    run = narrow.run("guarded.py:finally_flow", dip_in=14, hold=120)
    run.wait_for("Completed", within=90)
    worker = narrow.workers[0]

    assert run.events() == ["start", "finally", "start", "work", "finally"]
    assert worker.alive()
    assert "already holding" not in worker.output()
