"""Reads and moves flow runs. The only module that does, through Prefect's client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import CancelledRun
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Scheduled

from carbonaware_prefect.core import Decision
from carbonaware_prefect.errors import MoveRefusedError
from carbonaware_prefect.labels import (
    Label,
    Plan,
    label_name,
    labels_for,
    planner_plan,
)
from carbonaware_prefect.prefect_edge.engine import cancel_requested

__all__ = [
    "BUSY",
    "EARLY",
    "Preparation",
    "accepted_move",
    "brief_client",
    "deployed_run",
    "is_busy",
    "move",
    "plan_of_this_run",
    "record",
]

# The server rounds a start up to half a second early; machines' clocks differ a little.
EARLY = timedelta(seconds=2)
# A slot's start survives the server's rounding, not more.
_SAME_SECONDS = 1.0
_CALL_SECONDS = 10.0
BUSY = frozenset(
    {
        httpx.codes.TOO_MANY_REQUESTS,
        httpx.codes.BAD_GATEWAY,
        httpx.codes.SERVICE_UNAVAILABLE,
    }
)
"""What a server, or a gateway before it, answers that has no time for a request now."""


@contextmanager
def brief_client() -> Iterator[SyncPrefectClient]:
    """The run's own client, with few retries.

    With Prefect's default of five retries a call to a server that is down takes over a
    minute to fail.
    """
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 2}),
        get_client(sync_client=True) as client,
    ):
        yield client


def record(client: SyncPrefectClient, flow_run: FlowRun, labels: dict[str, Label]) -> None:
    """Write labels on the run (merged with those it has)."""
    client.update_flow_run_labels(flow_run.id, dict(labels))
    flow_run.labels.update(labels)


class Preparation:
    """What a move changes on a running flow run besides its state, and how to undo that.

    ``resuming`` keeps the second start from counting as an attempt, so that a delay eats
    no retry. ``retry_type`` must go: a worker never picks up a run that once retried in
    its process. The infrastructure id must go: with it, a cancel waits for a process
    that is no longer there.

    All else stays as the server has it at that moment: what this process read at its
    start is old by now.
    """

    def __init__(self, flow_run: FlowRun) -> None:
        self._flow_run = flow_run
        self._before: dict[str, Any] | None = None

    def make(self, client: SyncPrefectClient) -> None:
        """Prepare the run; two calls to the API."""
        run = _read(client, self._flow_run)
        if self._before is None:
            self._before = run
        _patch(
            client,
            self._flow_run,
            empirical_policy=run["empirical_policy"]
            | {"resuming": True, "retry_type": None},
            infrastructure_pid=None,
        )

    def undo(self, client: SyncPrefectClient) -> None:
        """Give back what `make` took; what others have changed since stays."""
        before = self._before
        if before is None:
            return
        run = _read(client, self._flow_run)
        ours = {
            name: before["empirical_policy"].get(name)
            for name in ("resuming", "retry_type")
        }
        fields: dict[str, Any] = {"empirical_policy": run["empirical_policy"] | ours}
        if run["infrastructure_pid"] is None:
            fields["infrastructure_pid"] = before["infrastructure_pid"]
        _patch(client, self._flow_run, **fields)


def move(
    client: SyncPrefectClient,
    flow_run: FlowRun,
    *,
    start: datetime,
    message: str,
    labels: dict[str, Label],
) -> State[Any]:
    """Put a prepared flow run back to Scheduled at ``start``; two calls to the API.

    Returns:
        The state that the server accepted.

    Raises:
        MoveRefusedError: the server answered and the run is somewhere else.
        httpx.HTTPError and others: no answer; the move may or may not have happened.
    """
    record(client, flow_run, labels)
    # Named Scheduled, so that it becomes Late when no worker comes: a custom name never.
    proposed: State[Any] = Scheduled(scheduled_time=start, message=message)
    result = client.set_flow_run_state(flow_run.id, proposed)
    state = result.state
    if result.status == SetStateStatus.ACCEPT and is_move(state, start):
        assert state is not None  # noqa: S101  is_move() has looked
        return state
    reason = getattr(result.details, "reason", result.status)
    name = "unknown" if state is None else state.name
    msg = f"the server refused ({reason}); the run is {name}"
    raise MoveRefusedError(msg, state)


def is_busy(error: Exception) -> bool:
    """Whether the server said that it has no time for a request now."""
    return isinstance(error, httpx.HTTPStatusError) and error.response.status_code in BUSY


def is_move(state: State[Any] | None, start: datetime) -> bool:
    """Whether ``state`` is a Scheduled state at ``start``, as `move` sets it."""
    if state is None or state.type != StateType.SCHEDULED or state.name != "Scheduled":
        return False
    at = state.state_details.scheduled_time
    return at is not None and abs(at.timestamp() - start.timestamp()) <= _SAME_SECONDS


def accepted_move(
    client: SyncPrefectClient, flow_run: FlowRun, start: datetime
) -> State[Any] | None:
    """The run's present state if it is our move to ``start``, else None."""
    state = client.read_flow_run(flow_run.id).state
    return state if is_move(state, start) else None


