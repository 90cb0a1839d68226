"""Every start of a run of one length in one forecast, ready for many questions.

`find_slot` walks through the window for each question. Where hundreds of runs share a
forecast and a duration, the same stretch would be walked again and again. `Starts` keeps
the integral at each start where its slope changes (O(n), once) with a table of range
minima over them, and then answers in O(log n). It builds the table only when the
questions have walked as far as the forecast is long, so that a single one costs no more
than `find_slot`. All sums are exact integers; the answers are `find_slot`'s.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from carbonaware_prefect.core.forecast import Forecast, Stretch
from carbonaware_prefect.core.intervals import (
    from_microseconds,
    to_length,
    to_microseconds,
    to_utc,
)
from carbonaware_prefect.core.slots import Slot, lowest

__all__ = ["StartRange", "Starts"]

StartRange = tuple[int, int]
"""Allowed starts from the first to the last, both included (microseconds since 1970)."""

_BLOCK = 32


class Starts:
    """The starts of runs of one duration in one forecast.

    Methods that take and give datetimes are for callers; the others speak microseconds
    since 1970 and totals: the exact integral over the slot, in grams per kWh times
    ``forecast.scale`` times microseconds.

    Build them with `of`, or over any other function of time that is given as runs.

    Attributes:
        length: the duration in microseconds.
        scale: what a mean of one gram per kWh is as a total.
    """

    __slots__ = ("_span", "_stretches", "_tables", "_walked", "length", "scale")

    def __init__(self, stretches: Iterable[Stretch], length: int, scale: int = 1) -> None:
        self.length: int = length
        self.scale: int = length * scale
        self._stretches = tuple(r for r in stretches if r.edges[-1] - r.edges[0] >= length)
        self._span = sum(
            stretch.edges[-1] - stretch.edges[0] for stretch in self._stretches
        )
        self._walked = 0
        self._tables: tuple[_Table, ...] | None = None

    @classmethod
    def of(cls, forecast: Forecast, duration: timedelta) -> Starts:
        """All starts of a duration in a forecast."""
        return cls(forecast.stretches, to_length(duration), forecast.scale)

    def cleanest(self, ranges: Iterable[tuple[datetime, datetime]]) -> Slot | None:
        """The cleanest slot that starts in any of the ranges; ties go to the earliest.

        Args:
            ranges: first and last allowed start (aware, both included) of each range,
                in order of time and disjoint.

        Returns:
            What `find_slot` would return on one range, the best of them on several;
            None when the forecast covers no whole slot there.
        """
        found = self.lowest(
            [
                (
                    to_microseconds(to_utc(low, "first start")),
                    to_microseconds(to_utc(high, "last start")),
                )
                for low, high in ranges
            ]
        )
        return None if found is None else self.slot(found[1], found[0])

    def mean(self, start: datetime) -> float | None:
        """Mean gCO2eq/kWh of the slot from ``start``; None where it is not covered."""
        total = self.total(to_microseconds(to_utc(start, "start")))
        return None if total is None else total / self.scale

    def slot(self, start: int, total: int) -> Slot:
        """The slot at ``start``, whose total is known."""
        begin = from_microseconds(start)
        end = begin + timedelta(microseconds=self.length)
        return Slot(begin, end, total / self.scale)

    def total(self, start: int) -> int | None:
        """Exact integral of the slot from ``start``; None where it is not covered."""
        if self._tables is None:
            for stretch in self._stretches:
                if stretch.edges[0] <= start and start + self.length <= stretch.edges[-1]:
                    return stretch.integral(start, start + self.length)
            return None
        for table in self._tables:
            if table.first <= start <= table.last:
                return table.total(start)
        return None

    def lowest(self, ranges: Sequence[StartRange]) -> tuple[int, int] | None:
        """The lowest total in the ranges and the earliest start with it, or None."""
        if self._tables is None:
            self._walked += sum([high - low for low, high in ranges])
            if self._walked <= self._span:
                return lowest(self._stretches, ranges, self.length)
        best: tuple[int, int] | None = None
        for table, low, high in self._clipped(ranges):
            found = table.lowest(low, high)
            if best is None or found[0] < best[0]:
                best = found
        return best

    def below(self, ranges: Sequence[StartRange], ceiling: int) -> list[StartRange]:
        """The parts of the ranges whose starts have a total of at most ``ceiling``."""
        parts: list[StartRange] = []
        for table, low, high in self._clipped(ranges):
            for first, last in table.below(low, high, ceiling):
                if parts and parts[-1][1] >= first:
                    parts[-1] = (parts[-1][0], last)
                else:
                    parts.append((first, last))
        return parts

    def most(self) -> int:
        """What no total exceeds: the dirtiest moment for the whole duration."""
        return self.length * max(
            (max(stretch.values) for stretch in self._stretches), default=0
        )

    def covered(self, ranges: Sequence[StartRange]) -> list[StartRange]:
        """The parts of the ranges whose starts have a total at all."""
        return [(low, high) for _, low, high in self._clipped(ranges)]

    def _clipped(self, ranges: Sequence[StartRange]) -> Iterator[tuple[_Table, int, int]]:
        """Each range with each stretch of the forecast that it meets."""
        if self._tables is None:
            self._tables = tuple(
                _Table(stretch, self.length) for stretch in self._stretches
            )
        for low, high in ranges:
            for table in self._tables:
                first, last = max(low, table.first), min(high, table.last)
                if first <= last:
                    yield table, first, last


class _Table:
    """One stretch without a gap: the total at each start where its slope changes."""

    __slots__ = ("_lows", "first", "last", "moments", "totals")

    def __init__(self, stretch: Stretch, length: int) -> None:
        edges = stretch.edges
        self.first, self.last = edges[0], edges[-1] - length
        tails = edges[: bisect_right(edges, self.last)]
        heads = edges[bisect_left(edges, self.first + length) :]
        # Two sorted halves, which sorting merges in linear time.
        moments = list(dict.fromkeys(sorted([*tails, *[e - length for e in heads]])))
        self.moments = _packed(moments)
        self.totals = _packed(_totals(stretch, moments, length))
        self._lows = _Lows(self.totals)

    def total(self, start: int) -> int:
        """The total at any start between the first and the last."""
        moments, totals = self.moments, self.totals
        i = bisect_right(moments, start) - 1
        rest = start - moments[i]
        if not rest:
            return totals[i]
        # Exact: the slope between two neighbours is a difference of two integers.
        return totals[i] + (totals[i + 1] - totals[i]) * rest // (
            moments[i + 1] - moments[i]
        )

    def lowest(self, low: int, high: int) -> tuple[int, int]:
        """The lowest total between two starts, and the earliest start with it."""
        best = self.total(low), low
        a, b = bisect_left(self.moments, low), bisect_right(self.moments, high)
        if a < b:
            i = self._lows.least(a, b)
            if self.totals[i] < best[0]:
                best = self.totals[i], self.moments[i]
        at_high = self.total(high)
        return (at_high, high) if at_high < best[0] else best

    def below(self, low: int, high: int, ceiling: int) -> Iterator[StartRange]:
        """The parts between two starts where the total is at most the ceiling."""
        a, b = bisect_right(self.moments, low), bisect_left(self.moments, high)
        moments = [low, *self.moments[a:b], high]
        totals = [self.total(low), *self.totals[a:b], self.total(high)]
        for (start, before), (end, after) in pairwise(zip(moments, totals, strict=True)):
            if before <= ceiling and after <= ceiling:
                yield start, end
            elif before <= ceiling:
                yield start, start + (ceiling - before) * (end - start) // (after - before)
            elif after <= ceiling:
                yield end - (ceiling - after) * (end - start) // (before - after), end


def _packed(values: list[int]) -> Sequence[int]:
    """The same in a quarter of the memory, where 64 bits hold each."""
    try:
        return array("q", values)
    except OverflowError:
        return values


def _totals(stretch: Stretch, moments: list[int], length: int) -> list[int]:
    """The total at each of the moments, which hold every change of slope."""
    edges, values = stretch.edges, stretch.values
    start, end_of_stretch = moments[0], len(values) - 1
    total = stretch.integral(start, start + length)
    tail, head = stretch.segment(start), stretch.segment(start + length)
    totals = [total]
    for end in moments[1:]:
        total += (values[head] - values[tail]) * (end - start)
        totals.append(total)
        start = end
        if edges[tail + 1] == end:
            tail += 1
        # The very last edge has no segment after it, and none is needed.
        if head < end_of_stretch and edges[head + 1] == end + length:
            head += 1
    return totals


class _Lows:
    """Where the least of any stretch of a list lies: O(1), after O(n)."""

    __slots__ = ("_levels", "_values")

    def __init__(self, values: Sequence[int]) -> None:
        self._values = values
        level = [
            self._scan(i, min(i + _BLOCK, len(values)))
            for i in range(0, len(values), _BLOCK)
        ]
        # Level k holds the least of 2 ** k blocks from each block on.
        self._levels = [level]
        width = 1
        while 2 * width <= len(self._levels[0]):
            level = [
                a if values[a] <= values[b] else b
                for a, b in zip(level, level[width:], strict=False)
            ]
            self._levels.append(level)
            width *= 2

    def _scan(self, low: int, high: int) -> int:
        values = self._values
        return values.index(min(values[low:high]), low, high)

    def least(self, low: int, high: int) -> int:
        """Index of the least of ``values[low:high]`` (not empty), the first of equals."""
        a, b = -(-low // _BLOCK), high // _BLOCK
        if a >= b:
            return self._scan(low, high)
        k = (b - a).bit_length() - 1
        level = self._levels[k]
        found = [level[a], level[b - (1 << k)]]
        if low < a * _BLOCK:
            found.insert(0, self._scan(low, a * _BLOCK))
        if b * _BLOCK < high:
            found.append(self._scan(b * _BLOCK, high))
        return min(found, key=self._values.__getitem__)
