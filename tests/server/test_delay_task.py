"""The delay task in a deployment's run, on a real server with a real worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

import pytest

from tests.prefect_server.runs import Run
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World

# All runs of this module start together, and so share the time that they wait.
_DIP_IN = 14.0


_NAMES = [
    "sync", "async", "submitting", "threaded", "state", "persisted", "retrying",
    "fails_before", "twice",
]  # fmt: skip


def _start(world: World, name: str) -> Run:
    if name == "twice":
        return world.run("plain.py:twice_flow", dip_in=_DIP_IN, second=110)
    return world.run(f"plain.py:{name}_flow", dip_in=_DIP_IN)


@pytest.fixture(scope="module")
def start(world: World) -> Callable[[str], Run]:
    """Starts a run of one shape."""
    return partial(_start, world)


@pytest.fixture(scope="module")
def fleet(start: Callable[[str], Run]) -> dict[str, Run]:
    """Runs of every shape, started together."""
    return {name: start(name) for name in _NAMES}


def _slot(run: Run, key: str = "") -> float:
    return datetime.fromisoformat(run.labels()[f"{key}slot_start"]).timestamp()


def test_run_leaves_its_process_and_comes_back(runs: dict[str, Run]) -> None:
    """A delayed run waits as Scheduled without a process and starts once at its slot."""
    run = runs["sync"]
    first = run.wait_for_note("start", within=60)
    eventually(lambda: run.state() == "Scheduled" and run.labels(), within=30, what="moved")
    waiting = run.read()
    run.wait_for("Completed")

    assert run.events() == ["start", "start", "work", "end"]
    assert run.note("start", 1)["pid"] != first["pid"]
    assert run.note("start", 1)["time"] >= _slot(run) - 2
    assert waiting["infrastructure_pid"] is None
    assert waiting["state"]["message"].startswith("Waiting for cleaner electricity: ")
    assert run.read()["run_count"] == 1
    assert run.names().count("Running") == 2


def test_record_is_left_on_the_run(runs: dict[str, Run]) -> None:
    """The labels of the contract hold the decision and its numbers."""
    run = runs["sync"]
    run.wait_for("Completed")
    labels = run.labels()

    assert set(labels) == {
        "nominal_start", "slot_start", "decided_at", "decided_by", "reason", "zone",
        "source", "signal", "intensity_nominal", "intensity_slot", "saving_percent",
        "moves",
    }  # fmt: skip
    assert labels["reason"] == "cleaner_slot"
    assert labels["decided_by"] == "task"
    assert labels["moves"] == 1
    assert labels["intensity_slot"] == 100
    assert labels["saving_percent"] == pytest.approx(
        100 * (1 - 100 / labels["intensity_nominal"]), abs=0.1
    )


@pytest.mark.parametrize("name", ["async", "submitting", "threaded"])
def test_async_flows_and_submitted_delays(runs: dict[str, Run], name: str) -> None:
    """An awaited delay, one in a thread of an async flow and a submitted one move too."""
    run = runs[name]
    run.wait_for("Completed", within=90)

    assert run.events() == ["start", "start", "work", "end"]
    assert run.note("start", 1)["time"] >= _slot(run) - 2


def test_return_state_and_finally(runs: dict[str, Run]) -> None:
    """With return_state=True the run leaves too; finally blocks run in both processes."""
    run = runs["state"]
    run.wait_for("Completed", within=90)

    assert run.events() == ["start", "finally", "start", "work", "finally", "end"]


def test_persisted_tasks_do_not_run_again(runs: dict[str, Run]) -> None:
    """A task before the delay with a persisted result runs once."""
    run = runs["persisted"]
    run.wait_for("Completed", within=90)

    assert run.events() == ["start", "costly", "start", "work 42"]


def test_delay_eats_no_retry(runs: dict[str, Run]) -> None:
    """A flow with retries=2 makes three attempts after the delay."""
    run = runs["retrying"]
    run.wait_for("Failed", within=90)

    assert run.events().count("work") == 3
    assert run.note("work")["time"] >= _slot(run) - 2
    assert run.read()["run_count"] == 3


def test_retry_in_process_before_the_delay(runs: dict[str, Run]) -> None:
    """A run that failed once in its process and then waits is picked up at its slot."""
    run = runs["fails_before"]
    run.wait_for("Completed", within=90)

    assert run.events() == ["start", "failed", "start", "start", "work"]
    assert run.note("work")["time"] >= _slot(run) - 2


@pytest.mark.slow
def test_two_delays_with_their_own_keys(runs: dict[str, Run]) -> None:
    """Each delay of a flow waits for its own slot and keeps its own record."""
    run = runs["twice"]
    run.wait_for("Completed", within=120)

    assert run.events() == ["start", "start", "between", "start", "between", "work"]
    assert run.note("between")["time"] >= _slot(run, "first.") - 2
    assert run.note("work")["time"] >= _slot(run, "second.") - 2
    assert run.labels()["first.moves"] == run.labels()["second.moves"] == 1
