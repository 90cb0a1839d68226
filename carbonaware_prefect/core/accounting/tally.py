"""Settled runs added up as they come: what is kept does not grow with their number."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from carbonaware_prefect.core.accounting.settlement import Fate, Grade, Settled
from carbonaware_prefect.core.choice import share_saved
from carbonaware_prefect.core.forecast import Signal
from carbonaware_prefect.core.reasons import Reason

__all__ = ["Sums", "Tally"]

_REASONS = {reason.value for reason in Reason}
_OTHER = "other"


@dataclass(slots=True)
class Sums:
    """Runs whose intensities rest on the same kind of evidence.

    Attributes:
        runs: how many.
        ratio_only: how many of them have a saving and no intensities; those are in no
            mean.
        moved: how many were moved.
        worse: how many were moved, and did worse than at their nominal start.
        hours: that those with intensities worked.
        with_energy: how many have an energy.
        energy_kwh, grams, grams_nominal: of those.
        promised: how many have a forecast of both intensities.
    """

    runs: int = 0
    ratio_only: int = 0
    moved: int = 0
    worse: int = 0
    hours: float = 0.0
    with_energy: int = 0
    energy_kwh: float = 0.0
    grams: float = 0.0
    grams_nominal: float = 0.0
    promised: int = 0
    _plain: list[float] = field(default_factory=lambda: [0.0, 0.0])
    _weighted: list[float] = field(default_factory=lambda: [0.0, 0.0])
    _promised: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def add(self, run: Settled) -> None:
        """Count a run whose intensities are known."""
        self.runs += 1
        self.moved += run.moved
        self.worse += run.worse
        actual, nominal = run.happened.actual, run.happened.nominal
        if actual is None or nominal is None:
            self.ratio_only += 1
            return
        self._add_promise(run)
        self.hours += run.hours
        for i, mean in enumerate((actual, nominal)):
            self._plain[i] += mean
            self._weighted[i] += mean * run.hours
        if run.energy_kwh is not None:
            self.with_energy += 1
            self.energy_kwh += run.energy_kwh
            self.grams += run.energy_kwh * actual
            self.grams_nominal += run.energy_kwh * nominal

    def _add_promise(self, run: Settled) -> None:
        nominal = run.promise.nominal
        slot = run.promise.slot if run.moved else nominal
        if nominal is not None and slot is not None:
            self.promised += 1
            self._promised[0] += slot
            self._promised[1] += nominal

    @property
    def promised_saving(self) -> float | None:
        """What the forecasts had promised for the runs that have one, counting alike."""
        return share_saved(self._promised[1], self._promised[0]) if self.promised else None

    @property
    def actual(self) -> float | None:
        """Mean of the runs' means in gCO2eq/kWh, each run counting alike."""
        return self._mean(self._plain[0])

    @property
    def nominal(self) -> float | None:
        """The same at their nominal starts."""
        return self._mean(self._plain[1])

    def _mean(self, total: float) -> float | None:
        counted = self.runs - self.ratio_only
        return total / counted if counted else None

    @property
    def saving(self) -> float | None:
        """Share saved of the mean, each run counting alike."""
        return share_saved(self.nominal, self.actual)

    @property
    def weighted_saving(self) -> float | None:
        """The same with each run counting by the hours that it worked."""
        if not self.hours:
            return None
        return share_saved(self._weighted[1], self._weighted[0])


@dataclass(slots=True)
class Tally:
    """All runs of a deployment, or of the ledger.

    Attributes:
        runs: how many have a record, each counted once.
        fates: of those.
        unknown: how many worked, without anybody knowing by which intensities.
        sums: of the others, by what their intensities rest on and what those measure.
        reasons: of the decisions.
        states: types of the runs' states.
        overridden: how many a person started before their slot.
        replanned: how many were moved more than once.
        restored: how many stand for a run that a redeploy had deleted.
        no_record: runs without our labels, which are in nothing else.
        units: functional units made, by the runs with grams and units.
        units_grams: their gCO2eq.
    """

    runs: int = 0
    fates: Counter[Fate] = field(default_factory=Counter)
    unknown: int = 0
    sums: dict[tuple[Grade, Signal], Sums] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    overridden: int = 0
    replanned: int = 0
    restored: int = 0
    no_record: int = 0
    units: float = 0.0
    units_grams: float = 0.0

    def add(self, run: Settled) -> None:
        """Count a run."""
        self.runs += 1
        self.fates[run.fate] += 1
        self.states[run.state] += 1
        # The record is labels, in which anybody may write.
        self.reasons[run.reason if run.reason in _REASONS else _OTHER] += 1
        self.overridden += run.reason == Reason.OVERRIDDEN.value
        self.replanned += run.moves > 1
        self.restored += run.restored
        if run.fate is not Fate.WORKED:
            return
        if run.happened.grade is Grade.UNKNOWN:
            self.unknown += 1
            return
        key = run.happened.grade, run.happened.signal
        self.sums.setdefault(key, Sums()).add(run)
        if run.grams is not None and run.units is not None:
            self.units += run.units
            self.units_grams += run.grams

    @property
    def rate(self) -> float | None:
        """gCO2eq for each functional unit; None where none was made."""
        return self.units_grams / self.units if self.units else None
