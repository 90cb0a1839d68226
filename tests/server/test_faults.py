"""Kills, signals and outages at the exact moments that lose or double a run."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.prefect_server.fleets import each, to_their_slots
from tests.prefect_server.prefects import RECEIPTS
from tests.prefect_server.runs import ROUNDED, Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import DIP_IN, Engine, a_world
from tests.server.fault_stories import STORIES, Fault


@pytest.fixture(scope="module")
def faults(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Fault]]:
    """Runs after their slots.

    While they waited, their worker was killed and replaced, and the server restarted.
    """
    folder = tmp_path_factory.mktemp("faults")
    with ExitStack() as stack, a_world(server, folder, Engine.OWN) as world:
        world.start_worker()

        def tell(name: str) -> Fault:
            fault = Fault(world, stack)
            STORIES[name](fault)
            return fault

        told = each(tell, STORIES)
        _let_the_held_one_go(told["held"].run)
        os.kill(world.workers[0].pid, signal.SIGKILL)
        server.stop()
        server.start()
        world.start_worker()
        _go_on(told["quiet"].run)
        to_their_slots((fault.run, _slot(fault.run)) for fault in told.values())
        yield told


def _go_on(run: Run) -> None:
    Path(f"{run.journal}.go").touch()


def _let_the_held_one_go(run: Run) -> None:
    """It is ended before a worker looks for it."""
    clock = run.server.clock
    clock.reach(run.slot() - timedelta(seconds=65))
    run.wait_until_put_back()


def _slot(run: Run) -> datetime:
    return run.time_of("start") + timedelta(seconds=DIP_IN)


def _works_once_at_its_slot(fault: Fault, *events: str) -> None:
    """Fail if it did not start once more, at its slot, and end with these notes."""
    run = fault.run
    run.wait_for("Completed")
    notes = [event for event in run.events() if event != "goes on"]

    assert notes == ["start", *events]
    assert run.time_of("start", 1) >= run.slot() - ROUNDED
    assert "Crashed" not in run.names()
    assert run.labels()["decided_by"] == "task"


def _crashed_when_moved(fault: Fault) -> None:
    """Fail if its labels and history do not tell a planner what is to be mended."""
    run = fault.run
    run.wait_for("Crashed")

    assert run.names()[-2:] == ["Scheduled", "Crashed"]
    assert run.labels()["reason"] == "cleaner_slot"


@pytest.mark.parametrize("number", ["sigterm", "sigkill"])
def test_signal_before_the_labels(faults: dict[str, Fault], number: str) -> None:
    """Killed before anything was written: Crashed as by any kill, nothing half done."""
    run = faults[f"{number} before the labels"].run
    run.wait_for("Crashed")

    assert run.events() == ["start", "fetch"]
    assert run.labels() == {}


def test_sigkill_between_labels_and_move(faults: dict[str, Fault]) -> None:
    """Killed with the plan written but the run not moved: Crashed, and a retry goes on."""
    fault = faults["sigkill before the move"]
    fault.run.wait_for("Completed")

    assert "slot_start" in fault.seen["crashed"]
    assert fault.run.events() == ["start", "start", "work", "end"]
    assert fault.run.labels()["reason"] == "overridden"


def test_sigterm_between_labels_and_move(faults: dict[str, Fault]) -> None:
    """A SIGTERM while the move is on its way is held back; the run is at its slot."""
    _works_once_at_its_slot(faults["sigterm before the move"], "start", "work", "end")


def test_sigterm_right_after_the_accepted_move(faults: dict[str, Fault]) -> None:
    """A SIGTERM when the server has just accepted does not overwrite Scheduled."""
    _works_once_at_its_slot(faults["sigterm after the move"], "start", "work", "end")


def test_sigterm_while_a_submitted_delay_moves(faults: dict[str, Fault]) -> None:
    """A SIGTERM in the main thread when a delay in another was accepted loses nothing."""
    fault = faults["sigterm beside the move"]
    if RECEIPTS:
        _works_once_at_its_slot(fault, "start", "work", "end")
    else:
        _crashed_when_moved(fault)


def test_sigkill_between_acceptance_and_receipt(faults: dict[str, Fault]) -> None:
    """What Prefect makes impossible: killed before the process knows of the acceptance.

    The worker then reports Crashed over Scheduled. The run's labels and history tell
    that it was moved and then crashed, which is what a planner needs to mend it.
    """
    _crashed_when_moved(faults["sigkill after the move"])


@pytest.mark.parametrize("number", ["sigterm", "sigkill"])
def test_signal_after_the_move_in_user_code(faults: dict[str, Fault], number: str) -> None:
    """A signal in a finally block after the move leaves the run Scheduled at its slot."""
    fault = faults[f"{number} in user code"]
    if RECEIPTS or number == "sigterm":
        held = ["held"] if number == "sigterm" else []
        _works_once_at_its_slot(fault, "finally", *held, "start", "work", "finally")
    else:
        _crashed_when_moved(fault)


@pytest.mark.parametrize("number", ["sigterm", "sigkill"])
def test_signal_in_the_last_second(faults: dict[str, Fault], number: str) -> None:
    """A signal while the interpreter shuts down leaves the run Scheduled at its slot."""
    fault = faults[f"{number} in the last second"]
    if RECEIPTS:
        _works_once_at_its_slot(fault, "last second", "start", "work")
    else:
        _crashed_when_moved(fault)


def test_old_process_that_will_not_end_is_ended(faults: dict[str, Fault]) -> None:
    """User code that holds the process until the slot is cut, so nothing runs twice."""
    _works_once_at_its_slot(faults["held"], "finally", "start", "work", "finally")


def test_api_gone_at_the_move(faults: dict[str, Fault]) -> None:
    """API unreachable when the move is due: the run waits in process and completes."""
    run = faults["gone"].run
    run.wait_for("Completed")

    assert run.events() == ["start", "work", "end"]
    assert run.time_of("work") >= _slot(run)
    eventually(
        lambda: "the run could not be moved" in run.logs(),
        what="the log says why the run waits in process",
    )


def test_busy_server_at_the_move(faults: dict[str, Fault]) -> None:
    """A server that says 503 for longer than Prefect's client asks is asked again."""
    fault = faults["busy"]

    assert fault.seen["busy"]
    _works_once_at_its_slot(fault, "start", "work", "end")


