"""A back-test as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import time, timedelta
from pathlib import Path

from rich.console import Console
from rich.text import Text

from carbonaware_prefect.cli.output import grams, new_table, printable
from carbonaware_prefect.cli.reports.backtest import (
    AT_ONCE,
    ESTIMATES,
    BacktestReport,
)
from carbonaware_prefect.core.accounting.scores import Distribution, Score

__all__ = ["named", "show", "told"]


def named(strategy: str) -> str:
    """A strategy's name for a person."""
    return strategy.replace("_", " ")


def told(report: BacktestReport) -> str:
    """The policy in one line."""
    trial, policy = report.trial, report.trial.policy
    durations = trial.durations or (policy.duration,)
    by = report.asked.finish_by or (policy.finish_by and _bound(policy.finish_by))
    parts = (
        f"due at {report.asked.schedule!r} {trial.time_zone}",
        f"of {' and '.join(map(_length, durations))}",
        trial.windowed and f"window {_length(policy.window)}",
        policy.earlier and f"up to {_length(policy.earlier)} earlier",
        policy.latest_start and f"latest start {_bound(policy.latest_start)}",
        by and f"finish by {by}",
        policy.not_between and f"not between {', '.join(map(str, policy.not_between))}",
        policy.minimum_saving is not None
        and f"minimum saving {100 * policy.minimum_saving:g} %",
        trial.in_order and "in order",
    )
    return printable(", ".join(part for part in parts if isinstance(part, str)))


def _bound(bound: time | timedelta) -> str:
    return f"{bound:%H:%M}" if isinstance(bound, time) else f"{_length(bound)} after due"


def _length(span: timedelta) -> str:
    """A duration, such as ``1 h 30 min``."""
    minutes = span / timedelta(minutes=1)
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours:g} h"] if hours else []
    return " ".join([*parts, f"{rest:g} min"] if rest or not parts else parts)


def show(report: BacktestReport, console: Console, svg: Path | None = None) -> None:
    """The figures of each strategy, how they are spread, and what limits them."""
    actual, comparison = report.history.actual, report.comparison
    where = f"zone {report.zone}" if report.zone else "of no stated zone"
    console.print(Text(f"Back-test, {printable(where)}", style="bold"))
    console.print(
        Text(
            f"Trace {printable(report.asked.trace.name)}, {actual.signal} intensity, "
            f"{actual.start:%Y-%m-%d %H:%M} to {actual.end:%Y-%m-%d %H:%M} UTC"
        )
    )
    console.print(Text(f"Runs {told(report)}"))
    console.print(
        Text(f"{len(comparison.runs)} runs judged, {len(comparison.unknown)} unknown")
    )
    console.print()
    _figures(report, console)
    console.print()
    _spreads(report, console)
    for note in (*report.notes, ESTIMATES):
        console.print(Text(printable(note)))
    if svg is not None:
        console.print(Text(f"Chart written to {svg}"))


def _figures(report: BacktestReport, console: Console) -> None:
    several = len(report.trial.durations or ()) > 1
    titles = ["g/kWh", "Saving", "Kept", "Moved", "Worse", "by"]
    if several:
        titles.insert(2, "by duration")
    table = new_table(("Strategy", False), *((title, True) for title in titles))
    for name, each in report.scores.items():
        cells = [grams(each.mean), *_cells(each)]
        if several:
            cells.insert(2, _share(each.weighted_saving))
        if name == AT_ONCE:
            cells = [cells[0], *[""] * (len(cells) - 1)]
        table.add_row(named(name), *cells)
    console.print(table)


def _cells(each: Score) -> Iterator[str]:
    by = Distribution.of(each.worse_by)
    yield _share(each.saving)
    yield "-" if each.kept is None else f"{each.kept:.2f}"
    yield _share(each.moved / each.runs if each.runs else None, 0)
    yield _share(each.worse_share)
    yield _share(None if by is None else by.mean)


def _share(part: float | None, digits: int = 1) -> str:
    return "-" if part is None else f"{100 * part:.{digits}f} %"


def _spreads(report: BacktestReport, console: Console) -> None:
    """How the savings of the runs are spread, and their waits."""
    moving = {name: each for name, each in report.scores.items() if name != AT_ONCE}
    savings = {k: [100 * v for v in each.savings] for k, each in moving.items()}
    waits = {k: each.waits for k, each in moving.items()}
    for what, spread in (("Saving in %", savings), ("Wait in h", waits)):
        titles = ("lowest", "10 %", "25 %", "median", "75 %", "90 %", "highest")
        table = new_table((what, False), *((title, True) for title in titles))
        for name, numbers in spread.items():
            table.add_row(named(name), *_spread(numbers))
        console.print(table)
        console.print()


def _spread(numbers: Sequence[float]) -> list[str]:
    found = Distribution.of(numbers)
    if found is None:
        return ["-"] * 7
    parts = (
        found.lowest, found.p10, found.p25, found.median, found.p75, found.p90,
        found.highest,
    )  # fmt: skip
    return [f"{part:.1f}" for part in parts]
