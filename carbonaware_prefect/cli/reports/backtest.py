"""What ``carbonaware-prefect backtest`` finds out, and who forecast."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from carbonaware_prefect.cli.output import working
from carbonaware_prefect.cli.reports.backtest_input import (
    Asked,
    due_times,
    known_after,
    trial_policy,
)
from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.core.accounting.comparison import Comparison, compare
from carbonaware_prefect.core.accounting.scores import Score, score
from carbonaware_prefect.core.accounting.strategies import (
    ByForecast,
    Interrupted,
    Known,
    Strategy,
)
from carbonaware_prefect.core.accounting.trial_runs import TrialPolicy
from carbonaware_prefect.errors import NoForecastError
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.file.past import History, Issued
from carbonaware_prefect.sources.typical import TypicalSource, TypicalTables
from carbonaware_prefect.sources.wiring.past import read_history, read_issued

__all__ = [
    "AT_ONCE",
    "ESTIMATES",
    "SPLIT",
    "BacktestReport",
    "collect",
]

AT_ONCE, PERFECT = "at_once", "perfect_foresight"
SPLIT = "_interrupted"
"""What ends the names of strategies that split runs over several slots."""
ESTIMATES = (
    "Savings are estimates: one average of the whole grid, a run time that is always the "
    "same, no power measured, and what a grid does in another year is not known."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestReport:
    """A back-test, and what a person may want to know about it.

    Attributes:
        asked: in words.
        history: what came true.
        zone: grid zone, None where nobody said it.
        trial: the policy.
        due: how many runs were due.
        comparison: all runs by all strategies.
        scores: by strategy, the baseline first.
        notes: what limits the answer, sentences for a person.
    """

    asked: Asked
    history: History
    zone: str | None
    trial: TrialPolicy
    due: int
    comparison: Comparison
    scores: Mapping[str, Score]
    notes: tuple[str, ...]


def collect(asked: Asked) -> BacktestReport:
    """Read the files and place all runs.

    Raises:
        CarbonAwareError: a file that cannot be used, a word that is not allowed.
    """
    settings = Settings.read()
    history = read_history(asked.trace, asked.zone, settings)
    place = settings.given().place()
    zone = asked.zone or history.actual.zone or (place.zone if place else None)
    trial = trial_policy(asked, settings, zone)
    dues = due_times(asked, history.actual, trial.time_zone)
    notes = list(history.notes)
    known = _forecasts(asked, zone, history, settings, notes)
    strategies: dict[str, Strategy] = {
        name: ByForecast(each) for name, each in known.items()
    }
    if asked.interrupted:
        strategies |= {f"{name}{SPLIT}": Interrupted(each) for name, each in known.items()}
    with working(f"Starting {len(dues)} runs"):
        comparison = compare(history.actual, trial.runs(dues), strategies)
    return BacktestReport(
        asked=asked,
        history=history,
        zone=zone,
        trial=trial,
        due=len(comparison.runs) + len(comparison.unknown),
        comparison=comparison,
        scores=_scores(comparison),
        notes=(*notes, *_about_runs(comparison, trial, dues)),
    )


def _forecasts(
    asked: Asked,
    zone: str | None,
    history: History,
    settings: Settings,
    notes: list[str],
) -> dict[str, Known]:
    """What there is to decide by, by the strategy's name; adds what limits it to notes."""
    known: dict[str, Known] = {}
    if asked.forecasts is not None:
        issued = read_issued(asked.forecasts, zone, settings)
        known["forecasts"] = _known(issued, known_after(asked))
        notes += [*issued.notes, *_about_forecasts(issued, history)]
    typical = _typical(zone, history.actual, TypicalTables.of(settings), notes)
    if typical is not None:
        known["typical"] = lambda _: typical
    known[PERFECT] = lambda _: history.actual
    return known


def _scores(comparison: Comparison) -> dict[str, Score]:
    """By strategy, the baseline first; interrupted ones against interrupted foresight."""
    results = comparison.results
    scores = {AT_ONCE: score(comparison, comparison.at_once, results[PERFECT])}
    for name, result in results.items():
        best = PERFECT + (SPLIT if name.endswith(SPLIT) else "")
        scores[name] = score(comparison, result, results[best])
    return scores


def _known(issued: Issued, delay: timedelta) -> Known:
    """The newest forecast that could be had at a moment."""
    forecasts = issued.forecasts
    if forecasts[0].issued_at is None:
        return lambda _: forecasts[0]
    times = [each.issued_at + delay for each in forecasts if each.issued_at is not None]

    def known(now: datetime) -> Forecast | None:
        i = bisect_right(times, now)
        return forecasts[i - 1] if i else None

    return known


def _about_forecasts(issued: Issued, history: History) -> Iterator[str]:
    first = issued.forecasts[0]
    if first.issued_at is None:
        yield (
            "The forecasts do not say when they were issued, so they count as known from "
            "the start; a column issued_at says it"
        )
    if first.signal != history.actual.signal:
        yield (
            f"The forecasts are of {first.signal} intensity, the trace is of "
            f"{history.actual.signal} intensity"
        )


def _typical(
    zone: str | None, actual: Forecast, tables: TypicalTables, notes: list[str]
) -> Forecast | None:
    """Typical days over all of the trace; None, with a note, where there are none."""
    try:
        forecast = TypicalSource(tables).fetch(zone, Interval(actual.start, actual.end))
    except NoForecastError as error:
        notes.append(
            "Typical days are left out, since no zone was said; say it with --zone"
            if zone is None
            else f"Typical days are left out: {error}"
        )
        return None
    days = tables.days_of(zone)
    years = set(days.years if days else ()) & {
        *range(actual.start.year, actual.end.year + 1)
    }
    if forecast.basis is not None:
        notes.append(f"typical: {forecast.basis.credit}")
    if years and not forecast.modelled:
        notes.append(
            "The typical days were learnt from years that the trace has too "
            f"({', '.join(map(str, sorted(years)))}), so they do better here than in a new "
            "year"
        )
    if actual.signal != "average":
        notes.append(f"Typical days are of average intensity, the trace is {actual.signal}")
    return forecast


def _about_runs(
    comparison: Comparison, trial: TrialPolicy, dues: list[datetime]
) -> Iterator[str]:
    if comparison.unknown:
        yield (
            f"Unknown and in no figure: {len(comparison.unknown)} of the runs, since the "
            "trace does not cover all the time that they may have taken"
        )
    steps = {later - due for due, later in pairwise(dues)}
    bound = [run.request for run in comparison.runs]
    if steps and not trial.in_order:
        waiting = max(
            (each.latest_start - each.nominal_start for each in bound), default=None
        )
        if waiting is not None and waiting + trial.policy.earlier > min(steps):
            yield (
                "Runs are judged each by itself, and may start after later ones of their "
                "schedule; a deployment keeps them in order unless CARBONAWARE_OVERTAKE=1 "
                "is set, which --in-order shows"
            )
