"""A back-test as one JSON document, and how its figures are binned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from carbonaware_prefect.cli.output import iso
from carbonaware_prefect.cli.reports.backtest import ESTIMATES, SPLIT, BacktestReport
from carbonaware_prefect.core.accounting.scores import Bin, Distribution, Score, bins

__all__ = ["as_document", "saving_bins", "wait_bins", "wait_width"]

_HOUR = timedelta(hours=1)
_MOST_BINS = 24
_WIDTHS = (0.5, 1, 2, 3, 6, 12, 24, 48, 96)


def saving_bins(values: Score) -> list[Bin]:
    """Runs by their saving in percent, in steps of 5."""
    return bins([100 * saving for saving in values.savings], 5)


def wait_bins(values: Score, width: float) -> list[Bin]:
    """Runs by their wait in hours."""
    return bins(values.waits, width)


def wait_width(report: BacktestReport) -> float:
    """A round number of hours that gives all strategies few enough bins."""
    waits = [wait for each in report.scores.values() for wait in each.waits] or [0.0]
    span = max(waits) - min(waits)
    return next((w for w in _WIDTHS if span / w < _MOST_BINS), _WIDTHS[-1])


def as_document(report: BacktestReport) -> dict[str, object]:
    """All of it, as JSON would have it; what is not known is null."""
    actual, policy = report.history.actual, report.trial.policy
    hours = sum(((piece.end - piece.start) / _HOUR for piece, _ in actual), 0.0)
    durations = report.trial.durations or (policy.duration,)
    width = wait_width(report)
    return {
        "trace": {
            "file": str(report.asked.trace),
            "zone": report.zone,
            "signal": actual.signal,
            "unit": actual.unit,
            "start": iso(actual.start),
            "end": iso(actual.end),
            "hours_known": hours,
            "hours_unknown": (actual.end - actual.start) / _HOUR - hours,
        },
        "policy": {
            "schedule": report.asked.schedule,
            "time_zone": str(report.trial.time_zone),
            "duration_seconds": [each.total_seconds() for each in durations],
            "window_seconds": (
                policy.window.total_seconds() if report.trial.windowed else None
            ),
            "earlier_seconds": policy.earlier.total_seconds(),
            "latest_start": _bound(policy.latest_start),
            "finish_by": report.asked.finish_by or _bound(policy.finish_by),
            "not_between": [str(hours) for hours in policy.not_between],
            "minimum_saving_percent": (
                None if policy.minimum_saving is None else 100 * policy.minimum_saving
            ),
            "in_order": report.trial.in_order,
        },
        "runs": {
            "due": report.due,
            "judged": len(report.comparison.runs),
            "unknown": len(report.comparison.unknown),
            "unknown_due": [iso(due) for due in report.comparison.unknown],
        },
        "strategies": [
            {"name": name, "interrupted": name.endswith(SPLIT), **_figures(each, width)}
            for name, each in report.scores.items()
        ],
        "notes": [*report.notes, ESTIMATES],
    }


def _bound(bound: object) -> str | None:
    return None if bound is None else str(bound)


def _figures(values: Score, width: float) -> dict[str, object]:
    return {
        "runs": values.runs,
        "moved": values.moved,
        "without_forecast": values.without_forecast,
        "mean_gco2_per_kwh": values.mean,
        "saving_percent": _percent(values.saving),
        "weighted_mean_gco2_per_kwh": values.weighted_mean,
        "weighted_saving_percent": _percent(values.weighted_saving),
        "kept": values.kept,
        "worse": values.worse,
        "worse_share": values.worse_share,
        "worse_by_percent": _spread([100 * each for each in values.worse_by]),
        "run_saving_percent": _spread([100 * each for each in values.savings]),
        "wait_hours": _spread(values.waits),
        "interruptions": values.interruptions,
        "run_savings": [
            {"from_percent": each.low, "to_percent": each.high, "runs": each.count}
            for each in saving_bins(values)
        ],
        "waits": [
            {"from_hours": each.low, "to_hours": each.high, "runs": each.count}
            for each in wait_bins(values, width)
        ],
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    found = Distribution.of(values)
    if found is None:
        return None
    return asdict(found)
