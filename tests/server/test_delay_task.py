"""The delay task in a deployment's run, on a real server with a real worker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.prefect_server.fleets import each, to_their_slots
from tests.prefect_server.runs import ROUNDED, Run
from tests.prefect_server.server import Server
from tests.prefect_server.world import DIP_IN, World

_NAMES = [
    "sync", "async", "submitting", "threaded", "state", "persisted", "retrying",
    "fails_before",
]  # fmt: skip
_EARLY = timedelta(seconds=5)


@dataclass(frozen=True)
class Fleet:
    """Runs of every shape, after their slots.

    Attributes:
        runs: by their shapes.
        slots: of them all.
        waiting: the first one as the API had it during its wait.
    """

    runs: dict[str, Run]
    slots: dict[str, datetime]
    waiting: dict[str, Any]


@pytest.fixture(scope="module")
def fleet(server: Server, world: World) -> Fleet:
    """Runs that were started together, all put back, and then let to their slots.

    The first slot has not quite come when the first run's worker takes it.
    """
    shapes: dict[str, tuple[str, dict[str, Any], str]] = {
        "early": ("plain.py:sync_flow", {"dip_in": DIP_IN / 2}, ""),
        "twice": ("plain.py:twice_flow", {"second": 2 * DIP_IN}, "first."),
    } | {name: (f"plain.py:{name}_flow", {}, "") for name in _NAMES}

    def put_back(name: str) -> tuple[Run, datetime]:
        flow, options, key = shapes[name]
        run = world.run(flow, **options)
        return run, run.wait_until_put_back(key)

    started = each(put_back, shapes)
    runs = {name: run for name, (run, _) in started.items()}
    slots = {name: slot for name, (_, slot) in started.items()}
    waiting = runs["sync"].read()
    server.clock.reach(slots["early"] - _EARLY)
    runs["early"].wait_for("Completed")
    to_their_slots((runs[name], slots[name]) for name in _NAMES)
    server.clock.reach(slots["twice"])
    return Fleet(runs, slots, waiting)


def _started_again(run: Run) -> datetime:
    """When its second process started."""
    return run.time_of("start", 1)


def test_run_leaves_its_process_and_comes_back(fleet: Fleet) -> None:
    """A delayed run waits as Scheduled without a process and starts once at its slot."""
    run = fleet.runs["sync"]
    run.wait_for("Completed")

    assert run.events() == ["start", "start", "work", "end"]
    assert run.note("start", 1)["pid"] != run.note("start")["pid"]
    assert _started_again(run) >= fleet.slots["sync"] - ROUNDED
    assert fleet.slots["sync"] - run.time_of("start") == timedelta(seconds=DIP_IN)
    assert fleet.waiting["infrastructure_pid"] is None
    assert fleet.waiting["state"]["message"].startswith("Waiting for cleaner electricity: ")
    assert run.read()["run_count"] == 1
    assert run.names().count("Running") == 2


def test_record_is_left_on_the_run(fleet: Fleet) -> None:
    """The labels of the contract hold the decision and its numbers."""
    labels = fleet.runs["sync"].labels()

    assert set(labels) == {
        "nominal_start", "slot_start", "decided_at", "decided_by", "reason", "zone",
        "source", "signal", "intensity_nominal", "intensity_slot", "saving_percent",
        "moves", "allowed_starts",
    }  # fmt: skip
    assert labels["reason"] == "cleaner_slot"
    assert labels["decided_by"] == "task"
    assert labels["moves"] == 1
    assert labels["intensity_slot"] == 100
    assert labels["intensity_nominal"] == 300
    assert labels["saving_percent"] == pytest.approx(66.7)


def test_taken_early_it_starts_at_its_slot(fleet: Fleet) -> None:
    """A worker looks ahead and takes a run early, which starts at its slot all the same."""
    run = fleet.runs["early"]

    assert run.events() == ["start", "start", "work", "end"]
    assert _started_again(run) >= fleet.slots["early"] - ROUNDED
    assert run.labels()["moves"] == 1


@pytest.mark.parametrize("name", ["async", "submitting", "threaded"])
def test_async_flows_and_submitted_delays(fleet: Fleet, name: str) -> None:
    """An awaited delay, one in a thread of an async flow and a submitted one move too."""
    run = fleet.runs[name]
    run.wait_for("Completed")

    assert run.events() == ["start", "start", "work", "end"]
    assert _started_again(run) >= fleet.slots[name] - ROUNDED


def test_return_state_and_finally(fleet: Fleet) -> None:
    """With return_state=True the run leaves too; finally blocks run in both processes."""
    run = fleet.runs["state"]
    run.wait_for("Completed")

    assert run.events() == ["start", "finally", "start", "work", "finally", "end"]


def test_persisted_tasks_do_not_run_again(fleet: Fleet) -> None:
    """A task before the delay with a persisted result runs once."""
    run = fleet.runs["persisted"]
    run.wait_for("Completed")

    assert run.events() == ["start", "costly", "start", "work 42"]


def test_delay_eats_no_retry(fleet: Fleet) -> None:
    """A flow with retries=2 makes three attempts after the delay."""
    run = fleet.runs["retrying"]
    run.wait_for("Failed")

    assert run.events().count("work") == 3
    assert run.time_of("work") >= fleet.slots["retrying"] - ROUNDED
    assert run.read()["run_count"] == 3


def test_retry_in_process_before_the_delay(fleet: Fleet) -> None:
    """A run that failed once in its process and then waits is picked up at its slot."""
    run = fleet.runs["fails_before"]
    run.wait_for("Completed")

    assert run.events() == ["start", "failed", "start", "start", "work"]
    assert run.time_of("work") >= fleet.slots["fails_before"] - ROUNDED


def test_two_delays_with_their_own_keys(fleet: Fleet) -> None:
    """Each delay of a flow waits for its own slot and keeps its own record."""
    run = fleet.runs["twice"]
    second = run.finish_at_slot("second.")

    assert run.events() == ["start", "start", "between", "start", "between", "work"]
    assert run.time_of("between") >= fleet.slots["twice"] - ROUNDED
    assert run.time_of("work") >= second
    assert second - fleet.slots["twice"] == timedelta(seconds=DIP_IN)
    assert run.labels()["first.moves"] == run.labels()["second.moves"] == 1
