"""Typical days learnt from histories.

Each cell (month, day type, local hour) is a mean over the time that falls into it. The
newest twelve months count most, since grids change; each twelve months before them count
`OLDER` of those after. A cell of one year has some eight weekends in it, which is little
against the weather, so it leans on its neighbours: the same hour of the month before and
after, and of the other day type. Both choices are by back-test, see docs/typical.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import floor, fsum, log10
from zoneinfo import ZoneInfo

from carbonaware_prefect.errors import InvalidInputError
from carbonaware_prefect.sources.typical.days import pieces_of

__all__ = ["OLDER", "History", "Piece", "learn_grams", "lengths_of", "years_of"]

Piece = tuple[datetime, datetime, float]
"""Start and end in UTC, and gCO2eq/kWh."""
History = Sequence[Piece]
"""Pieces in order of time, possibly with gaps."""
Cell = tuple[int, int, int]
Grams = tuple[tuple[tuple[float, ...], ...], ...]

OLDER = 0.05
"""What twelve months count against the twelve months after them."""

YEAR = timedelta(days=365.2425)
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_SATURDAY = 5
# How much the months beside a month say about it, and one day type about the other.
_NEIGHBOUR = 0.5
_OTHER_TYPE = 0.3
_DAYS_A_WEEK = (5, 2)
# Finer than any data deserves, and coarse enough that noise makes no order.
_DIGITS = 4


def learn_grams(
    histories: Sequence[History],
    time_zone: str,
    *,
    fewest: timedelta = 4 * _HOUR,
    older: float = OLDER,
) -> Grams:
    """gCO2eq/kWh by month, day type and local hour, on the scale of the first history.

    Args:
        histories: of one grid. Two suppliers use other factors, so any but the first
            adds only its shape: it counts in parts of its own mean.
        time_zone: IANA name that the local hours are of.
        fewest: how much time must have fallen into each cell.
        older: what twelve months count against the twelve months after them.

    Raises:
        InvalidInputError: (a ValueError) a cell has less, so there is nothing to say
            for that hour; names the months.
    """
    newest = max(history[-1][1] for history in histories)
    local_zone = ZoneInfo(time_zone)
    scale = _mean(histories[0])
    sums: dict[Cell, float] = {}
    weights: dict[Cell, float] = {}
    lengths: dict[Cell, float] = {}
    for history in histories:
        factor = scale / (_mean(history) or 1.0)
        for start, end, grams in history:
            weight = older ** ((newest - end) // YEAR)
            for cell, hours in _cells_of(start, end, local_zone):
                sums[cell] = sums.get(cell, 0.0) + weight * hours * grams * factor
                weights[cell] = weights.get(cell, 0.0) + weight * hours
                lengths[cell] = lengths.get(cell, 0.0) + hours
    _check(lengths, time_zone, fewest)
    means = {cell: total / weights[cell] for cell, total in sums.items()}
    return tuple(
        tuple(
            tuple(_rounded(_leaning(means, (m, kind, hour))) for hour in range(24))
            for kind in range(2)
        )
        for m in range(12)
    )


def _mean(history: History) -> float:
    """The time-weighted mean."""
    lengths = [(end - start) / _HOUR for start, end, _ in history]
    areas = (n * grams for n, (_, _, grams) in zip(lengths, history, strict=True))
    return fsum(areas) / fsum(lengths)


def _cells_of(
    start: datetime, end: datetime, local_zone: ZoneInfo
) -> Iterable[tuple[Cell, float]]:
    """The cells that a piece falls into, with the hours it spends in each."""
    for begin, turn, local in pieces_of(start, end, local_zone):
        weekend = int(local.weekday() >= _SATURDAY)
        cell = (local.month - 1, weekend, local.hour)
        yield cell, (min(turn, end) - begin) / _HOUR


def _check(lengths: Mapping[Cell, float], time_zone: str, fewest: timedelta) -> None:
    short = [
        (m, kind, hour)
        for m in range(12)
        for kind in range(2)
        for hour in range(24)
        if lengths.get((m, kind, hour), 0.0) < fewest / _HOUR
    ]
    if not short:
        return
    months = ", ".join(str(m + 1) for m in sorted({m for m, _, _ in short}))
    m, kind, hour = short[0]
    msg = (
        f"too little data in month {months}: e.g. {lengths.get(short[0], 0.0):g} h for "
        f"{'weekends' if kind else 'weekdays'} at {hour}:00 {time_zone} in month {m + 1}, "
        f"needed are {fewest / _HOUR:g} h for each; give histories of whole years"
    )
    raise InvalidInputError(msg)


def _leaning(means: Mapping[Cell, float], cell: Cell) -> float:
    """The mean of a cell and of those beside it, by how much each says about it."""
    month, kind, hour = cell
    total = weight = 0.0
    for other_kind in range(2):
        share = _DAYS_A_WEEK[other_kind] * (1.0 if other_kind == kind else _OTHER_TYPE)
        for step in (-1, 0, 1):
            near = share * (_NEIGHBOUR if step else 1.0)
            total += near * means[(month + step) % 12, other_kind, hour]
            weight += near
    return total / weight


def _rounded(grams: float) -> float:
    if not grams:
        return 0.0
    return round(grams, _DIGITS - 1 - floor(log10(abs(grams))))


def lengths_of(histories: Iterable[History]) -> float:
    """How many hours are known, all together."""
    return fsum((end - start) / _HOUR for each in histories for start, end, _ in each)


def years_of(histories: Iterable[History], time_zone: str) -> tuple[int, ...]:
    """The local calendar years that more than a day is known of."""
    local_zone = ZoneInfo(time_zone)
    known: dict[int, timedelta] = {}
    for history in histories:
        for start, end, _ in history:
            year = start.astimezone(local_zone).year
            known[year] = known.get(year, timedelta(0)) + (end - start)
    # The first or last hours may belong to a neighbouring year in local time.
    return tuple(sorted(year for year, length in known.items() if length > _DAY))
