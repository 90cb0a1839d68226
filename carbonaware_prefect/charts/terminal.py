"""A forecast as a few lines of blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from carbonaware_prefect.charts.scale import nice_ceiling, steps, tick_length, ticks
from carbonaware_prefect.core import Forecast, Slot

__all__ = ["AXIS", "Chart", "draw", "step_for", "time_axis"]

AXIS = 8
"""Columns left of the bars."""

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_HALVES = " .:::####"
_ROWS = 4
# A column is one of these, so that a forecast's steps fall on columns.
_STEPS = tuple(timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 360))


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines of equal meaning, and which of their columns are the slot's.

    Attributes:
        lines: bars from top to bottom, then the line of marks.
        slot: first column of the slot, and the first one after it.
    """

    lines: tuple[str, ...]
    slot: tuple[int, int]


def draw(
    forecast: Forecast,
    slot: Slot | None,
    *,
    now: datetime,
    step: timedelta = timedelta(seconds=2),
    columns: int = 40,
    rows: int = _ROWS,
    ascii_only: bool = False,
    from_zero: bool = True,
) -> Chart:
    """The forecast from ``now`` on, one column for each ``step``.

    Bars start at zero; or else, where all values lie far above it, at a round number,
    which then stands at the foot.

    Where the forecast has a gap there is a dot, never a bar. Without a slot there is no
    line of marks.
    """
    means = [one.mean for one in steps(forecast, now, now + columns * step, step)]
    unit = "%" if forecast.modelled else "g/kWh"
    floor = None if from_zero else _floor(means)
    lines = _bars(means, rows, unit, floor=floor, plain=ascii_only)
    if slot is None:
        return Chart(tuple(lines), (AXIS, AXIS))
    first = min(columns, max(0, round((slot.start - now) / step)))
    last = min(columns, max(first + 1, round((slot.end - now) / step)))
    width = last - first
    marks = f"now{' ' * columns}"[:first]
    mark = "slot".center(width, "-") if width > len("slot") else "^" * width
    lines.append(f"{'':{AXIS}}{marks}{mark}")
    return Chart(tuple(lines), (AXIS + first, AXIS + last))


def _floor(means: Sequence[float | None]) -> float:
    """A round number below all values, or zero where that is no farther than they vary."""
    known = [mean for mean in means if mean is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    if low <= 0 or high - low > low:
        return 0.0
    grid = max(1.0, nice_ceiling((high - low) / 2))
    return max(0.0, math.floor(low / grid - 0.5) * grid)


def _bars(
    means: Sequence[float | None],
    rows: int,
    unit: str,
    *,
    floor: float | None,
    plain: bool,
) -> list[str]:
    blocks = _HALVES if plain else _EIGHTHS
    full = len(blocks) - 1
    base = floor or 0.0
    top = max(base + 1.0, *(mean or 0.0 for mean in means))
    heights = [
        round((max(mean or 0.0, base) - base) / (top - base) * rows * full)
        for mean in means
    ]
    lines = []
    for row in reversed(range(rows)):
        bars = "".join(blocks[min(full, max(0, height - row * full))] for height in heights)
        if row == 0:
            gap = "." if plain else "·"
            pairs = zip(bars, means, strict=True)
            bars = "".join(gap if mean is None else bar for bar, mean in pairs)
        foot = unit if floor is None else f"{floor:.0f}"
        label = f"{top:.0f}" if row == rows - 1 else foot if row == 0 else ""
        lines.append(f"{label:>{AXIS - 2}}  {bars}".rstrip())
    return lines if floor is None else [f"{unit:>{AXIS - 2}}", *lines]


def step_for(span: timedelta, width: int) -> timedelta:
    """The finest round step with which ``span`` fits into ``width`` columns."""
    return next((step for step in _STEPS if span / step <= width), span / width)


def time_axis(
    start: datetime, step: timedelta, columns: int, *, ascii_only: bool = False
) -> list[str]:
    """Two lines to put below the bars: ticks, and the UTC times they stand for.

    Midnight shows its date.
    """
    line, tick = ("-", "+") if ascii_only else ("─", "┴")
    rule, labels = [line] * columns, [" "] * columns
    end = start + columns * step
    free = 0
    for moment in ticks(start, end, tick_length(end - start, max(1, columns // 8))):
        column = round((moment - start) / step)
        midnight = moment - moment.replace(hour=0, minute=0) < timedelta(minutes=1)
        label = f"{moment:%a %d}" if midnight else f"{moment:%H:%M}"
        if column >= columns:
            continue
        rule[column] = tick
        if free <= column <= columns - len(label):
            labels[column : column + len(label)] = label
            free = column + len(label) + 1
    margin = " " * AXIS
    return [margin + "".join(rule), (margin + "".join(labels)).rstrip()]
