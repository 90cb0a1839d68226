"""Ways to start the runs of a back-test, each by what was known at the time.

`ByForecast` decides as the product does: the same search, the same rule. `Interrupted`
splits the work over several slots, which the product does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from carbonaware_prefect.core.accounting.interruption import cleanest_pieces
from carbonaware_prefect.core.accounting.measured import Measured, Piece
from carbonaware_prefect.core.accounting.trial_runs import TrialRun
from carbonaware_prefect.core.choice import MOVED, reason_for, share_saved
from carbonaware_prefect.core.forecast import Forecast
from carbonaware_prefect.core.reasons import Reason
from carbonaware_prefect.core.starts import Starts

__all__ = ["AtOnce", "ByForecast", "Interrupted", "Known", "Placement", "Strategy"]

Known = Callable[[datetime], Forecast | None]
"""The forecast that is known at a moment (UTC), or None."""


@dataclass(frozen=True, slots=True)
class Placement:
    """When a run works.

    Attributes:
        pieces: in order of time; several where it is interrupted.
        reason: of the decision.
    """

    pieces: tuple[Piece, ...]
    reason: Reason


class Strategy(Protocol):
    """A way to start runs."""

    def place(self, run: TrialRun) -> Placement:
        """When that run works."""


class AtOnce:
    """Every run starts when it is due: the baseline."""

    def place(self, run: TrialRun) -> Placement:
        """At its due time."""
        return Placement((run.at_once,), Reason.CLEANEST_NOW)


@dataclass(slots=True)
class ByForecast:
    """Every run starts where `decide` says by the forecast that is known then."""

    known: Known
    _starts: dict[timedelta, tuple[Forecast, Starts]] = field(default_factory=dict)

    def place(self, run: TrialRun) -> Placement:
        """At the slot of the decision, or at its due time."""
        request, now = run.request, run.decided_at
        forecast = self.known(now)
        if forecast is None:
            return Placement((run.at_once,), Reason.NO_FORECAST)
        starts = self._prepared(forecast, run.duration)
        found = starts.lowest(run.starts)
        slot = None if found is None else starts.slot(found[1], found[0])
        least = request.least_saving(forecast)
        reason = reason_for(request, slot, now, starts.mean, least)
        if found is None or reason not in MOVED:
            return Placement((run.at_once,), reason)
        return Placement(((found[1], found[1] + starts.length),), reason)

    def _prepared(self, forecast: Forecast, duration: timedelta) -> Starts:
        """Most often the forecast is the one before, and preparing it takes the longest."""
        before = self._starts.get(duration)
        if before is not None and before[0] is forecast:
            return before[1]
        starts = Starts.of(forecast, duration)
        self._starts[duration] = forecast, starts
        return starts


@dataclass(slots=True)
class Interrupted:
    """Every run works in the cleanest pieces of its time by the forecast known then.

    The pieces are taken only where they are cleaner than a run at the due time, by at
    least the minimum saving.
    """

    known: Known
    _measured: tuple[Forecast, Measured] | None = None

    def place(self, run: TrialRun) -> Placement:
        """In those pieces, or at its due time."""
        forecast = self.known(run.decided_at)
        if forecast is None:
            return Placement((run.at_once,), Reason.NO_FORECAST)
        if self._measured is None or self._measured[0] is not forecast:
            self._measured = forecast, Measured(forecast)
        known, spans, (start, end) = self._measured[1], run.open_time(), run.at_once
        pieces = cleanest_pieces(known, spans, end - start)
        if pieces is None:
            return Placement((run.at_once,), Reason.NO_FORECAST)
        if any(low <= start and end <= high for low, high in spans):
            reason = _weighed(run, known, pieces, run.request.least_saving(forecast))
        else:
            too_late = end > run.allowed[1]
            reason = Reason.FINISH_BY if too_late else Reason.HOURS_KEPT_FREE
        return Placement(pieces if reason in MOVED else (run.at_once,), reason)


def _weighed(
    run: TrialRun, known: Measured, pieces: Iterable[Piece], least: float
) -> Reason:
    """Whether the pieces are worth leaving the run from the due time on."""
    if not known.covers(*run.at_once):
        return Reason.CLEANER_SLOT
    nominal = known.integral(run.at_once)
    chosen = sum(known.integral(piece) for piece in pieces)
    if nominal <= chosen:
        return Reason.CLEANEST_NOW
    saving = share_saved(nominal, chosen)
    too_small = saving is not None and saving < least
    return Reason.SAVING_TOO_SMALL if too_small else Reason.CLEANER_SLOT
