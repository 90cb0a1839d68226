"""What typical days are worth on hours they have not seen.

    python -m scripts.backtest_typical FOLDER

FOLDER is as for ``build_typical.py``. Prints, for each zone and window, the share of the
possible saving (that of a perfect forecast, against starting at once) which the table
keeps, and the share of jobs that do worse than at once. Jobs last 2 h and are submitted
every 5 h, so that all hours of the day take their turn.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum
from pathlib import Path

from carbonaware_prefect.core import Forecast, Interval, find_slot
from carbonaware_prefect.sources.typical import TypicalDays
from scripts.build_typical import (
    CARBONCAST,
    EIA,
    ZONES,
    Supplier,
    average_days,
    read_trace,
)

__all__ = ["Result", "measure"]

Hours = Mapping[datetime, float]

_HOUR = timedelta(hours=1)
_DURATION = 2 * _HOUR
_WINDOWS = (6 * _HOUR, 12 * _HOUR, 24 * _HOUR)
_STEP = 5


@dataclass(frozen=True)
class Result:
    """What a table kept, over all jobs.

    Attributes:
        possible: mean saving with a perfect forecast, as part of starting at once.
        kept: share of that which the table kept.
        worse: share of jobs that did worse than at once.
        jobs: how many jobs.
    """

    possible: float
    kept: float
    worse: float
    jobs: int


def measure(train: Hours, test: Hours, time_zone: str, window: timedelta) -> Result:
    """Schedule jobs in the hours of ``test`` by typical days learnt from ``train``."""
    actual = _forecast(test)
    typical = _typical(train, time_zone, Interval(actual.start, actual.end))
    at_once, best, ours = [], [], []
    for start in sorted(test)[::_STEP]:
        if actual.mean(start, window + _DURATION) is None:
            continue
        limits = {"earliest": start, "latest_start": start + window}
        chosen = find_slot(typical, **limits, duration=_DURATION)
        at_once.append(_sure(actual.mean(start, _DURATION)))
        ours.append(_sure(actual.mean(chosen.start, _DURATION)))
        best.append(find_slot(actual, **limits, duration=_DURATION).mean_intensity)
    possible = fsum(at_once) - fsum(best)
    return Result(
        possible=possible / fsum(at_once),
        kept=(fsum(at_once) - fsum(ours)) / possible,
        worse=sum(a < b for a, b in zip(at_once, ours, strict=True)) / len(ours),
        jobs=len(ours),
    )


def _sure(mean: float | None) -> float:
    assert mean is not None  # noqa: S101  the whole window was seen to be covered
    return mean


def _forecast(hours: Hours) -> Forecast:
    return Forecast.from_intervals(
        (start, start + _HOUR, hours[start]) for start in sorted(hours)
    )


def _typical(train: Hours, time_zone: str, interval: Interval) -> Forecast:
    table = TypicalDays(
        zone="",
        time_zone=time_zone,
        source="",
        licence="",
        years=(),
        boundary="",
        hours=len(train),
        # Half a year has half the weekends of a year.
        grams=average_days([train], time_zone, fewest=1),
    )
    return table.forecast(interval)


def _split(hours: Hours, supplier: Supplier) -> tuple[str, Hours, Hours]:
    """Training and unseen hours of one trace: by year, or by week where it has one year."""
    if supplier is CARBONCAST:
        year = {start: start.year for start in hours}
        return (
            "cc 2020 -> 2021",
            {start: g for start, g in hours.items() if year[start] == 2020},  # noqa: PLR2004
            {start: g for start, g in hours.items() if year[start] == 2021},  # noqa: PLR2004
        )
    odd = {start: start.isocalendar().week % 2 == 1 for start in hours}
    return (
        "eia even -> odd weeks",
        {start: g for start, g in hours.items() if not odd[start]},
        {start: g for start, g in hours.items() if odd[start]},
    )


def _trials(folder: Path) -> Iterator[tuple[str, str, Hours, Hours]]:
    for name, zone in ZONES.items():
        traces = {
            supplier: read_trace(folder, zone.key, supplier) for supplier in zone.suppliers
        }
        for supplier, hours in traces.items():
            yield name, *_split(hours, supplier)
        if len(traces) > 1:
            yield name, "cc 2020-21 -> eia 2022", traces[CARBONCAST], traces[EIA]


def main() -> None:
    """Print one line for each zone and way of splitting."""
    parser = argparse.ArgumentParser(description="Test typical days on unseen hours.")
    parser.add_argument("folder", type=Path, help="folder with the traces")
    folder = parser.parse_args().folder
    print("duration 2 h; possible = saving of a perfect forecast, kept = share of it")
    heads = "".join(f" | {w // _HOUR:>2} h: possible  kept worse" for w in _WINDOWS)
    print(f"{'zone':13}{'trained -> tested':23}{heads}")
    for name, split, train, test in _trials(folder):
        results = [measure(train, test, ZONES[name].time_zone, w) for w in _WINDOWS]
        cells = "".join(
            f" |       {r.possible:7.1%} {r.kept:5.0%} {r.worse:5.0%}" for r in results
        )
        print(f"{name:13}{split:23}{cells}")


if __name__ == "__main__":
    main()
