"""Leave the process of a flow run that was put back to Scheduled, whatever comes.

From the moment the server has accepted, the run belongs to its next process. A signal
that comes to this one must not turn the accepted state into Crashed, and this one must be
gone before the next one starts.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from types import FrameType, TracebackType
from typing import Any

from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import Abort
from typing_extensions import Self

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.delay.in_process import Logger, logger_here, wait_until
from carbonaware_prefect.prefect_edge import engine

__all__ = ["Departure"]

# Least time that the process gets to end by itself.
_GRACE = timedelta(seconds=4)
# How long a worker may take from seeing a cancelled run to killing its process.
_KILL_SECONDS = 20.0
# A wait for a moment ends up to this much later.
_TICK = timedelta(seconds=0.5)
# For the last log line to reach the server.
_FLUSH = timedelta(seconds=1)
# A supervisor's signal, and the one that Ctrl-C sends to all processes of a terminal.
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
Handler = Callable[[int, FrameType | None], Any] | int | None


class Departure:
    """Holds signals back around the move, SIGTERM for good once the run has been moved.

    Without it a SIGTERM or Ctrl-C between the server's acceptance and the process's end
    would make the engine report Crashed over our Scheduled state. Only a main thread can
    hold signals back; in other threads this does nothing but `leave`.

    Attributes:
        cancelled: set when the server refused the move because the run is cancelled.
    """

    def __init__(self) -> None:
        self._previous: dict[signal.Signals, Handler] = {}
        self._caught: int | None = None
        self._left = False
        self.cancelled = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._previous[number] = signal.signal(number, self._hold)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._previous or self._left:
            return
        if self.cancelled:
            # The worker found our handler where it looks for Prefect's, and now means to
            # kill this process; that has to come while we hold it back.
            deadline = time.monotonic() + _KILL_SECONDS
            while self._caught is None and time.monotonic() < deadline:
                time.sleep(0.05)
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if self._caught is None:
            return
        if self.cancelled:
            # The engine knows of no cancellation and would report Crashed. The worker
            # does know, and reports Cancelled.
            message = "cancelled while the run was being moved"
            raise Abort(message)
        # The run was not moved: the signal means what it always means.
        signal.raise_signal(self._caught)

    def _hold(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._caught = number

    def leave(
        self,
        context: FlowRunContext,
        accepted: State[Any],
        *,
        slot_start: datetime,
        look_ahead: timedelta,
    ) -> None:
        """Make the engine end this process; from here on SIGTERM is ignored.

        The engine leaves at the next task boundary. Should user code hold the process
        until a worker may look for the run (``look_ahead`` before the slot), it is ended
        then: running on would run the flow twice at once, or take the worker down.
        """
        self._left = True
        engine.leave_process(context, accepted)
        if self._previous and engine.send_receipt(accepted):
            # With the receipt sent it does no harm, and somebody waits for the end.
            signal.signal(signal.SIGINT, self._previous[signal.SIGINT])
        last = max(slot_start - look_ahead - _FLUSH - _TICK, utc_now() + _GRACE)
        alarm = threading.Thread(
            target=_end_at, args=(last, context, logger_here()), daemon=True
        )
        alarm.name = "carbonaware-departure"
        alarm.start()


def _end_at(last: datetime, context: FlowRunContext, logger: Logger) -> None:
    # Often: no sleep hears of a clock that is set or a machine that was suspended, and the
    # worker goes by the clock.
    wait_until(last)
    flow_run_id = None if context.flow_run is None else str(context.flow_run.id)
    told = (
        "This process is still there although its flow run was put back to Scheduled and "
        "starts again in a moment. Call the delay task before other work."
    )
    if not engine.owns_process(flow_run_id):
        # Somebody runs flows inside a process of their own; it is not ours to end.
        logger.critical("%s", told)
        return
    logger.critical("%s Ending the process now.", told)
    time.sleep(_FLUSH.total_seconds())
    # A task runner's processes would outlive this one.
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(0)
