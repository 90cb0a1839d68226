"""What every picture of a forecast needs: means of equal steps, ticks, round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from carbonaware_prefect.core import Forecast
from carbonaware_prefect.core.intervals import (
    from_microseconds,
    to_length,
    to_microseconds,
    to_utc,
)

__all__ = ["Scale", "Step", "floor_to", "nice_ceiling", "steps", "tick_length", "ticks"]

_HOUR = timedelta(hours=1)
_TICKS = tuple(hours * _HOUR for hours in (1, 2, 3, 6, 12, 24, 48, 96, 168, 336))


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of time and the mean intensity of what is known of it.

    Attributes:
        start: where it starts (UTC).
        end: where it ends (UTC).
        mean: gCO2eq/kWh over the part that the forecast covers; None without any.
        covered: which part of it the forecast covers, from 0 to 1.
    """

    start: datetime
    end: datetime
    mean: float | None
    covered: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From time and grams to the coordinates of a picture.

    Attributes:
        start, end: what its width shows.
        low, high: what its height shows.
        left, right: edges of the plot.
        top: of the plot.
        height: of the plot.
    """

    start: datetime
    end: datetime
    low: float
    high: float
    left: int
    right: int
    top: int
    height: int

    def x(self, moment: datetime) -> float:
        """How far right a moment lies; at the edge where it is beyond that."""
        within = min(max(moment, self.start), self.end)
        part = (within - self.start) / (self.end - self.start)
        return self.left + part * (self.right - self.left)

    def y(self, grams: float) -> float:
        """How far down an intensity lies."""
        return self.top + self.height * (self.high - grams) / (self.high - self.low)


def steps(
    forecast: Forecast, start: datetime, end: datetime, length: timedelta
) -> list[Step]:
    """Steps of ``length`` from ``start`` on; the last one ends at ``end``."""
    width = to_length(length)
    first, last = (to_microseconds(to_utc(at, "a chart's edge")) for at in (start, end))
    count = max(0, -(-(last - first) // width))
    totals, known = [0.0] * count, [0] * count
    for interval, grams in forecast:
        low = max(first, to_microseconds(interval.start))
        high = min(last, to_microseconds(interval.end))
        while low < high:
            i = (low - first) // width
            stop = min(high, first + (i + 1) * width)
            totals[i] += grams * (stop - low)
            known[i] += stop - low
            low = stop
    made = []
    for i in range(count):
        begin, stop = first + i * width, min(last, first + (i + 1) * width)
        mean = totals[i] / known[i] if known[i] else None
        part = known[i] / (stop - begin)
        made.append(Step(from_microseconds(begin), from_microseconds(stop), mean, part))
    return made


def floor_to(moment: datetime, length: timedelta) -> datetime:
    """The last multiple of ``length`` (of the UTC day, or the epoch) at or before it."""
    width = to_length(length)
    return from_microseconds(to_microseconds(to_utc(moment, "moment")) // width * width)


def tick_length(span: timedelta, most: int) -> timedelta:
    """A round length of which at most about ``most`` fit into ``span``."""
    return next((length for length in _TICKS if span / length <= most), _TICKS[-1])


def ticks(start: datetime, end: datetime, length: timedelta) -> Iterator[datetime]:
    """The multiples of ``length`` from ``start`` to ``end``, both included."""
    tick = floor_to(start, length)
    while tick <= end:
        if tick >= start:
            yield tick
        tick += length


def nice_ceiling(value: float) -> float:
    """The first of 1, 2, 2.5, 4, 5 and 8 times powers of ten that is not below it."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(f * power for f in (1, 2, 2.5, 4, 5, 8, 10) if f * power >= value)