def _read(client: SyncPrefectClient, flow_run: FlowRun) -> dict[str, Any]:
    """The run as the server has it; the typed client drops fields that it does not know."""
    response = client.request(
        "GET",
        "/flow_runs/{id}",
        path_params={"id": flow_run.id},
        timeout=_CALL_SECONDS,
    )
    response.raise_for_status()
    found: dict[str, Any] = response.json()
    return found


def _patch(client: SyncPrefectClient, flow_run: FlowRun, **fields: Any) -> None:
    # The typed client drops empty values, and these have to reach the server as null.
    response = client.request(
        "PATCH",
        "/flow_runs/{id}",
        path_params={"id": flow_run.id},
        json=fields,
        timeout=_CALL_SECONDS,
    )
    response.raise_for_status()


def stop_if_cancelled() -> None:
    """Raise `CancelledRun` when the task runner was told to cancel this task run.

    A task in a thread gets no signal; it has to look.
    """
    context, task_context = FlowRunContext.get(), TaskRunContext.get()
    if context is None or task_context is None:
        return
    if cancel_requested(context, task_context.task_run.id):
        msg = "cancelled while waiting for cleaner electricity"
        raise CancelledRun(msg)


def deployed_run() -> FlowRun | None:
    """The flow run that this process was started for, seen from wherever it is now.

    That is the run itself, or the one above its sub-flows and tasks.

    Returns:
        None outside of a run.

    Raises:
        httpx.HTTPError and others: a run that has to be read cannot be.
    """
    context, task_context = FlowRunContext.get(), TaskRunContext.get()
    run = None if context is None else context.flow_run
    if run is not None and (run.deployment_id or run.parent_task_run_id is None):
        return run
    with brief_client() as client:
        if run is None and task_context is not None:
            # In a process of a task runner.
            flow_run_id = task_context.task_run.flow_run_id
            run = None if flow_run_id is None else client.read_flow_run(flow_run_id)
        while run is not None and run.parent_task_run_id is not None:
            above = client.read_task_run(run.parent_task_run_id).flow_run_id
            run = None if above is None else client.read_flow_run(above)
    return run


def plan_of_this_run() -> Plan | None:
    """What the planner wrote on the flow run that this process executes."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return None
    return planner_plan(context.flow_run.labels)


def record_in_process(decision: Decision, *, decided_at: datetime) -> None:
    """Leave an in-process decision on the flow run, and on no run outside of one.

    A delay task or the planner may have left its plan under the plain names; that one
    is needed when the run starts again, so ours then goes beside it.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    taken = context.flow_run.labels.get(label_name(None, "decided_by"), "in_process")
    labels = labels_for(
        decision,
        key=None if taken == "in_process" else "in_process",
        decided_at=decided_at,
        decided_by="in_process",
        moves=0,
    )
    with brief_client() as client:
        record(client, context.flow_run, labels)
