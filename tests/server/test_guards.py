"""Where moving a run would lose, double or block it, the delay waits in process."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.prefect_server.fleets import each, to_their_slots
from tests.prefect_server.runs import Run
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import DIP_IN, World

_SLOW = ["start", "slow starts", "slow ends", "work"]
_IN_PROCESS = {
    "executing": ("task 'slow' is executing", _SLOW),
    "gathering": ("task 'slow_async' is executing", _SLOW),
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
        return world.run("plain.py:sync_flow", wait="in_process")
    return world.run(f"guarded.py:{name}_flow")


def _wait_inside(world: World, run: Run, name: str) -> datetime:
    """Wait until it waits in its process, and has said why; returns its slot."""
    said = (
        _said(_IN_PROCESS[name][0]) if name in _IN_PROCESS else 'wait="in_process" says so'
    )
    eventually(lambda: said in world.output(), what=f"{name} waits in its process")
    return run.time_of("start") + timedelta(seconds=DIP_IN)


def _said(why: str) -> str:
    return f"Waiting in this process until the slot: {why}"


@pytest.fixture(scope="module")
def fleet(world: World) -> dict[str, tuple[Run, datetime]]:
    """Runs of every shape after their slots, with these: they were started together."""
    keys = {"mapped": "same.", "cached": ""}

    def start(name: str) -> tuple[Run, datetime]:
        run = _start(world, name)
        if name in keys:
            return run, run.wait_until_put_back(keys[name])
        slot = _wait_inside(world, run, name)
        if name in {"executing", "gathering"}:
            # In an async flow it ends later: the delay's wait keeps the loop busy.
            run.add_note("go on")
        return run, slot

    fleet = each(start, [*_IN_PROCESS, "told", *keys])
    to_their_slots(fleet.values())
    return fleet


@pytest.mark.parametrize("name", sorted(_IN_PROCESS))
def test_waits_in_process_and_says_why(
    world: World, fleet: dict[str, tuple[Run, datetime]], name: str
) -> None:
    """Each obstacle makes the run wait where it is, with the reason in its log."""
    run, slot = fleet[name]
    why, events = _IN_PROCESS[name]
    run.wait_for("Completed")

    assert [event for event in run.events() if event != "go on"] == events
    assert run.names().count("Running") == 1
    assert run.time_of("work") >= slot
    assert _said(why) in world.output()


def test_in_process_can_be_asked_for(fleet: dict[str, tuple[Run, datetime]]) -> None:
    """With wait="in_process" the run never leaves its process."""
    run, slot = fleet["told"]
    run.wait_for("Completed")

    assert run.events() == ["start", "work", "end"]
    assert run.time_of("work") >= slot
    assert run.labels()["decided_by"] == "in_process"


def test_two_delays_at_once_make_one_move_each(
    fleet: dict[str, tuple[Run, datetime]],
) -> None:
    """Mapped delays under one key take turns; the run leaves and ends once."""
    run, _ = fleet["mapped"]
    run.wait_for("Completed")

    assert run.events().count("work") == 1
    assert run.labels()["same.moves"] == 1


def test_persisted_result_is_refused(fleet: dict[str, tuple[Run, datetime]]) -> None:
    """persist_result=True on the delay task does not make it Cached on re-entry."""
    run, _ = fleet["cached"]
    run.wait_for("Completed")

    assert run.events() == ["start", "start", "work"]
    eventually(
        lambda: "the time that was chosen for this run is here" in run.logs(),
        what="the second start says why it goes on",
    )


def test_reschedule_where_impossible_is_an_error(world: World) -> None:
    """wait="reschedule" fails with the obstacle in its message."""
    run = _start(world, "must_reschedule")
    run.wait_for("Failed")

    message = run.read()["state"]["message"]
    assert 'wait="reschedule" is impossible here: a transaction is open' in message


def test_failing_source_lets_the_run_start_at_once(world: World) -> None:
    """A forecast source that raises costs the saving, never the run."""
    run = _start(world, "source")
    run.wait_for("Completed")

    assert run.events() == ["start", "fetch", "work"]
    assert run.labels()["reason"] == "source_failed"
    eventually(
        lambda: "the forecast API is on fire" in run.logs(), what="the log says what failed"
    )
