"""Back-tests: the same runs by several strategies, on intensities that came true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from carbonaware_prefect.core.accounting.measured import Measured
from carbonaware_prefect.core.accounting.strategies import AtOnce, Placement, Strategy
from carbonaware_prefect.core.accounting.trial_runs import TrialRun
from carbonaware_prefect.core.forecast import Forecast

__all__ = ["Comparison", "Result", "compare"]


@dataclass(frozen=True, slots=True)
class Result:
    """What one strategy made of the runs, in their order.

    Attributes:
        placements: when each one worked.
        means: the mean gCO2eq/kWh over that time, as it came true.
    """

    placements: tuple[Placement, ...]
    means: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same runs by several strategies.

    Attributes:
        runs: those that are judged.
        unknown: due times of the others: the history does not cover all the time that
            they may have taken, so nobody knows what was best for them.
        at_once: the baseline.
        results: of the strategies, by name.
    """

    runs: tuple[TrialRun, ...]
    unknown: tuple[datetime, ...]
    at_once: Result
    results: Mapping[str, Result]


def compare(
    actual: Forecast, runs: Iterable[TrialRun], strategies: Mapping[str, Strategy]
) -> Comparison:
    """Place each run by each strategy, and look up what that came to.

    Args:
        actual: intensities that came true; may have gaps.
        runs: of `TrialPolicy.runs`.
        strategies: by name.
    """
    measured = Measured(actual)
    judged: list[TrialRun] = []
    unknown: list[datetime] = []
    for run in runs:
        if measured.covers(*run.judged_by):
            judged.append(run)
        else:
            unknown.append(run.due)
    return Comparison(
        tuple(judged),
        tuple(unknown),
        _result(measured, judged, AtOnce()),
        {name: _result(measured, judged, each) for name, each in strategies.items()},
    )


def _result(measured: Measured, runs: Iterable[TrialRun], strategy: Strategy) -> Result:
    placements, means = [], []
    for run in runs:
        placement = strategy.place(run)
        placements.append(placement)
        means.append(measured.mean(placement.pieces))
    return Result(tuple(placements), tuple(means))
