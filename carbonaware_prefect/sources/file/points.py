"""The points of a file and the intervals that they make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from carbonaware_prefect.sources.file.faults import refusal

__all__ = ["Point", "intervals"]


@dataclass(frozen=True, slots=True)
class Point:
    """One line or list element, and where it stands (for messages).

    Attributes:
        where: file and line.
        start, end: UTC; without an end it holds until the next point starts.
        grams_per_kwh: None where the intensity is not known: a gap from ``start`` on.
        issued_at: when it was published (UTC), where a column says so.
    """

    where: str
    start: datetime
    end: datetime | None
    grams_per_kwh: float | None
    issued_at: datetime | None = None


def intervals(
    points: Sequence[Point], end: datetime | None, name: str
) -> Iterator[tuple[datetime, datetime, float]]:
    """The known points with their ends filled in, checked so that messages name the line.

    Args:
        points: all of them, in the file's order.
        end: where the last one ends, if the file says so.
        name: the file's, for messages.

    Raises:
        ForecastFileError: (a ValueError) no points, or some that overlap or go back.
    """
    if all(point.grams_per_kwh is None for point in points):
        raise refusal(
            name, "has no points with an intensity; a forecast needs at least one"
        )
    for one, other in pairwise(points):
        if other.start <= one.start:
            fault = "duplicated" if other.start == one.start else "out of order"
            raise refusal(other.where, f"is {fault}; starts must strictly increase")
    for i, point in enumerate(points):
        if point.grams_per_kwh is None:
            continue
        until = point.end or _until(points, i, end)
        if until <= point.start:
            raise refusal(point.where, "ends no later than it starts")
        if i + 1 < len(points) and until > points[i + 1].start:
            raise refusal(point.where, "ends after the next one starts")
        yield point.start, until, point.grams_per_kwh


def _until(points: Sequence[Point], i: int, end: datetime | None) -> datetime:
    """Where a point ends that does not say so itself."""
    if i + 1 < len(points):
        return points[i + 1].start
    if end is not None:
        return end
    if i == 0:
        raise refusal(
            points[0].where, "is the only one and has no end; say when it ends ('end')"
        )
    previous = points[i - 1]
    try:
        return points[i].start + ((previous.end or points[i].start) - previous.start)
    except OverflowError:
        raise refusal(
            points[i].where, "lies at the end of the calendar; give its 'end'"
        ) from None
