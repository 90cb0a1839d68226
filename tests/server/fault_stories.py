"""What is done to runs before they wait for their slot: kills, signals and outages.

Each story ends where its run either waits or has come to its end.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.prefect_server.prefects import RECEIPTS
from tests.prefect_server.proxy import Proxy, Trap
from tests.prefect_server.runs import Run, lives
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import DIP_IN, World

LABELS = rb"PATCH /api/flow_runs/[^ ]+/labels .*slot_start"
MOVE = rb"POST /api/flow_runs/[^ ]+/set_state .*Waiting for cleaner"
_PLAIN = "plain.py:sync_flow"
# That a move makes, with their second tries.
_CALLS = 4


@dataclass
class Fault:
    """A run, its process's way to the API, and what was seen of them.

    Attributes:
        world: where it runs; its worker goes to the API straight.
        stack: ends the proxies.
        seen: at the time.
    """

    world: World
    stack: ExitStack
    seen: dict[str, Any] = field(default_factory=dict)
    _proxy: list[Proxy] = field(default_factory=list)
    _run: list[Run] = field(default_factory=list)

    @property
    def run(self) -> Run:
        return self._run[0]

    @property
    def proxy(self) -> Proxy:
        if not self._proxy:
            proxy = Proxy(self.world.server.port)
            self._proxy.append(self.stack.enter_context(proxy))
        return self._proxy[0]

    def start(self, flow: str = _PLAIN, **options: Any) -> None:
        """Start the run, behind the proxy if there is one."""
        api = self.proxy.api if self._proxy else None
        self._run.append(self.world.run(flow, api=api, **options))

    def spring(self, trap: Trap, flow: str = _PLAIN, **options: Any) -> None:
        """Start the run, and return when it has come into the trap."""
        self.start(flow, **options)
        eventually(trap.sprung.is_set, what="the request comes")

    def strike(self, number: int, *, then: bool) -> bool:
        """A signal to its process; whether the request goes on."""
        pid = int(self.run.note("start")["pid"])
        os.kill(pid, number)
        if number == signal.SIGKILL:
            eventually(lambda: not lives(pid), what="the process is gone", every=0.02)
        else:
            # Time for Python to come to it; when it comes later, that is as good.
            time.sleep(0.3)
        return then

    def settle(self, *, without_receipts: bool = False) -> None:
        """Wait until the run waits for its slot, or has crashed where it has to.

        A process that dies after the accepted move has told its worker that the attempt
        is concluded. Prefect before 3.8.4 has no such receipts, and the worker reports
        Crashed.
        """
        if RECEIPTS or without_receipts:
            self.run.wait_until_put_back()
        else:
            self.run.wait_for("Crashed")


Tell = Callable[[Fault], None]


def before_the_labels(fault: Fault, number: int) -> None:
    """A signal while the forecast is being fetched."""
    fault.start("guarded.py:source_flow", number=int(number))
    fault.run.wait_for("Crashed")


def killed_before_the_move(fault: Fault) -> None:
    """SIGKILL when the move is on its way, and then a person's retry."""
    strike = partial(fault.strike, signal.SIGKILL, then=False)
    fault.spring(fault.proxy.trap(MOVE, "before", strike))
    run = fault.run
    run.wait_for("Crashed")
    fault.seen["crashed"] = run.labels()
    # The worker reports a killed process twice; the second report would hit a retry.
    fault.world.wait_for_second_reports()
    run.set_state(type="SCHEDULED", name="AwaitingRetry", message="Retry from the UI")
    run.wait_for("Completed")


def terminated(fault: Fault, moment: str, flow: str = _PLAIN) -> None:
    """SIGTERM when the move is on its way, or was just accepted."""
    strike = partial(fault.strike, signal.SIGTERM, then=True)
    fault.spring(fault.proxy.trap(MOVE, moment, strike), flow)
    fault.settle(without_receipts=flow == _PLAIN)


