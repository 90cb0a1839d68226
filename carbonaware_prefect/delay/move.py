"""Move the running flow run to its slot, and know afterwards whether it was moved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext
from prefect.settings import get_current_settings

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.core import Decision, Policy, Slot
from carbonaware_prefect.delay.in_process import logger_here, wait_until
from carbonaware_prefect.delay.leave import Departure
from carbonaware_prefect.errors import InvalidInputError, MoveRefusedError
from carbonaware_prefect.labels import labels_for
from carbonaware_prefect.prefect_edge import engine, flow_runs

__all__ = ["Mover", "shortest_move"]

# How long the old process surely needs to end.
_EXIT = timedelta(seconds=5)
_ASK_AGAIN = timedelta(seconds=10)
_PATIENCE = timedelta(minutes=2)


def _look_ahead() -> timedelta:
    return timedelta(seconds=get_current_settings().worker.prefetch_seconds)


def shortest_move(policy: Policy) -> timedelta:
    """The nearest slot, from now, that a run is moved to.

    A worker takes a run up to its look-ahead early. If the old process is still alive
    then, a worker with ``--limit`` dies and one without runs the flow twice at once; so
    this much is kept whatever ``minimum_wait`` says.
    """
    return max(policy.minimum_wait, _look_ahead() + _EXIT)


class Mover:
    """One attempt to move the run of this process to a decision's slot.

    Attributes:
        fault: why it failed, in words; None before the attempt and after a success.
        busy: whether the server said that it has no time, and nothing was done.
    """

    def __init__(
        self,
        context: FlowRunContext,
        decision: Decision,
        *,
        key: str | None,
        decided_by: str,
        moves: int,
        shortest: timedelta,
    ) -> None:
        if context.flow_run is None or decision.slot is None:
            msg = "a move needs a flow run and a slot"
            raise InvalidInputError(msg)
        self._context = context
        self._flow_run = context.flow_run
        self._decision = decision
        self._slot: Slot = decision.slot
        self._key = key
        self._decided_by = decided_by
        self._moves = moves
        self._shortest = shortest
        self._unsure = False
        self._preparation = flow_runs.Preparation(context.flow_run)
        self.fault: str | None = None
        self.busy: bool = False

    def move(self) -> bool:
        """Move the run and make the engine leave this process; False when it failed.

        After a failure the run is as it was, or, when the server cannot be reached, it
        is not known where it is; `settle` finds out.
        """
        self.busy = False
        with Departure() as departure:
            if engine.told_to_end():
                # Who tells it sets the run's state; set after that, ours would put a run
                # back that has started again, and start it twice.
                self.fault = "this process was told to end"
                return False
            accepted = self._propose(departure)
            if accepted is not None:
                self._leave(departure, accepted)
                return True
        if not self._unsure:
            self._undo()
        return False

    def move_patiently(self) -> bool:
        """Move the run, and try again while the server is busy, for two minutes.

        SQLite has one writer: a burst of runs keeps others waiting for a minute, which is
        no reason to hold this process until the slot.
        """
        until = min(utc_now() + _PATIENCE, self._slot.start - self._shortest)
        while not self.move():
            again = utc_now() + _ASK_AGAIN / 2
            if not self.busy or again > until:
                return False
            wait_until(again, stop=flow_runs.stop_if_cancelled)
        return True

    def settle(self) -> bool:
        """Find out where the run is; True when it turns out to have been moved.

        An answer of the server may have been lost on its way. Then the run *is*
        scheduled and must not go on here. Asked until the server answers, at most until
        the slot.
        """
        while self._unsure and utc_now() < self._slot.start:
            again = min(self._slot.start, utc_now() + _ASK_AGAIN)
            wait_until(again, stop=flow_runs.stop_if_cancelled)
            if again < self._slot.start and self._found_moved():
                return True
        return False

    def _propose(self, departure: Departure) -> State[Any] | None:
        labels = labels_for(
            self._decision,
            key=self._key,
            decided_at=utc_now(),
            decided_by=self._decided_by,
            moves=self._moves,
        )
        try:
            with flow_runs.brief_client() as client:
                self._preparation.make(client)
                return flow_runs.move(
                    client,
                    self._flow_run,
                    start=self._slot.start,
                    message=self._decision.sentence,
                    labels=labels,
                )
        except MoveRefusedError as error:
            self.fault, state = str(error), error.state
            departure.cancelled = isinstance(state, State) and state.type in {
                StateType.CANCELLING,
                StateType.CANCELLED,
            }
            # A repeated request is refused although the first one was accepted.
            return self._look()
        except Exception as error:  # noqa: BLE001  whatever it was, the run goes on
            self.fault = f"{type(error).__name__}: {error}"
            accepted = self._look()
            self.busy = accepted is None and not self._unsure and flow_runs.is_busy(error)
            return accepted

    def _look(self) -> State[Any] | None:
        """The accepted move, if the run's present state is that; notes when unknown."""
        try:
            with flow_runs.brief_client() as client:
                state = flow_runs.accepted_move(client, self._flow_run, self._slot.start)
        except Exception:  # noqa: BLE001  not knowing is an answer here
            self._unsure = True
            return None
        self._unsure = False
        return state

    def _found_moved(self) -> bool:
        accepted = self._look()
        if accepted is None:
            if not self._unsure:
                self._undo()
            return False
        logger_here().info("The server had accepted the move after all: leaving.")
        with Departure() as departure:
            self._leave(departure, accepted)
        return True

    def _leave(self, departure: Departure, accepted: State[Any]) -> None:
        self.fault = None
        departure.leave(
            self._context,
            accepted,
            slot_start=self._slot.start,
            look_ahead=_look_ahead(),
        )

    def _undo(self) -> None:
        try:
            with flow_runs.brief_client() as client:
                self._preparation.undo(client)
        except Exception as error:  # noqa: BLE001  a left-over flag does no harm
            logger_here().warning("Could not undo the prepared move: %s", error)
