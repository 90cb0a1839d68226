"""Reads and moves flow runs. The only module that does, through Prefect's client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import CancelledRun
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Scheduled

from carbonaware_prefect.core import (
    Decision,
    Policy,
    Reason,
    Signal,
    Slot,
    run_now,
    wait_for,
)
from carbonaware_prefect.core.intervals import to_utc
from carbonaware_prefect.prefect_internals import cancel_requested

__all__ = [
    "MoveRefusedError",
    "Plan",
    "accepted_move",
    "brief_client",
    "move",
    "read_plan",
    "record",
    "undo_preparation",
]

PREFIX = "carbonaware"
# A slot's start survives the server's rounding, not more.
_SAME_SECONDS = 1.0
_CALL_SECONDS = 10.0
# Of a label with free text.
_LONGEST = 500
# With these a decision was to wait.
_WAITING = {Reason.CLEANER_SLOT.value, Reason.HOURS_KEPT_FREE.value}
Label = str | int | float | bool


class MoveRefusedError(Exception):
    """The server answered, and the run is not where we wanted to put it."""

    def __init__(self, state: State[Any] | None, reason: str) -> None:
        name = "unknown" if state is None else state.name
        super().__init__(f"the server refused ({reason}); the run is {name}")
        self.state = state


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the labels of a run say was decided under one key. A plan, not a fact.

    Attributes:
        reason: reason code of the decision.
        nominal_start, decided_at: UTC.
        slot_start: where the run was to wait for, None when it was to run at once.
        moves: how often the run was moved.
        intensity_nominal, intensity_slot: gCO2eq/kWh, None when unknown.
        source, signal: of the forecast.
    """

    reason: str
    nominal_start: datetime
    decided_at: datetime
    slot_start: datetime | None
    moves: int
    intensity_nominal: float | None
    intensity_slot: float | None
    source: str | None
    signal: Signal

    def waits(self) -> bool:
        """Whether the decision was to wait for a slot."""
        return self.slot_start is not None and self.reason in _WAITING

    def decision(self, policy: Policy) -> Decision:
        """The decision that this plan records, to be carried out now."""
        request = policy.bind(self.nominal_start)
        if self.slot_start is None or self.intensity_slot is None:
            return run_now(
                request, Reason.WINDOW_CLOSED, "the plan on the run is incomplete"
            )
        end = self.slot_start + policy.duration
        return wait_for(
            Decision(
                wait=True,
                reason=Reason(self.reason) if self.waits() else Reason.CLEANER_SLOT,
                sentence="",
                request=request,
                slot=Slot(self.slot_start, end, self.intensity_slot),
                intensity_nominal=self.intensity_nominal,
                source=self.source,
                signal=self.signal,
            )
        )


def _name(key: str | None, field: str) -> str:
    return ".".join(part for part in (PREFIX, key, field) if part)


def read_plan(labels: dict[str, Any], key: str | None) -> Plan | None:
    """The plan under ``key``, or None when there is none that can be read."""

    def get(field: str) -> Any:
        return labels.get(_name(key, field))

    def moment(field: str) -> datetime | None:
        return None if not get(field) else to_utc(datetime.fromisoformat(get(field)), field)

    def number(field: str) -> float | None:
        return None if get(field) is None else float(get(field))

    try:
        nominal, decided = moment("nominal_start"), moment("decided_at")
        if nominal is None or decided is None:
            return None
        return Plan(
            reason=str(get("reason")),
            nominal_start=nominal,
            decided_at=decided,
            slot_start=moment("slot_start"),
            moves=int(get("moves") or 0),
            intensity_nominal=number("intensity_nominal"),
            intensity_slot=number("intensity_slot"),
            source=get("source"),
            signal="marginal" if get("signal") == "marginal" else "average",
        )
    except (TypeError, ValueError):
        # Somebody else wrote there. Without a plan the delay decides anew.
        return None


def labels_for(
    decision: Decision,
    *,
    key: str | None,
    decided_at: datetime,
    decided_by: str,
    moves: int,
) -> dict[str, Label]:
    """The record of a decision, as flow run labels.

    Only strings, numbers and booleans: the server accepts null, lists and dicts, and
    then answers 500 to every read of that run. An unknown value is left out.
    """
    request = decision.request
    saving = decision.saving
    values: dict[str, Label | None] = {
        "nominal_start": request.nominal_start.isoformat(),
        "slot_start": decision.slot.start.isoformat() if decision.slot else None,
        "decided_at": decided_at.isoformat(),
        "decided_by": decided_by,
        "reason": decision.reason.value,
        "zone": request.zone,
        "source": decision.source,
        "source_failures": "; ".join(decision.failures)[:_LONGEST] or None,
        "signal": decision.signal,
        "intensity_nominal": _rounded(decision.intensity_nominal),
        "intensity_slot": _rounded(decision.intensity_slot),
        "saving_percent": _rounded(None if saving is None else 100 * saving),
        "moves": moves,
    }
    return {_name(key, k): v for k, v in values.items() if v is not None}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def record(client: SyncPrefectClient, flow_run: FlowRun, labels: dict[str, Label]) -> None:
    """Write labels on the run (merged with those it has)."""
    client.update_flow_run_labels(flow_run.id, dict(labels))
    flow_run.labels.update(labels)


def move(
    client: SyncPrefectClient,
    flow_run: FlowRun,
    *,
    start: datetime,
    message: str,
    labels: dict[str, Label],
) -> State[Any]:
    """Put a running flow run back to Scheduled at ``start``; three calls to the API.

    ``resuming`` keeps the second start from counting as an attempt, so that a delay eats
    no retry. ``retry_type`` must go: a worker never picks up a run that once retried in
    its process. The infrastructure id must go: with it, a cancel waits for a process
    that is no longer there.

    Returns:
        The state that the server accepted.

    Raises:
        MoveRefusedError: the server answered and the run is somewhere else.
        httpx.HTTPError and others: no answer; the move may or may not have happened.
    """
    policy = flow_run.empirical_policy.model_dump(mode="json", exclude_unset=True)
    _patch(
        client,
        flow_run,
        empirical_policy=policy | {"resuming": True, "retry_type": None},
        infrastructure_pid=None,
    )
    record(client, flow_run, labels)
    # Named Scheduled, so that it becomes Late when no worker comes: a custom name never.
    proposed: State[Any] = Scheduled(scheduled_time=start, message=message)
    result = client.set_flow_run_state(flow_run.id, proposed)
    state = result.state
    if result.status == SetStateStatus.ACCEPT and is_move(state, start):
        assert state is not None  # noqa: S101  is_move() has looked
        return state
    raise MoveRefusedError(state, str(getattr(result.details, "reason", result.status)))


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


def undo_preparation(client: SyncPrefectClient, flow_run: FlowRun) -> None:
    """Give the run back the policy and infrastructure id it had before `move`."""
    _patch(
        client,
        flow_run,
        empirical_policy=flow_run.empirical_policy.model_dump(
            mode="json", exclude_unset=True
        ),
        infrastructure_pid=flow_run.infrastructure_pid,
    )


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


def record_in_process(decision: Decision, *, decided_at: datetime) -> None:
    """Leave an in-process decision on the flow run, and on no run outside of one.

    A delay task or the planner may have left its plan under the plain names; that one
    is needed when the run starts again, so ours then goes beside it.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    taken = context.flow_run.labels.get(_name(None, "decided_by"), "in_process")
    labels = labels_for(
        decision,
        key=None if taken == "in_process" else "in_process",
        decided_at=decided_at,
        decided_by="in_process",
        moves=0,
    )
    with brief_client() as client:
        record(client, context.flow_run, labels)
