"""Where moving a run would lose, double or block it, the delay waits in process."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tests.prefect_server.runs import Run
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World

_DIP_IN = 14.0
_IN_PROCESS = {
    "executing": (
        "task 'slow' is executing",
        ["start", "slow starts", "slow ends", "work"],
    ),
    "gathering": (
        "task 'slow_async' is executing",
        ["start", "slow starts", "slow ends", "work"],
    ),
    "nested": (
        "task 'parent' is executing",
        ["start", "parent starts", "parent ends", "work"],
    ),
    "parent": ("this is a sub-flow", ["start", "child", "child goes on", "work"]),
    "transaction": ("a transaction is open", ["start", "inside", "work"]),
    "process_pool": (
        "the task runner executes this task in another process",
        ["start", "work"],
    ),
}


def _start(world: World, name: str) -> Run:
    if name == "told":
        return world.run("plain.py:sync_flow", dip_in=_DIP_IN, wait="in_process")
    return world.run(f"guarded.py:{name}_flow", dip_in=_DIP_IN)


@pytest.fixture(scope="module")
def start(world: World) -> Callable[[str], Run]:
    """Starts a run of one shape."""
    return partial(_start, world)


@pytest.fixture(scope="module")
def fleet(start: Callable[[str], Run]) -> dict[str, Run]:
    """Runs of every shape, started together."""
    names = [*_IN_PROCESS, "mapped", "cached", "must_reschedule", "source", "told"]
    return {name: start(name) for name in names}


@pytest.mark.parametrize("name", sorted(_IN_PROCESS))
def test_waits_in_process_and_says_why(
    world: World, runs: dict[str, Run], name: str
) -> None:
    """Each obstacle makes the run wait where it is, with the reason in its log."""
    run = runs[name]
    why, events = _IN_PROCESS[name]
    run.wait_for("Completed", within=120)

    assert run.events() == events
    assert run.names().count("Running") == 1
    assert run.note("work")["time"] >= _dip(run) - 2
    said = f"Waiting in this process until the slot: {why}"
    assert said in world.workers[0].output()


def _dip(run: Run) -> float:
    return float(run.note("start")["time"]) + _DIP_IN


def test_in_process_can_be_asked_for(runs: dict[str, Run]) -> None:
    """With wait="in_process" the run never leaves its process."""
    run = runs["told"]
    run.wait_for("Completed", within=120)

    assert run.events() == ["start", "work", "end"]
    assert run.labels()["decided_by"] == "in_process"


def test_two_delays_at_once_make_one_move_each(runs: dict[str, Run]) -> None:
    """Mapped delays under one key take turns; the run leaves and ends once."""
    run = runs["mapped"]
    run.wait_for("Completed", within=120)

    assert run.events().count("work") == 1
    assert run.labels()["same.moves"] == 1


def test_persisted_result_is_refused(runs: dict[str, Run]) -> None:
    """persist_result=True on the delay task does not make it Cached on re-entry."""
    run = runs["cached"]
    run.wait_for("Completed", within=120)

    assert run.events() == ["start", "start", "work"]
    eventually(
        lambda: "the time that was chosen for this run is here" in run.logs(),
        within=10,
        what="the second start says why it goes on",
    )


def test_reschedule_where_impossible_is_an_error(runs: dict[str, Run]) -> None:
    """wait="reschedule" fails with the obstacle in its message."""
    run = runs["must_reschedule"]
    run.wait_for("Failed", within=60)

    message = run.read()["state"]["message"]
    assert 'wait="reschedule" is impossible here: a transaction is open' in message


def test_failing_source_lets_the_run_start_at_once(runs: dict[str, Run]) -> None:
    """A forecast source that raises costs the saving, never the run."""
    run = runs["source"]
    run.wait_for("Completed", within=60)

    assert run.events() == ["start", "fetch", "work"]
    assert run.labels()["reason"] == "source_failed"
    eventually(
        lambda: "the forecast API is on fire" in run.logs(),
        within=10,
        what="the log says what failed",
    )
