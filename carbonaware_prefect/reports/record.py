"""A run as the server shows it, read for a report. Pure: JSON in, values out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carbonaware_prefect.core.accounting.measured import Piece
from carbonaware_prefect.core.accounting.settlement import Fate, Promise
from carbonaware_prefect.core.accounting.work import Delay, executing
from carbonaware_prefect.core.intervals import to_microseconds
from carbonaware_prefect.labels import (
    ENERGY,
    PLANNER,
    UNITS,
    Plan,
    keys_of,
    label_name,
    read_plan,
)
from carbonaware_prefect.planner.calls import Json
from carbonaware_prefect.planner.upcoming import RESTORED, moment

__all__ = ["Record", "ran_by_times", "ran_in", "read_record"]

_TERMINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
_NOT_YET = frozenset({"SCHEDULED", "PENDING"})
_RETRY = "AwaitingRetry"
_SECOND = 1_000_000
# A worker comes some seconds after the slot; the server starts a run a little before it.
_SOON, _EARLY = 60 * _SECOND, 5 * _SECOND
# Of what users write on labels; more than all power stations make in a day.
_MOST = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the labels of a run say, and the times that the server keeps of it.

    Attributes:
        run, name, deployment: id and name of the run, id of its deployment.
        state: type of its state.
        fate: what became of it, as far as its state tells.
        plan: its first decision that moved it, else its first one.
        zone: of that.
        delays: all its decisions.
        moves: all together.
        restored: whether it stands for a run that a redeploy had deleted.
        energy_kwh, units: what the user wrote on it; None for nothing that makes sense.
        started, ended: microseconds since 1970, when it first ran and came to its end.
        executed: microseconds for which it ran in all.
        pool: of its work.
        job_variables: its own.
    """

    run: str
    name: str
    deployment: str | None
    state: str
    fate: Fate
    plan: Plan
    zone: str | None
    delays: tuple[Delay, ...]
    moves: int
    restored: bool
    energy_kwh: float | None
    units: float | None
    started: int | None
    ended: int | None
    executed: int
    pool: str | None
    job_variables: Json

    @property
    def nominal_start(self) -> datetime:
        """When it would have started without us: what its first decision says."""
        return self.plan.nominal_start

    @property
    def promise(self) -> Promise:
        """What was forecast."""
        plan = self.plan
        slot = plan.slot_start if plan.waits() else None
        return Promise(
            nominal=plan.intensity_nominal,
            slot=plan.intensity_slot if plan.waits() else None,
            saving=plan.saving if plan.waits() else None,
            slot_start=None if slot is None else to_microseconds(slot),
            source=plan.source,
            signal=plan.signal,
        )


def read_record(run: Json) -> Record | None:
    """The record; None where the run carries none that can be read."""
    labels = run["labels"]
    plans = {
        key: plan for key in keys_of(labels) if (plan := read_plan(labels, key)) is not None
    }
    if not plans:
        return None
    ordered = sorted(plans, key=lambda key: plans[key].decided_at)
    key = next((key for key in ordered if _moved(plans[key])), ordered[0])
    zone = labels.get(label_name(key, "zone"))
    started, ended = moment(run.get("start_time")), moment(run.get("end_time"))
    executed = run.get("total_run_time")
    return Record(
        run=str(run["id"]),
        name=run["name"],
        deployment=run.get("deployment_id"),
        state=str(run.get("state_type")),
        fate=_fate(run, started),
        plan=plans[key],
        zone=zone if isinstance(zone, str) else None,
        delays=tuple(_delay(plans[key]) for key in ordered),
        moves=sum(max(0, plan.moves) for plan in plans.values()),
        restored=RESTORED in labels,
        energy_kwh=_amount(labels.get(ENERGY)),
        units=_amount(labels.get(UNITS)),
        started=None if started is None else to_microseconds(started),
        ended=None if ended is None else to_microseconds(ended),
        executed=round(executed * _SECOND) if isinstance(executed, (int, float)) else 0,
        pool=run.get("work_pool_name"),
        job_variables=run["job_variables"],
    )


def _moved(plan: Plan) -> bool:
    return plan.waits() or plan.moves > 0


def _delay(plan: Plan) -> Delay:
    waits = plan.waits() and plan.slot_start is not None
    return Delay(
        nominal=to_microseconds(plan.nominal_start),
        decided=to_microseconds(plan.decided_at),
        slot=to_microseconds(plan.slot_start) if waits and plan.slot_start else None,
        moved=_moved(plan),
        ahead=plan.decided_by == PLANNER,
    )


def _fate(run: Json, started: datetime | None) -> Fate:
    state = run.get("state_type")
    if state in _TERMINAL:
        return Fate.NEVER_WORKED if started is None else Fate.WORKED
    retries = run["state"]["name"] == _RETRY
    return Fate.WAITING if state in _NOT_YET and not retries else Fate.UNDER_WAY


def _amount(label: Any) -> float | None:
    """A number that somebody wrote on a label; None where it is none from zero on."""
    if isinstance(label, bool) or not isinstance(label, (str, int, float)):
        return None
    try:
        amount = float(label)
    except (ValueError, OverflowError):
        return None
    return amount if math.isfinite(amount) and 0 <= amount < _MOST else None


def ran_by_times(record: Record) -> Sequence[Piece] | None:
    """When the run executed, by the times that the server keeps of it.

    The server keeps the first start, the end and for how long the run executed. They tell
    all where it executed without a break, and where it left for its slot once and then
    executed without a break: its first process leaves as soon as it has decided.

    Returns:
        None where only its history can tell.
    """
    start, end = record.started, record.ended
    if start is None or end is None:
        return None
    if abs(end - start - record.executed) <= _SECOND:
        return [(start, end)]
    if len(record.delays) > 1:
        return None
    (delay,) = record.delays
    if not delay.moved or delay.slot is None or delay.decided < start:
        return None
    began = end - (record.executed - (delay.decided - start))
    if not -_EARLY <= began - delay.slot <= _SOON:
        return None
    return [(start, delay.decided), (max(began, delay.slot), end)]


def ran_in(states: Sequence[Json]) -> Sequence[Piece] | None:
    """When the run executed, by its history; None where that makes no sense."""
    told = []
    for state in states:
        at = moment(state.get("timestamp"))
        if at is None:
            return None
        told.append((to_microseconds(at), state.get("type") == "RUNNING"))
    return executing(told)
