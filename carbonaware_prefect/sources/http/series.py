"""From the values of a reply to a `Forecast`, by the rules that all sources share.

* A value that is null or NaN is a gap. So is one that is missing.
* The order of a reply means nothing. The same interval twice with the same value counts
  once; with two values it is malformed, and so are intervals that overlap: which of two
  series would be the right one?
* What lies outside the interval asked for is cut off; with nothing left there is no
  forecast.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.errors import NoForecastError
from carbonaware_prefect.sources.base import SourceInfo
from carbonaware_prefect.sources.http.reading import Reader

__all__ = ["Piece", "end_after", "forecast_of", "step_between"]

Piece = tuple[datetime, datetime, object]
"""Start, end, and the value as the reply has it."""

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_STEPS = frozenset(timedelta(minutes=minutes) for minutes in (5, 10, 15, 30, 60))


def step_between(
    starts: Iterable[datetime], *, reader: Reader, alone: timedelta
) -> timedelta:
    """How long each value holds in a reply that names starts only.

    The shortest distance between two starts, but never more than an hour, so that a
    hole in an hourly series is not bridged. Each distance must be a whole number of
    steps. In a reply of two resolutions the finer one counts, and the coarser part gets
    gaps: a value is never stretched on a guess.

    Args:
        starts: all starts of the reply, with or without a value, in any order.
        reader: names the source in errors.
        alone: the step for a reply of one start.
    """
    ordered = sorted(set(starts))
    distances = {later - sooner for sooner, later in pairwise(ordered)}
    if not distances:
        return alone
    step = min(*distances, _HOUR)
    if step not in _STEPS or any(distance % step for distance in distances):
        reader.reject("the times in it follow no regular step")
    return step


def end_after(start: datetime, step: timedelta, *, reader: Reader) -> datetime:
    """Where an interval of length ``step`` ends."""
    end: datetime | None
    try:
        end = start + step
    except OverflowError:
        end = None
    if end is None:
        reader.reject("a time lies beyond the calendar")
    return end


def forecast_of(
    pieces: Iterable[Piece],
    *,
    info: SourceInfo,
    zone: str,
    asked: Interval,
    factor: float = 1.0,
    issued_at: datetime | None = None,
) -> Forecast:
    """The forecast that the pieces of a reply make, cut to the interval asked for.

    Args:
        pieces: in any order; values as the reply has them.
        info: whose reply it is.
        zone: the zone that was asked for.
        asked: the interval that was asked for.
        factor: converts the reply's unit to gCO2eq/kWh.
        issued_at: when the source published it.

    Raises:
        NoForecastError: nothing is known inside the interval.
        SourceMalformedError: values or times that make no sense.
    """
    reader = Reader(info.title)
    known: dict[datetime, tuple[datetime, float]] = {}
    for start, end, raw in pieces:
        if not start < end <= end_after(start, _DAY, reader=reader):
            reader.reject("an interval that does not end within a day of its start")
        value = reader.intensity(raw, "a value", signal=info.signal, factor=factor)
        if value is None:
            continue
        if known.setdefault(start, (end, value)) != (end, value):
            reader.reject("two different values for one time")
    ordered = [(start, *known[start]) for start in sorted(known)]
    for (_, end, _), (start, _, _) in pairwise(ordered):
        if start < end:
            reader.reject("intervals that overlap")
    cut = [
        (max(start, asked.start), min(end, asked.end), value)
        for start, end, value in ordered
        if start < asked.end and asked.start < end
    ]
    if not cut:
        msg = (
            f"{info.title} has no forecast for zone {zone} between "
            f"{asked.start.isoformat()} and {asked.end.isoformat()}"
            + (
                f": what it knows covers {ordered[0][0].isoformat()} to "
                f"{ordered[-1][1].isoformat()}"
                if ordered
                else ": its answer holds no values"
            )
        )
        raise NoForecastError(msg)
    return Forecast.from_intervals(
        cut, zone=zone, source=info.name, signal=info.signal, issued_at=issued_at
    )