def killed_after_the_move(fault: Fault) -> None:
    """SIGKILL between the server's acceptance and its answer."""
    strike = partial(fault.strike, signal.SIGKILL, then=False)
    fault.spring(fault.proxy.trap(MOVE, "after", strike))
    fault.run.wait_for("Crashed")


def in_user_code(fault: Fault, number: int) -> None:
    """A signal in a finally block after the move."""
    fault.start("guarded.py:finally_flow", number=int(number))
    fault.settle(without_receipts=number != signal.SIGKILL)


def in_the_last_second(fault: Fault, number: int) -> None:
    """A signal while the interpreter shuts down."""
    fault.start("guarded.py:last_second_flow", number=int(number))
    fault.settle()


def gone(fault: Fault) -> None:
    """The API cannot be reached when the move is due; then the run waits inside."""

    def go() -> bool:
        fault.proxy.down = True
        return False

    # Its client would ask again for a minute.
    soon = {"PREFECT_CLIENT_MAX_RETRIES": "1"}
    fault.spring(fault.proxy.trap(MOVE, "before", go), env=soon)
    # Until it knows better it may have been moved.
    eventually(lambda: fault.proxy.refused > _CALLS, what="it asks where it is")
    fault.proxy.down = False
    said = "the run could not be moved"
    eventually(lambda: said in fault.world.output(), what="it waits in its process")


def busy(fault: Fault) -> None:
    """A server that says 503 for longer than Prefect's client asks."""
    traps = fault.proxy.busy(LABELS, 4)
    fault.start()
    fault.settle()
    fault.seen["busy"] = all(trap.sprung.is_set() for trap in traps)


def answer_lost(fault: Fault) -> None:
    """The server accepts the move, and its answer is lost."""
    fault.spring(fault.proxy.trap(MOVE, "after", lambda: False))
    fault.settle()


def cancelled(fault: Fault) -> None:
    """Somebody cancels the run when the move is on its way."""

    def cancel() -> bool:
        fault.run.set_state(type="CANCELLING")
        return True

    fault.spring(fault.proxy.trap(MOVE, "before", cancel))
    fault.run.wait_for("Cancelled")


def undisturbed(fault: Fault) -> None:
    """Nothing is done to it, but all of its calls are written down."""
    assert fault.proxy.requests == []
    fault.start()
    fault.run.wait_until_put_back()


def held(fault: Fault) -> None:
    """User code does not let the process end after the move."""
    # So early that a busy machine, too, is in time to end it before a worker looks.
    look_ahead = {"PREFECT_WORKER_PREFETCH_SECONDS": "60"}
    fault.start("guarded.py:finally_flow", dip_in=DIP_IN / 2, env=look_ahead, hold=600)
    fault.run.wait_for_note("finally")


def quiet(fault: Fault) -> None:
    """It works, and has something to say later, but not on its console."""
    silent = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}
    fault.start("talking.py:talking_flow", env=silent)
    fault.run.wait_for_note("start")


STORIES: dict[str, Tell] = {
    "gone": gone,
    "busy": busy,
    "sigterm before the labels": partial(before_the_labels, number=signal.SIGTERM),
    "sigkill before the labels": partial(before_the_labels, number=signal.SIGKILL),
    "sigkill before the move": killed_before_the_move,
    "sigterm before the move": partial(terminated, moment="before"),
    "sigterm after the move": partial(terminated, moment="after"),
    "sigterm beside the move": partial(
        terminated, moment="after", flow="plain.py:submitting_flow"
    ),
    "sigkill after the move": killed_after_the_move,
    "sigterm in user code": partial(in_user_code, number=signal.SIGTERM),
    "sigkill in user code": partial(in_user_code, number=signal.SIGKILL),
    "sigterm in the last second": partial(in_the_last_second, number=signal.SIGTERM),
    "sigkill in the last second": partial(in_the_last_second, number=signal.SIGKILL),
    "answer lost": answer_lost,
    "cancelled": cancelled,
    "undisturbed": undisturbed,
    "held": held,
    "quiet": quiet,
}