def test_answer_lost_after_the_accepted_move(faults: dict[str, Fault]) -> None:
    """The server accepted but its answer was lost: the process leaves all the same."""
    _works_once_at_its_slot(faults["answer lost"], "start", "work", "end")


def test_cancelled_while_the_move_is_on_its_way(faults: dict[str, Fault]) -> None:
    """A cancel that comes first wins over the move."""
    # All that came to their slots with it have ended.
    run = faults["cancelled"].run

    assert run.events() == ["start"]
    assert run.state() == "Cancelled"


def test_calls_to_the_api(faults: dict[str, Fault]) -> None:
    """A delay adds at most six calls to the API, over both processes."""
    fault = faults["undisturbed"]
    run = fault.run
    run.wait_for("Completed")
    ours = [
        request
        for request in fault.proxy.requests
        if run.id in request and ("labels" in request or request.startswith("PATCH"))
    ]

    assert 0 < len(ours) <= 6


def test_worker_and_server_restarted_during_the_wait(faults: dict[str, Fault]) -> None:
    """A wait outlives its worker and the server; a new worker starts it at the slot."""
    _works_once_at_its_slot(faults["undisturbed"], "start", "work", "end")


def test_worker_killed_while_a_run_works(faults: dict[str, Fault]) -> None:
    """Nobody reads the console of such a run; where that is quiet the run goes on."""
    quiet = faults["quiet"].run
    quiet.wait_for("Completed")
    eventually(lambda: "half done" in quiet.logs(), what="the API has its log")

    assert quiet.events() == ["start", "end"]
