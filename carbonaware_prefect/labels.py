"""The record of a decision on a flow run: labels, written and read.

A label is a plan, not a fact: the run's state says what was done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carbonaware_prefect.core import (
    Decision,
    Policy,
    Reason,
    Signal,
    Slot,
    run_now,
    wait_for,
)
from carbonaware_prefect.core.basis import Basis
from carbonaware_prefect.core.hours import Starts
from carbonaware_prefect.core.intervals import far_from_the_ends, to_utc
from carbonaware_prefect.errors import InvalidInputError

__all__ = [
    "ENERGY",
    "PLANNER",
    "PREFIX",
    "UNITS",
    "Label",
    "Plan",
    "keys_of",
    "label_name",
    "labels_for",
    "planner_plan",
    "read_plan",
]

PREFIX = "carbonaware"
PLANNER = "planner"
ENERGY = f"{PREFIX}.energy_kwh"
"""What users write: the energy of a run as they measured it, in kWh."""
UNITS = f"{PREFIX}.units"
"""What users write: how many functional units a run made."""
_REASON = re.compile(rf"{PREFIX}(?:\.(?P<key>[^.]+))?\.reason")
# Of a label with free text.
_LONGEST = 500
# Of the pieces in which a run may start; the first ones come to two days and more.
_MOST_STARTS = 8
_STARTS = "allowed_starts"
# With these a decision was to wait.
_WAITING = {
    Reason.CLEANER_SLOT.value,
    Reason.HOURS_KEPT_FREE.value,
    Reason.FINISH_BY.value,
}
Label = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the labels of a run say was decided under one key. A plan, not a fact.

    Attributes:
        reason: reason code of the decision.
        nominal_start, decided_at: UTC.
        decided_by: ``task``, ``planner`` or ``in_process``; None when nobody says.
        slot_start: where the run was to wait for, None when it was to run at once.
        moves: how often the run was moved.
        intensity_nominal, intensity_slot: gCO2eq/kWh, None when unknown.
        saving: as a share; all that is known where the forecast was modelled.
        source, signal: of the forecast.
        allowed_starts: first and last moments of the pieces in which the run may start,
            in UTC; none where that was not written down.
    """

    reason: str
    nominal_start: datetime
    decided_at: datetime
    decided_by: str | None
    slot_start: datetime | None
    moves: int
    intensity_nominal: float | None
    intensity_slot: float | None
    saving: float | None = None
    source: str | None
    signal: Signal
    allowed_starts: Starts = ()

    def waits(self) -> bool:
        """Whether the decision was to wait for a slot."""
        return self.slot_start is not None and self.reason in _WAITING

    def decision(self, policy: Policy) -> Decision:
        """The decision that this plan records, to be carried out now."""
        request = policy.bind(self.nominal_start)
        modelled = self.intensity_slot is None and self.saving is not None
        mean = 100 * (1 - (self.saving or 0)) if modelled else self.intensity_slot
        if self.slot_start is None or mean is None:
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
                slot=Slot(self.slot_start, end, mean),
                intensity_nominal=self.intensity_nominal,
                percent_nominal=100.0 if modelled else None,
                basis=Basis("", modelled=True) if modelled else None,
                source=self.source,
                signal=self.signal,
            )
        )


def label_name(key: str | None, field: str) -> str:
    """The label of a field under a key, or under none."""
    return ".".join(part for part in (PREFIX, key, field) if part)


def keys_of(labels: dict[str, Any]) -> list[str | None]:
    """The keys that decisions are recorded under; None is the one without a key."""
    found = [_REASON.fullmatch(name) for name in labels]
    return [match["key"] for match in found if match]


def read_plan(labels: dict[str, Any], key: str | None) -> Plan | None:
    """The plan under ``key``, or None when there is none that can be read."""

    def get(field: str) -> Any:
        return labels.get(label_name(key, field))

    def moment(field: str) -> datetime | None:
        return None if not get(field) else _utc(get(field), field)

    def number(field: str) -> float | None:
        return None if get(field) is None else float(get(field))

    try:
        nominal, decided = moment("nominal_start"), moment("decided_at")
        percent = number("saving_percent")
        if nominal is None or decided is None:
            return None
        return Plan(
            reason=str(get("reason")),
            nominal_start=nominal,
            decided_at=decided,
            decided_by=get("decided_by"),
            slot_start=moment("slot_start"),
            moves=int(get("moves") or 0),
            intensity_nominal=number("intensity_nominal"),
            intensity_slot=number("intensity_slot"),
            saving=None if percent is None else percent / 100,
            source=get("source"),
            signal="marginal" if get("signal") == "marginal" else "average",
            allowed_starts=_read_starts(get(_STARTS)),
        )
    except (AttributeError, OverflowError, TypeError, ValueError):
        # Somebody else wrote there. Without a plan the delay decides anew.
        return None


def planner_plan(labels: dict[str, Any]) -> Plan | None:
    """The plan that the planner wrote on a run, None when it wrote none."""
    plan = read_plan(labels, None)
    return plan if plan is not None and plan.decided_by == PLANNER else None


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
        _STARTS: _told(request.starts) or None,
    }
    return {label_name(key, k): v for k, v in values.items() if v is not None}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _told(starts: Starts) -> str:
    """As ISO 8601 intervals with commas between them."""
    pieces = starts[:_MOST_STARTS]
    return ",".join(f"{low.isoformat()}/{high.isoformat()}" for low, high in pieces)


def _read_starts(told: Any) -> Starts:
    pieces = [piece.split("/") for piece in told.split(",")] if told else []
    return tuple((_utc(low, _STARTS), _utc(high, _STARTS)) for low, high in pieces)


def _utc(told: str, field: str) -> datetime:
    utc = to_utc(datetime.fromisoformat(told), field)
    if not far_from_the_ends(utc):
        msg = f"{field} is no moment to start at: {told}"
        raise InvalidInputError(msg)
    return utc
