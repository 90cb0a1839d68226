"""What became of a run that we decided about: what was forecast, and what happened.

A number is only stated where all the time it is of is known, from one source. Everything
else is unknown, and is counted as that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from carbonaware_prefect.core.accounting.measured import Measured
from carbonaware_prefect.core.accounting.work import Work
from carbonaware_prefect.core.choice import share_saved
from carbonaware_prefect.core.forecast import Signal

__all__ = [
    "UNKNOWN", "Evidence", "Fate", "Grade", "Happened", "Promise", "Settled", "energy_of",
    "settle",
]  # fmt: skip

_HOUR = 3_600_000_000  # in microseconds
_WATTS_PER_KILOWATT = 1000.0
# A start so near to its slot is the one that the forecast was about.
_AS_PLANNED = 5 * 60_000_000


class Fate(str, Enum):
    """What became of a run; each one has exactly one."""

    WORKED = "worked"
    UNDER_WAY = "under_way"
    WAITING = "waiting"
    NEVER_WORKED = "never_worked"
    UNREADABLE = "unreadable"


class Grade(str, Enum):
    """What the intensities of a run rest on, best first."""

    MEASURED = "measured"
    FORECAST = "forecast"
    TYPICAL = "typical"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Intensities to settle runs by.

    Attributes:
        grade: what they are.
        values: of one zone.
        source: name of who gave them.
        signal: what they measure.
        modelled: whether they are percent of a modelled day and no grams.
    """

    grade: Grade
    values: Measured
    source: str
    signal: Signal = "average"
    modelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What the record of a run says was forecast; each is None where it does not.

    Attributes:
        nominal, slot: mean gCO2eq/kWh over the expected duration.
        saving: a share.
        slot_start: microseconds since 1970.
        source, signal: of the forecast.
    """

    nominal: float | None = None
    slot: float | None = None
    saving: float | None = None
    slot_start: int | None = None
    source: str | None = None
    signal: Signal = "average"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Intensities over the time in which a run worked, and would have without us.

    Attributes:
        grade: what the others rest on; all of those are None where it is unknown.
        actual, nominal: mean gCO2eq/kWh; None too where only their ratio is known.
        saving: the share saved; None where the nominal mean is not positive.
        source, signal: of the intensities.
    """

    grade: Grade
    actual: float | None = None
    nominal: float | None = None
    saving: float | None = None
    source: str | None = None
    signal: Signal = "average"


UNKNOWN = Happened(grade=Grade.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A run of the ledger.

    Attributes:
        run, name, deployment: id and name of the run, id of its deployment.
        zone: of the grid.
        reason, decided_by, moves: as recorded.
        restored: whether it stands for a run that a redeploy had deleted.
        state: type of its state.
        fate: what became of it.
        nominal_start, start, end: when it would have begun without us, when its work began
            and ended (UTC); the last two None where it has not.
        hours: how long it executed.
        moved: whether it waited because of us.
        promise: what was forecast.
        happened: what came of it.
        energy_kwh: None where nobody knows it.
        energy_by: ``label`` or ``power``; None likewise.
        units: functional units that it made; None where nobody says.
    """

    run: str
    name: str
    deployment: str | None
    zone: str | None
    reason: str
    decided_by: str | None
    moves: int
    restored: bool
    state: str
    fate: Fate
    nominal_start: datetime
    start: datetime | None = None
    end: datetime | None = None
    hours: float = 0.0
    moved: bool = False
    promise: Promise
    happened: Happened = UNKNOWN
    energy_kwh: float | None = None
    energy_by: str | None = None
    units: float | None = None

    @property
    def wait_hours(self) -> float | None:
        """From the nominal start to the start of its work; below zero where earlier."""
        if self.start is None:
            return None
        return (self.start - self.nominal_start).total_seconds() / 3600

    @property
    def worse(self) -> bool:
        """Whether it was moved and did worse than at its nominal start."""
        actual, nominal = self.happened.actual, self.happened.nominal
        if actual is not None and nominal is not None:
            return self.moved and actual > nominal
        return self.moved and (self.happened.saving or 0.0) < 0

    @property
    def grams(self) -> float | None:
        """gCO2eq of its work; None where energy or intensity is unknown."""
        return _product(self.energy_kwh, self.happened.actual)

    @property
    def grams_nominal(self) -> float | None:
        """The same at its nominal start."""
        return _product(self.energy_kwh, self.happened.nominal)


def _product(energy_kwh: float | None, intensity: float | None) -> float | None:
    return None if energy_kwh is None or intensity is None else energy_kwh * intensity


def settle(work: Work, evidence: Sequence[Evidence] | None, promise: Promise) -> Happened:
    """The intensities of a run's work, by the first evidence that knows all of it.

    Args:
        work: when it worked.
        evidence: best first; empty where the zone has some that could not be had. None
            where nobody measures it: then what was forecast for the run stands, if it
            began when it was to.
        promise: what was forecast for the run.
    """
    if evidence is None:
        return _as_promised(work, promise)
    for each in evidence:
        values = each.values
        if all(values.covers(*piece) for piece in (*work.pieces, *work.nominal)):
            actual, nominal = values.mean(work.pieces), values.mean(work.nominal)
            return Happened(
                grade=each.grade,
                actual=None if each.modelled else actual,
                nominal=None if each.modelled else nominal,
                saving=share_saved(nominal, actual),
                source=each.source,
                signal=each.signal,
            )
    return UNKNOWN


def _as_promised(work: Work, promise: Promise) -> Happened:
    """What was forecast, marked as such; unknown where the run began at another time."""
    slot = promise.slot_start
    if work.moved and (slot is None or abs(work.pieces[0][0] - slot) > _AS_PLANNED):
        return UNKNOWN
    actual = promise.slot if work.moved else promise.nominal
    if promise.nominal is None or actual is None:
        if not work.moved or promise.saving is None:
            return UNKNOWN
        actual = nominal = None
        saving: float | None = promise.saving
    else:
        nominal = promise.nominal
        saving = share_saved(nominal, actual)
    return Happened(
        grade=Grade.FORECAST,
        actual=actual,
        nominal=nominal,
        saving=saving,
        source=promise.source,
        signal=promise.signal,
    )


def energy_of(length: int, watts: float | None) -> float | None:
    """The kWh of a power over a time in microseconds; None where it is unknown."""
    return None if watts is None else watts / _WATTS_PER_KILOWATT * length / _HOUR
