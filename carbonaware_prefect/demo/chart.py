"""A forecast as a few lines of blocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from carbonaware_prefect.core import Forecast, Slot

__all__ = ["Chart", "draw"]

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_HALVES = " .:::####"
_ROWS = 4
_AXIS = 8


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
    slot: Slot,
    *,
    now: datetime,
    step: timedelta = timedelta(seconds=2),
    columns: int = 40,
    ascii_only: bool = False,
) -> Chart:
    """The forecast from ``now`` on, one column for each ``step``, bars from zero up."""
    means = [forecast.mean(now + i * step, step) or 0.0 for i in range(columns)]
    top = max(*means, 1.0)
    blocks = _HALVES if ascii_only else _EIGHTHS
    full = len(blocks) - 1
    heights = [round(max(mean, 0.0) / top * _ROWS * full) for mean in means]
    lines = []
    for row in reversed(range(_ROWS)):
        bars = "".join(blocks[min(full, max(0, height - row * full))] for height in heights)
        label = f"{top:.0f}" if row == _ROWS - 1 else "g/kWh" if row == 0 else ""
        lines.append(f"{label:>{_AXIS - 2}}  {bars}".rstrip())
    first = min(columns, max(0, round((slot.start - now) / step)))
    last = min(columns, max(first + 1, round((slot.end - now) / step)))
    marks = f"now{' ' * columns}"[:first]
    width = last - first
    mark = "slot".center(width, "-") if width > len("slot") else "^" * width
    lines.append(f"{'':{_AXIS}}{marks}{mark}")
    return Chart(tuple(lines), (_AXIS + first, _AXIS + last))
