"""Work on task runners: with it in flight the delay does not double it, nor leave it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

import pytest

from tests.prefect_server.runs import Run
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World

pytestmark = pytest.mark.slow

# From the delay on: a Dask cluster takes its time to end, more so beside others.
_DIP_IN = 20.0
_STEPS = ["before", "mapped", "mapped"]
# What each start does, apart from the delay: the one before the wait, the one at the slot.
_MOVED = {
    "after on thread": ([], ["work", "mapped", "mapped"]),
    "async_after on dask": ([], ["work", "mapped", "mapped"]),
    "before on thread": (_STEPS, [*_STEPS, "work"]),
    "before on process": (_STEPS, [*_STEPS, "work"]),
    "before on dask": (_STEPS, [*_STEPS, "work"]),
    "submitted on thread": ([], ["work", "told"]),
}
_SLOW = ["slow starts", "slow ends", "work"]
_IN_PROCESS = {
    "dropped on thread": ("task 'slow' is executing", _SLOW),
    "dropped on process": ("a task on the ProcessPoolTaskRunner is executing", _SLOW),
    "dropped on dask": ("a task on the DaskTaskRunner is executing", _SLOW),
    "hasty on thread": ("task 'slow' is executing", _SLOW),
    "nested on thread": ("task 'slow' is executing", _SLOW),
    "submitted on dask": (
        "the task runner executes this task in another process",
        ["work", "told"],
    ),
    "alone on task_server": (
        "nobody can tell what a PrefectTaskRunner is executing",
        ["work"],
    ),
}


def _start(world: World, name: str) -> Run:
    flow, _, runner = name.partition(" on ")
    env = {"TEST_RUNNER": runner, "DASK_TEMPORARY_DIRECTORY": str(world.folder)}
    return world.run(f"runners.py:{flow}_flow", dip_in=_DIP_IN, env=env)


@pytest.fixture(scope="module")
def start(world: World) -> Callable[[str], Run]:
    """Starts a run of one shape."""
    return partial(_start, world)


@pytest.fixture(scope="module")
def fleet(start: Callable[[str], Run]) -> dict[str, Run]:
    """Runs of every shape, started together."""
    names = [*_MOVED, *_IN_PROCESS, "holding on process", "looking on thread"]
    return {name: start(name) for name in names}


def _starts(run: Run) -> list[list[str]]:
    """What each start of the flow noted, in the order of the alphabet."""
    starts: list[list[str]] = []
    for event in run.events():
        if event == "start":
            starts.append([])
        starts[-1].append(event)
    return [sorted(start) for start in starts]


def _slot(run: Run) -> float:
    return datetime.fromisoformat(run.labels()["slot_start"]).timestamp()


@pytest.mark.parametrize("name", _MOVED)
def test_moves_and_leaves_no_process(runs: dict[str, Run], name: str) -> None:
    """The run leaves, with all processes of its runner, and works once at its slot."""
    run = runs[name]
    before, after = _MOVED[name]
    run.wait_for("Completed", within=180)
    eventually(lambda: run.events().count("exit") == 2, within=30, what="both ended")

    always = ["start", "delays", "exit"]
    assert _starts(run) == [sorted([*always, *before]), sorted([*always, *after])]
    assert run.note("exit")["time"] < _slot(run) - 2
    assert run.note("start", 1)["time"] >= _slot(run) - 2
    assert run.names().count("Running") == 2


@pytest.mark.parametrize("name", _IN_PROCESS)
def test_waits_in_process_and_says_why(runs: dict[str, Run], name: str) -> None:
    """With work in flight the run stays; that work is done once, and the log says why."""
    run = runs[name]
    why, events = _IN_PROCESS[name]
    run.wait_for("Completed", within=180)
    eventually(lambda: "exit" in run.events(), within=30, what="the process ended")

    assert _starts(run) == [sorted(["start", "delays", "exit", *events])]
    assert run.note("work")["time"] >= _slot(run) - 2
    assert run.names().count("Running") == 1
    said = f"Waiting in this process until the slot: {why}"
    eventually(lambda: said in run.logs(), within=20, what="the log says why")


def test_work_is_seen_the_moment_it_was_submitted(runs: dict[str, Run]) -> None:
    """A task that no thread has begun yet counts as one that executes."""
    run = runs["looking on thread"]
    run.wait_for("Completed", within=180)

    assert [event for event in run.events() if "seen" in event] == [
        "seen: task 'pause'"
    ] * 5


def test_processes_end_with_a_process_that_has_to_be_ended(runs: dict[str, Run]) -> None:
    """A flow process that user code holds is ended with the processes of its runner."""
    run = runs["holding on process"]
    run.wait_for("Completed", within=180)
    eventually(lambda: "exit" in run.events(), within=30, what="the second process ended")

    assert run.events() == [
        "start", "before", "delays", "start", "before", "delays", "work", "exit",
    ]  # fmt: skip
    assert run.note("start", 1)["time"] >= _slot(run) - 2
