"""Kills, signals and outages at the exact moments that lose or double a run."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.prefect_server.prefects import RECEIPTS
from tests.prefect_server.proxy import Proxy
from tests.prefect_server.runs import Run
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World

_LABELS = rb"PATCH /api/flow_runs/[^ ]+/labels .*slot_start"
_MOVE = rb"POST /api/flow_runs/[^ ]+/set_state .*Waiting for cleaner"


@pytest.fixture
def proxy(world: World) -> Iterator[Proxy]:
    """The way of the flow's process to the API; the worker goes straight."""
    with Proxy(world.server.port) as proxy:
        yield proxy


def _start(
    world: World, proxy: Proxy, flow: str = "plain.py:sync_flow", dip_in: float = 12
) -> Run:
    return world.run(flow, dip_in=dip_in, api=proxy.api)


def _signal(run: Run, number: int) -> None:
    os.kill(int(run.note("start")["pid"]), number)


def _slot(run: Run) -> float:
    return datetime.fromisoformat(run.labels()["slot_start"]).timestamp()


def _kill(holder: list[Run], number: int, *, then: bool) -> bool:
    _signal(holder[0], number)
    time.sleep(0.3)
    return then


def _keeps_its_slot(run: Run, *, without_receipts: bool = False) -> bool:
    """See the run to its end; whether that is the one it was moved for.

    A process that dies after the accepted move has told its worker that the attempt is
    concluded. Prefect before 3.8.4 has no such receipts, and the worker reports Crashed.
    """
    if RECEIPTS or without_receipts:
        run.wait_for("Completed", within=90)
        return True
    run.wait_for("Crashed", within=60)
    assert run.names()[-2:] == ["Scheduled", "Crashed"]
    assert run.labels()["reason"] == "cleaner_slot"
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_signal_before_the_labels(world: World, number: int) -> None:
    """Killed before anything was written: Crashed as by any kill, nothing half done."""
    run = world.run("guarded.py:source_flow", dip_in=12, number=int(number))
    run.wait_for("Crashed", within=60)

    assert run.events() == ["start", "fetch"]
    assert run.labels() == {}


def test_sigkill_between_labels_and_move(world: World, proxy: Proxy) -> None:
    """Killed with the plan written but the run not moved: Crashed, and a retry goes on."""
    runs: list[Run] = []
    trap = proxy.trap(_MOVE, "before", lambda: _kill(runs, signal.SIGKILL, then=False))
    runs.append(_start(world, proxy, dip_in=300))
    run = runs[0]
    assert trap.sprung.wait(60)
    run.wait_for("Crashed", within=30)
    assert "slot_start" in run.labels()
    for _ in range(3):
        # The worker reports a killed process twice, and the second report hits a retry.
        run.set_state(type="SCHEDULED", name="AwaitingRetry", message="Retry from the UI")
        if run.wait_for("Completed", "Crashed", within=60) == "Completed":
            break

    assert run.events() == ["start", "start", "work", "end"]
    assert run.labels()["reason"] == "overridden"


def test_sigterm_between_labels_and_move(world: World, proxy: Proxy) -> None:
    """A SIGTERM while the move is on its way is held back; the run is at its slot."""
    runs: list[Run] = []
    trap = proxy.trap(_MOVE, "before", lambda: _kill(runs, signal.SIGTERM, then=True))
    runs.append(_start(world, proxy))
    assert trap.sprung.wait(60)
    run = runs[0]
    run.wait_for("Completed", within=90)

    assert run.events() == ["start", "start", "work", "end"]
    assert run.note("start", 1)["time"] >= _slot(run) - 2


def test_sigterm_right_after_the_accepted_move(world: World, proxy: Proxy) -> None:
    """A SIGTERM when the server has just accepted does not overwrite Scheduled."""
    runs: list[Run] = []
    trap = proxy.trap(_MOVE, "after", lambda: _kill(runs, signal.SIGTERM, then=True))
    runs.append(_start(world, proxy))
    assert trap.sprung.wait(60)
    run = runs[0]
    run.wait_for("Completed", within=90)

    assert run.events() == ["start", "start", "work", "end"]


def test_sigterm_while_a_submitted_delay_moves(world: World, proxy: Proxy) -> None:
    """A SIGTERM in the main thread when a delay in another was accepted loses nothing."""
    runs: list[Run] = []
    trap = proxy.trap(_MOVE, "after", lambda: _kill(runs, signal.SIGTERM, then=True))
    runs.append(_start(world, proxy, "plain.py:submitting_flow"))
    assert trap.sprung.wait(60)
    run = runs[0]

    if _keeps_its_slot(run):
        assert run.events() == ["start", "start", "work", "end"]


def test_sigkill_between_acceptance_and_receipt(world: World, proxy: Proxy) -> None:
    """What Prefect makes impossible: killed before the process knows of the acceptance.

    The worker then reports Crashed over Scheduled. The run's labels and history tell
    that it was moved and then crashed, which is what a planner needs to mend it.
    """
    runs: list[Run] = []
    trap = proxy.trap(_MOVE, "after", lambda: _kill(runs, signal.SIGKILL, then=False))
    runs.append(_start(world, proxy))
    assert trap.sprung.wait(60)
    run = runs[0]
    run.wait_for("Crashed", within=30)

    assert run.names()[-2:] == ["Scheduled", "Crashed"]
    assert run.labels()["reason"] == "cleaner_slot"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_signal_after_the_move_in_user_code(world: World, number: int) -> None:
    """A signal in a finally block after the move leaves the run Scheduled at its slot."""
    run = world.run("guarded.py:finally_flow", dip_in=12, number=int(number))

    if _keeps_its_slot(run, without_receipts=number != signal.SIGKILL):
        assert run.events()[:2] == ["start", "finally"]
        assert run.events()[-3:] == ["start", "work", "finally"]
        assert "Crashed" not in run.names()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_signal_in_the_last_second(world: World, number: int) -> None:
    """A signal while the interpreter shuts down leaves the run Scheduled at its slot."""
    run = world.run("guarded.py:last_second_flow", dip_in=12, number=int(number))

    if _keeps_its_slot(run):
        assert run.events() == ["start", "last second", "start", "work"]
        assert "Crashed" not in run.names()


