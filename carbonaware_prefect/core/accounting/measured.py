"""Intensities that came true: exact integrals over any time that they cover."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from carbonaware_prefect.core.forecast import Forecast, Stretch

__all__ = ["Measured", "Piece"]

Piece = tuple[int, int]
"""From its start to its end, in microseconds since 1970."""


class Measured:
    """A history, or a forecast, prepared for many questions.

    Moments are microseconds since 1970; an integral is grams per kWh times ``scale`` times
    microseconds.

    Attributes:
        scale: what one gram per kWh is as a value.
    """

    __slots__ = ("_first", "_stretches", "scale")

    def __init__(self, forecast: Forecast) -> None:
        self.scale: int = forecast.scale
        self._stretches = [_Summed(stretch) for stretch in forecast.stretches]
        self._first = [stretch.edges[0] for stretch in forecast.stretches]

    def covers(self, low: int, high: int) -> bool:
        """Whether all from ``low`` to ``high`` is known."""
        i = bisect_right(self._first, low) - 1
        return i >= 0 and high <= self._stretches[i].edges[-1]

    def integral(self, piece: Piece) -> int:
        """Over a piece that is known."""
        low, high = piece
        stretch = self._stretches[bisect_right(self._first, low) - 1]
        return stretch.until(high) - stretch.until(low)

    def mean(self, pieces: Sequence[Piece]) -> float:
        """Over pieces that are all known, each by its length, in gCO2eq/kWh."""
        total = sum([self.integral(piece) for piece in pieces])
        return total / (sum([high - low for low, high in pieces]) * self.scale)

    def between(self, low: int, high: int) -> Iterator[tuple[int, int, int]]:
        """What is known between two moments: value, start and end, in order of time."""
        for stretch in self._stretches[max(0, bisect_right(self._first, low) - 1) :]:
            edges, values = stretch.edges, stretch.values
            if edges[0] >= high:
                return
            i = max(0, bisect_right(edges, low) - 1)
            j = min(bisect_left(edges, high), len(values))
            if i < j:
                starts = [max(low, edges[i]), *edges[i + 1 : j]]
                yield from zip(
                    values[i:j], starts, [*starts[1:], min(high, edges[j])], strict=True
                )


class _Summed:
    __slots__ = ("_sums", "edges", "values")

    def __init__(self, stretch: Stretch) -> None:
        self.edges, self.values = stretch.edges, stretch.values
        widths = (end - start for start, end in pairwise(self.edges))
        areas = (value * width for value, width in zip(self.values, widths, strict=True))
        self._sums = list(accumulate(areas, initial=0))

    def until(self, moment: int) -> int:
        """The integral from the first edge on."""
        i = min(bisect_right(self.edges, moment), len(self.values)) - 1
        return self._sums[i] + self.values[i] * (moment - self.edges[i])
