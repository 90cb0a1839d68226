"""What a strategy came to in a back-test, in a few figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import starmap
from math import floor, fsum

from carbonaware_prefect.core.accounting.comparison import Comparison, Result
from carbonaware_prefect.core.choice import share_saved
from carbonaware_prefect.core.intervals import from_microseconds
from carbonaware_prefect.core.reasons import Reason

__all__ = ["Bin", "Distribution", "Score", "bins", "score"]

_HOUR = timedelta(hours=1)
# Values at the very edge of a bin belong to it, whatever rounding made of them.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Of some numbers: the mean, and the values below which so many percent lie."""

    mean: float
    lowest: float
    p10: float
    p25: float
    median: float
    p75: float
    p90: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Distribution | None:
        """None of no values; between two values it is interpolated."""
        if not values:
            return None
        ordered = sorted(values)

        def at(share: float) -> float:
            place = share * (len(ordered) - 1)
            i = min(floor(place), len(ordered) - 2) if len(ordered) > 1 else 0
            after = ordered[min(i + 1, len(ordered) - 1)]
            return ordered[i] + (after - ordered[i]) * (place - i)

        return cls(
            mean=fsum(ordered) / len(ordered),
            lowest=ordered[0],
            p10=at(0.1),
            p25=at(0.25),
            median=at(0.5),
            p75=at(0.75),
            p90=at(0.9),
            highest=ordered[-1],
        )


@dataclass(frozen=True, slots=True)
class Bin:
    """How many numbers lie from ``low`` up to ``high``, which itself is not included."""

    low: float
    high: float
    count: int


def bins(values: Sequence[float], width: float) -> list[Bin]:
    """The numbers counted in bins of a width, from the lowest to the highest."""
    places = [floor(value / width + _ROUNDING) for value in values]
    if not places:
        return []
    return [
        Bin(i * width, (i + 1) * width, places.count(i))
        for i in range(min(places), max(places) + 1)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What all runs together came to; intensities in gCO2eq/kWh, savings as shares.

    Attributes:
        runs: how many were judged.
        moved: how many did not work from their due time on without a break.
        without_forecast: how many started at once since no forecast was known.
        mean: of the runs' means, each run counting alike.
        weighted_mean: the same, each run counting by its duration; what the total
            emissions are in proportion to, at equal power.
        saving: of ``mean`` against starting at once; None where that is not positive.
        weighted_saving: the same of ``weighted_mean``.
        kept: which share of the saving with perfect foresight (by duration); None where
            nothing could be saved.
        savings: of each run, those left out whose mean at once is not positive.
        worse: how many did worse than at once.
        worse_by: by which share of their mean at once.
        waits: hours from the due time to the start; below zero where that was earlier.
        interruptions: how often a run was interrupted, on average.
    """

    runs: int
    moved: int
    without_forecast: int
    mean: float | None
    weighted_mean: float | None
    saving: float | None
    weighted_saving: float | None
    kept: float | None
    savings: tuple[float, ...]
    worse: int
    worse_by: tuple[float, ...]
    waits: tuple[float, ...]
    interruptions: float | None

    @property
    def worse_share(self) -> float | None:
        """Share of the runs that did worse than at once; None of no runs."""
        return self.worse / self.runs if self.runs else None


def score(comparison: Comparison, result: Result, best: Result) -> Score:
    """The figures of one strategy.

    Args:
        comparison: all of it.
        result: of the strategy.
        best: the same with perfect foresight.
    """
    runs, at_once = comparison.runs, comparison.at_once
    weights = [run.duration / _HOUR for run in runs]
    before, after, possible = (_mean(r.means, weights) for r in (at_once, result, best))
    plain = [1.0] * len(runs)
    pairs = list(zip(at_once.means, result.means, strict=True))
    savings = list(starmap(share_saved, pairs))
    known = tuple(saving for saving in savings if saving is not None)
    starts = [placed.pieces[0][0] for placed in result.placements]
    breaks = [len(placed.pieces) - 1 for placed in result.placements]
    mean = _mean(result.means, plain)
    return Score(
        runs=len(runs),
        moved=sum(
            placed.pieces != (run.at_once,)
            for run, placed in zip(runs, result.placements, strict=True)
        ),
        without_forecast=sum(
            placed.reason is Reason.NO_FORECAST for placed in result.placements
        ),
        mean=mean,
        weighted_mean=after,
        saving=share_saved(_mean(at_once.means, plain), mean),
        weighted_saving=share_saved(before, after),
        kept=_kept(before, after, possible),
        savings=known,
        worse=sum(chosen > nominal for nominal, chosen in pairs),
        worse_by=tuple(-saving for saving in known if saving < 0),
        waits=tuple(
            (from_microseconds(start) - run.due) / _HOUR
            for run, start in zip(runs, starts, strict=True)
        ),
        interruptions=fsum(breaks) / len(breaks) if breaks else None,
    )


def _mean(values: Sequence[float], weights: Sequence[float]) -> float | None:
    if not values:
        return None
    parts = (value * weight for value, weight in zip(values, weights, strict=True))
    return fsum(parts) / fsum(weights)


def _kept(before: float | None, after: float | None, best: float | None) -> float | None:
    if before is None or after is None or best is None or before <= best:
        return None
    return (before - after) / (before - best)