def test_old_process_that_will_not_end_is_ended(world: World) -> None:
    """User code that holds the process until the slot is cut, so nothing runs twice."""
    run = world.run("guarded.py:finally_flow", dip_in=12, hold=120)
    run.wait_for("Completed", within=90)

    assert run.events() == ["start", "finally", "start", "work", "finally"]


def test_api_gone_at_the_move(world: World, proxy: Proxy) -> None:
    """API unreachable when the move is due: the run waits in process and completes."""

    def gone() -> bool:
        proxy.down = True
        threading.Timer(12, lambda: setattr(proxy, "down", False)).start()
        return False

    trap = proxy.trap(_MOVE, "before", gone)
    run = _start(world, proxy)
    assert trap.sprung.wait(60)
    run.wait_for("Completed", within=90)

    assert run.events() == ["start", "work", "end"]
    assert run.note("work")["time"] >= _slot(run) - 1
    eventually(
        lambda: "the run could not be moved" in run.logs(),
        within=10,
        what="the log says why the run waits in process",
    )


def test_busy_server_at_the_move(world: World, proxy: Proxy) -> None:
    """A server that says 503 for longer than Prefect's client asks is asked again."""
    traps = proxy.busy(_LABELS, 4)
    run = _start(world, proxy, dip_in=45)
    run.wait_for("Completed", within=120)

    assert all(trap.sprung.is_set() for trap in traps)
    assert run.events() == ["start", "start", "work", "end"]
    assert run.note("start", 1)["time"] >= _slot(run) - 2
    assert run.labels()["decided_by"] == "task"


def test_answer_lost_after_the_accepted_move(world: World, proxy: Proxy) -> None:
    """The server accepted but its answer was lost: the process leaves all the same."""
    trap = proxy.trap(_MOVE, "after", lambda: False)
    run = _start(world, proxy)
    assert trap.sprung.wait(60)
    run.wait_for("Completed", within=90)

    assert run.events() == ["start", "start", "work", "end"]
    assert run.note("start", 1)["time"] >= _slot(run) - 2


def test_cancelled_while_the_move_is_on_its_way(world: World, proxy: Proxy) -> None:
    """A cancel that comes first wins over the move."""
    runs: list[Run] = []

    def cancel() -> bool:
        runs[0].set_state(type="CANCELLING")
        return True

    trap = proxy.trap(_MOVE, "before", cancel)
    runs.append(_start(world, proxy))
    assert trap.sprung.wait(60)
    run = runs[0]
    run.wait_for("Cancelled", within=40)
    time.sleep(2)

    assert run.events() == ["start"]
    assert run.state() == "Cancelled"


def test_calls_to_the_api(world: World, proxy: Proxy) -> None:
    """A delay adds at most six calls to the API, over both processes."""
    run = _start(world, proxy)
    run.wait_for("Completed", within=90)
    ours = [
        request
        for request in proxy.requests
        if run.id in request and ("labels" in request or request.startswith("PATCH"))
    ]

    assert len(ours) <= 6


def test_worker_killed_and_replaced_during_the_wait(world: World) -> None:
    """A wait outlives its worker; another one starts the run at the slot."""
    run = world.run("plain.py:sync_flow", dip_in=14)
    eventually(
        lambda: "moves" in run.labels() and run.state() == "Scheduled",
        within=30,
        what="the run waits",
    )
    for worker in world.workers:
        worker.kill()
    world.start_worker()
    run.wait_for("Completed", within=90)

    assert run.events() == ["start", "start", "work", "end"]


def test_worker_killed_while_runs_work(world: World) -> None:
    """Nobody reads the console of such a run: its next line ends it, unless it is quiet.

    That is Prefect's console, not ours; this test tells when it changes.
    """
    quiet = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}
    runs = [world.run("talking.py:talking_flow", env=env) for env in ({}, quiet)]
    for run in runs:
        eventually(run.events, within=60, what="the run works")
    for worker in world.workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
    world.start_worker()
    for run in runs:
        Path(f"{run.journal}.go").touch()
    talking, silent = runs
    talking.wait_for("Crashed", within=60)
    silent.wait_for("Completed", within=60)
    eventually(lambda: "half done" in silent.logs(), within=20, what="the API has its log")

    assert (talking.events(), silent.events()) == (["start"], ["start", "end"])


def test_server_restarted_during_the_wait(world: World) -> None:
    """A wait outlives the server; the run starts once, late by the downtime at most."""
    run = world.run("plain.py:sync_flow", dip_in=12)
    eventually(
        lambda: "moves" in run.labels() and run.state() == "Scheduled",
        within=30,
        what="the run waits",
    )
    world.server.stop()
    world.server.start()
    run.wait_for("Completed", within=120)

    assert run.events() == ["start", "start", "work", "end"]
