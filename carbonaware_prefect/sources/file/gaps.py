"""Gaps that a file does not show: rows that are missing in a history.

A forecast file's value holds until the next one starts. A history says what was, so a
value in it holds for as long as the values of its file usually do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from carbonaware_prefect.core import Forecast
from carbonaware_prefect.sources.file.points import Point

__all__ = ["unbridged", "usual_step"]


def usual_step(forecast: Forecast, points: Sequence[Point]) -> timedelta:
    """How long a value usually holds."""
    lengths = [piece.end - piece.start for piece, _ in forecast]
    if any(point.end is None for point in points):
        # Rows without a value count too, and the last one's end is a guess.
        starts = [point.start for point in points]
        lengths = [later - sooner for sooner, later in pairwise(starts)] or lengths
    return Counter(lengths).most_common(1)[0][0]


def unbridged(
    forecast: Forecast, step: timedelta
) -> Iterator[tuple[datetime, datetime, float]]:
    """The pieces, none longer than ``step``."""
    for piece, grams in forecast:
        yield piece.start, min(piece.end, piece.start + step), grams
