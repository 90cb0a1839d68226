"""Code around a delay that lets nothing pass, and what a move leaves as it found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import Engine, World, a_world

_NAMES = ["careful", "careful_async", "careless", "approved", "hooked"]


@pytest.fixture(scope="module")
def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A worker that starts three runs at a time: more only stand in one another's way."""
    with a_world(server, tmp_path_factory.mktemp("leaving"), Engine.OWN) as world:
        world.start_worker("--limit", "3")
        yield world


@pytest.fixture(scope="module")
def fleet(world: World) -> dict[str, Run]:
    """Runs that wait for the same hour, put back and finished together."""
    runs = {name: world.run(f"late.py:{name}_flow") for name in _NAMES}
    approved = runs["approved"]
    approved.wait_for("Paused")
    world.server.call("POST", f"/flow_runs/{approved.id}/resume", json={})
    slots = [run.wait_until_put_back() for run in runs.values()]
    world.server.clock.move_to(max(slots))
    for run in runs.values():
        run.wait_for("Completed")
    return runs


def _noted(run: Run) -> list[str]:
    """What it did, without the words of its decision."""
    return [event for event in run.events() if " " not in event or event == "went on"]


@pytest.mark.parametrize("name", ["careful", "careful_async"])
def test_the_next_task_call_ends_the_process(fleet: dict[str, Run], name: str) -> None:
    """A bare except around the delay does not make a task's work done twice."""
    assert _noted(fleet[name]) == ["start", "went on", "start", "went on", "work"]


def test_the_end_of_the_flow_leaves_the_run_scheduled(fleet: dict[str, Run]) -> None:
    """Who catches everything and returns does not complete a run that is to start again."""
    run = fleet["careless"]

    assert _noted(run) == ["start", "end", "start", "work", "end"]
    assert run.names().count("Completed") == 1
    assert run.names().count("Running") == 2


def test_hooks_of_a_wait(fleet: dict[str, Run]) -> None:
    """Those on Running fire in both processes; for the wait itself none does."""
    run = fleet["hooked"]
    eventually(lambda: "hook_completion" in run.events(), what="the last hook ran")

    assert _noted(run) == [
        "hook_running",
        "start",
        "hook_running",
        "start",
        "work",
        "hook_completion",
    ]


def test_what_a_person_has_approved_is_not_asked_again(fleet: dict[str, Run]) -> None:
    """What Prefect wrote on the run since its process began is there after a move."""
    run = fleet["approved"]

    assert _noted(run) == ["start", "approved", "start", "approved", "work"]
    assert run.names().count("Paused") == 1
    eventually(lambda: "1" in run.read()["empirical_policy"]["pause_keys"], what="kept")
