"""Back-tests the slow way: lists of quarter hours as decimal numbers, and loops over them.

Shares no code with the package. Everything lies on quarter hours: due times, durations,
windows and the edges of the data.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

QUARTER = timedelta(minutes=15)
Quarters = Sequence[Decimal | None]


def read(path: Path, hours: int = 1) -> tuple[datetime, list[Decimal | None]]:
    """The first moment of a file of hourly values, and a value for each quarter hour."""
    with path.open(encoding="utf-8") as file:
        rows = [(moment(row["start"]), row) for row in csv.DictReader(file)]
    first = rows[0][0]
    quarters: list[Decimal | None] = [None] * ((rows[-1][0] - first) // QUARTER + 4 * hours)
    for start, row in rows:
        for i in range(4 * hours):
            text = row["carbon_intensity_gco2_per_kwh"]
            quarters[(start - first) // QUARTER + i] = Decimal(text)
    return first, quarters


def moment(text: str) -> datetime:
    """ISO 8601 with a Z."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@dataclass
class Sums:
    """What a strategy came to."""

    total: Decimal = Decimal(0)
    worse: int = 0
    moved: int = 0
    savings: Decimal = Decimal(0)
    wait: int = 0


@dataclass
class Found:
    """Of all runs; every mean and saving is the total over the number of runs."""

    runs: int
    unknown: int
    at_once: Sums
    chosen: Sums
    split: Sums


def mean_of(values: Quarters, chosen: Sequence[int]) -> Decimal | None:
    """The mean of these quarters; None where one is not known or not there."""
    total = Decimal(0)
    for i in chosen:
        value = values[i] if 0 <= i < len(values) else None
        if value is None:
            return None
        total += value
    return total / len(chosen)


def back_test(
    actual: Quarters,
    forecast: Quarters,
    dues: Sequence[int],
    *,
    earlier: int,
    window: int,
    duration: int,
    least: Decimal = Decimal(0),
) -> Found:
    """Every run by every start in its window, one after the other; counts are quarters."""
    found = Found(0, 0, Sums(), Sums(), Sums())
    for due in dues:
        span = range(due - earlier, due + window + duration)
        if mean_of(actual, span) is None:
            found.unknown += 1
            continue
        found.runs += 1
        at_once = list(range(due, due + duration))
        nominal = mean_of(actual, at_once)
        assert nominal is not None
        _add(found.at_once, nominal, nominal, at_once, due)
        expected = mean_of(forecast, at_once)
        for sums, candidate in (
            (found.chosen, _best_start(forecast, due, earlier, window, duration)),
            (found.split, _best_quarters(forecast, span, duration)),
        ):
            taken = candidate or at_once
            promised = mean_of(forecast, taken)
            if expected is not None and promised is not None:
                stays = promised >= expected
                if expected > 0 and 1 - promised / expected < least:
                    stays = True
                taken = at_once if stays else taken
            came_true = mean_of(actual, taken)
            assert came_true is not None
            _add(sums, nominal, came_true, taken, due)
    return found


def _best_start(
    values: Quarters, due: int, earlier: int, window: int, duration: int
) -> list[int] | None:
    best, lowest = None, None
    for start in range(due - earlier, due + window + 1):
        candidate = list(range(start, start + duration))
        mean = mean_of(values, candidate)
        if mean is not None and (lowest is None or mean < lowest):
            best, lowest = candidate, mean
    return best


def _best_quarters(values: Quarters, span: range, duration: int) -> list[int] | None:
    known = []
    for i in span:
        value = values[i] if 0 <= i < len(values) else None
        if value is not None:
            known.append((value, i))
    if len(known) < duration:
        return None
    return sorted(i for _, i in sorted(known)[:duration])


def _add(sums: Sums, nominal: Decimal, mean: Decimal, taken: list[int], due: int) -> None:
    sums.total += mean
    sums.worse += mean > nominal
    sums.moved += taken != list(range(due, due + len(taken)))
    sums.savings += 1 - mean / nominal
    sums.wait += taken[0] - due
