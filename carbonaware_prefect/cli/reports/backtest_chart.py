"""A back-test as a picture: how savings and waits of the runs are spread."""

from __future__ import annotations

from pathlib import Path

from carbonaware_prefect.charts.histograms import Histogram, draw_histograms
from carbonaware_prefect.cli.reports.backtest import AT_ONCE, ESTIMATES, BacktestReport
from carbonaware_prefect.cli.reports.backtest_document import (
    saving_bins,
    wait_bins,
    wait_width,
)
from carbonaware_prefect.cli.reports.backtest_table import named, told
from carbonaware_prefect.core.accounting.scores import Score
from carbonaware_prefect.errors import CarbonAwareError

__all__ = ["write_svg"]


def write_svg(report: BacktestReport, path: Path) -> None:
    """Write the chart.

    Raises:
        CarbonAwareError: the file cannot be written.
    """
    runs, width = report.comparison.runs, wait_width(report)
    dues = [run.due for run in runs] or [report.history.actual.start]
    where = f"zone {report.zone}" if report.zone else "of no stated zone"
    rows = [
        (
            f"{named(name)}: {_summary(each)}",
            Histogram(tuple((b.low, b.high, b.count) for b in saving_bins(each)), "%"),
            Histogram(tuple((b.low, b.high, b.count) for b in wait_bins(each, width)), "h"),
        )
        for name, each in report.scores.items()
        if name != AT_ONCE
    ]
    picture = draw_histograms(
        rows,
        titles=("Saving of each run", "Wait of each run"),
        title=f"Back-test, {where}",
        subtitle=(
            f"{len(runs)} runs, {min(dues):%Y-%m-%d} to {max(dues):%Y-%m-%d}, "
            f"{report.history.actual.signal} intensity; "
            f"{len(report.comparison.unknown)} more are unknown"
        ),
        notes=(
            f"Trace {report.asked.trace.name}. Runs {told(report)}",
            *report.notes,
            ESTIMATES,
        ),
    )
    try:
        path.write_text(picture, encoding="utf-8")
    except OSError as error:
        msg = f"cannot write the chart to {path}: {error.strerror or error}"
        raise CarbonAwareError(msg) from None


def _summary(each: Score) -> str:
    saving = "unknown" if each.saving is None else f"{100 * each.saving:.1f} %"
    worse = "" if each.worse_share is None else f", {100 * each.worse_share:.1f} % worse"
    return f"saving {saving}{worse}"
