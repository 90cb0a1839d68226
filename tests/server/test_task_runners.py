"""Work on task runners: with it in flight the delay does not double it, nor leave it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.prefect_server.fleets import each, to_their_slots
from tests.prefect_server.runs import ROUNDED, Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import DIP_IN, World

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


def _start(world: World, name: str, **options: Any) -> Run:
    flow, _, runner = name.partition(" on ")
    env = {
        "TEST_RUNNER": runner,
        "DASK_TEMPORARY_DIRECTORY": str(world.folder),
        # When the clock is moved, it has not heard of its workers for hours.
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "10h",
    }
    env |= options.pop("env", {})
    return world.run(f"runners.py:{flow}_flow", env=env, **options)


@pytest.fixture(scope="module")
def fleet(server: Server, world: World) -> dict[str, tuple[Run, datetime]]:
    """Runs of every shape after their slots, with these: they were started together."""

    def start(name: str) -> tuple[Run, datetime]:
        if name == "held":
            return _held(world)
        run = _start(world, name)
        if name in _MOVED:
            return run, run.wait_until_put_back()
        slot = run.wait_until_inside()
        run.add_note("go on")
        return run, slot

    fleet = each(start, [*_MOVED, *_IN_PROCESS, "held"])
    run, slot = fleet["held"]
    server.clock.reach(slot - timedelta(seconds=65))
    run.wait_until_put_back()
    to_their_slots(fleet.values())
    return fleet


def _held(world: World) -> tuple[Run, datetime]:
    """A run that user code does not let go after its move."""
    # So early that a busy machine, too, is in time to end it before the worker looks.
    look_ahead = {"PREFECT_WORKER_PREFETCH_SECONDS": "60"}
    run = _start(world, "holding on process", dip_in=DIP_IN / 2, env=look_ahead)
    eventually(run.labels, what="it is moved")
    return run, run.slot()


def _starts(run: Run) -> list[list[str]]:
    """What each start of the flow noted, in the order of the alphabet."""
    starts: list[list[str]] = []
    for event in run.events():
        if event == "start":
            starts.append([])
        if event != "go on":
            starts[-1].append(event)
    return [sorted(start) for start in starts]


@pytest.mark.parametrize("name", _MOVED)
def test_moves_and_leaves_no_process(
    fleet: dict[str, tuple[Run, datetime]], name: str
) -> None:
    """The run leaves, with all processes of its runner, and works once at its slot."""
    run, slot = fleet[name]
    before, after = _MOVED[name]
    run.wait_for("Completed")
    eventually(lambda: run.events().count("exit") == 2, what="both ended")

    always = ["start", "delays", "exit"]
    assert _starts(run) == [sorted([*always, *before]), sorted([*always, *after])]
    assert run.time_of("exit") < slot - ROUNDED <= run.time_of("start", 1)
    assert run.names().count("Running") == 2


@pytest.mark.parametrize("name", _IN_PROCESS)
def test_waits_in_process_and_says_why(
    fleet: dict[str, tuple[Run, datetime]], name: str
) -> None:
    """With work in flight the run stays; that work is done once, and the log says why."""
    run, slot = fleet[name]
    why, events = _IN_PROCESS[name]
    run.wait_for("Completed")
    eventually(lambda: "exit" in run.events(), what="the process ended")

    assert _starts(run) == [sorted(["start", "delays", "exit", *events])]
    assert run.time_of("work") >= slot
    assert run.names().count("Running") == 1
    said = f"Waiting in this process until the slot: {why}"
    eventually(lambda: said in run.logs(), what="the log says why")


def test_work_is_seen_the_moment_it_was_submitted(world: World) -> None:
    """A task that no thread has begun yet counts as one that executes."""
    run = _start(world, "looking on thread")
    run.wait_for("Completed")

    assert [event for event in run.events() if "seen" in event] == [
        "seen: task 'pause'"
    ] * 5


def test_processes_end_with_a_process_that_has_to_be_ended(
    fleet: dict[str, tuple[Run, datetime]],
) -> None:
    """A flow process that user code holds is ended with the processes of its runner."""
    run, slot = fleet["held"]
    run.wait_for("Completed")
    eventually(lambda: "exit" in run.events(), what="the second process ended")

    assert run.events() == [
        "start", "before", "delays", "start", "before", "delays", "work", "exit",
    ]  # fmt: skip
    assert run.time_of("start", 1) >= slot - ROUNDED
