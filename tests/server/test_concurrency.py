"""The slot that a waiting run gives back is really free."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.prefect_server.server import Server
from tests.prefect_server.world import Engine, World, a_world


@pytest.fixture(scope="module")
def narrow(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A pool with concurrency limit 1 and a worker with --limit 1."""
    folder = tmp_path_factory.mktemp("narrow")
    with a_world(server, folder, Engine.OWN, concurrency_limit=1) as world:
        world.start_worker("--limit", "1")
        yield world


def test_slots_are_free_during_the_wait(narrow: World) -> None:
    """With limit 1 on deployment, pool and worker another run works during the wait."""
    deployment = narrow.deploy("plain.py:sync_flow", concurrency_limit=1)
    first = narrow.run("plain.py:sync_flow", deployment=deployment)
    first.wait_until_put_back()
    second = narrow.run("plain.py:sync_flow", dip_in=-3600, deployment=deployment)
    second.wait_for("Completed")
    assert first.state() == "Scheduled"
    first.finish_at_slot()

    assert first.events() == ["start", "start", "work", "end"]
    assert second.events() == ["start", "work", "end"]


def test_near_slot_does_not_take_the_worker_down(narrow: World) -> None:
    """A slot nearer than a process needs to end is waited for in process.

    Moved there, the run would come due while its old process lives, and a worker with
    --limit would die of it.
    """
    run = narrow.run(
        "plain.py:sync_flow", dip_in=12, env={"CARBONAWARE_MINIMUM_WAIT": "0s"}
    )
    run.wait_for("Completed")
    worker = narrow.workers[0]

    assert run.names().count("Running") == 1
    assert worker.alive()
    assert "already holding" not in worker.output()


def test_old_process_never_meets_the_new_one_on_a_limited_worker(narrow: World) -> None:
    """User code that holds the old process is cut before the worker looks for the run."""
    # So early that a busy machine, too, is in time to end it before the worker looks.
    look_ahead = {"PREFECT_WORKER_PREFETCH_SECONDS": "60"}
    run = narrow.run("guarded.py:finally_flow", env=look_ahead, hold=600)
    run.wait_for_note("finally")
    slot = run.slot()
    narrow.server.clock.reach(slot - timedelta(seconds=65))
    assert run.wait_until_put_back() == slot
    narrow.server.clock.reach(slot)
    run.wait_for("Completed")
    worker = narrow.workers[0]

    assert run.events() == ["start", "finally", "start", "work", "finally"]
    assert worker.alive()
    assert "already holding" not in worker.output()
