"""The mean over a duration as a function of the start, prepared once for many windows.

That function is linear between the crossings of a slot's two ends with the edges of the
forecast (see `core.slots`), so its lowest value in a window lies at one of them or at an
end of the window. Here the values at all crossings are worked out once; then a window
costs two searches and the minimum of a slice, in exact integers.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import timedelta
from itertools import accumulate, pairwise

from carbonaware_prefect.core.forecast import Forecast, Stretch
from carbonaware_prefect.core.intervals import to_length

__all__ = ["SlotMeans"]


class SlotMeans:
    """Integrals of a forecast over slots of one duration, by the slot's start.

    Starts are microseconds since 1970 (UTC). ``integral / unit`` is the mean in
    gCO2eq/kWh.
    """

    def __init__(self, forecast: Forecast, duration: timedelta) -> None:
        length = to_length(duration)
        self.unit: int = length * forecast.scale
        self._stretches = [
            _Starts(stretch, length)
            for stretch in forecast.stretches
            if stretch.edges[-1] - stretch.edges[0] >= length
        ]

    def integral(self, start: int) -> int | None:
        """Of the slot that starts then; None where the forecast does not cover it."""
        for stretch in self._between(start, start):
            return stretch.integral(start)
        return None

    def lowest(self, first: int, last: int) -> tuple[int, int] | None:
        """The lowest integral of a start in ``[first, last]`` and the earliest such start.

        None where the forecast covers no whole slot that starts there.
        """
        best: tuple[int, int] | None = None
        for stretch in self._between(first, last):
            found = stretch.lowest(max(first, stretch.first), min(last, stretch.last))
            if best is None or found[0] < best[0]:
                best = found
        return best

    def covers(self, first: int, last: int) -> bool:
        """Whether every start in ``[first, last]`` has its whole slot covered."""
        return any(s.first <= first and last <= s.last for s in self._stretches)

    def _between(self, first: int, last: int) -> list[_Starts]:
        """The stretches with starts in a window, in order of time."""
        stretches = self._stretches
        begin = bisect_left(stretches, first, key=lambda stretch: stretch.last)
        end = bisect_right(stretches, last, key=lambda stretch: stretch.first)
        return stretches[begin:end]


class _Starts:
    """The starts in one stretch of the forecast, at least one slot long."""

    def __init__(self, stretch: Stretch, length: int) -> None:
        edges, values = stretch.edges, stretch.values
        self.first, self.last = edges[0], edges[-1] - length
        self._edges, self._values, self._length = edges, values, length
        widths = (end - start for start, end in pairwise(edges))
        areas = (value * width for value, width in zip(values, widths, strict=True))
        self._sums = list(accumulate(areas, initial=0))
        ends = (edge - length for edge in edges)
        within = {at for at in (*edges, *ends) if self.first <= at <= self.last}
        self._starts = sorted(within)
        self._integrals = [self.integral(start) for start in self._starts]

    def integral(self, start: int) -> int:
        """Of a slot that lies wholly inside."""
        return self._until(start + self._length) - self._until(start)

    def _until(self, moment: int) -> int:
        """The integral from the first edge on."""
        i = min(bisect_right(self._edges, moment), len(self._values)) - 1
        return self._sums[i] + self._values[i] * (moment - self._edges[i])

    def lowest(self, first: int, last: int) -> tuple[int, int]:
        """The lowest integral, and the earliest start with it."""
        best, start = self.integral(first), first
        begin, end = bisect_left(self._starts, first), bisect_right(self._starts, last)
        if begin < end:
            inner = self._integrals[begin:end]
            lowest = min(inner)
            if lowest < best:
                best, start = lowest, self._starts[begin + inner.index(lowest)]
        at_last = self.integral(last)
        return (at_last, last) if at_last < best else (best, start)
