"""The cleanest slot in a window: the exact optimum of the continuous problem.

The mean intensity over ``[s, s + duration)`` is piecewise linear in ``s``: its slope
changes only where ``s`` or ``s + duration`` crosses an edge of the forecast. So a lowest
value lies at such a crossing or at an end of the window, and one walk over the merged
crossings visits them all: O(n), in exact integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from carbonaware_prefect.core.forecast import Forecast, Stretch
from carbonaware_prefect.core.intervals import (
    from_microseconds,
    to_length,
    to_microseconds,
    to_utc,
)
from carbonaware_prefect.errors import InvalidInputError, NoSlotError

__all__ = ["Slot", "cleanest_slot", "find_slot", "no_slot", "rank_slots"]


@dataclass(frozen=True, slots=True)
class Slot:
    """``[start, end)`` in UTC and the mean intensity over it in gCO2eq/kWh."""

    start: datetime
    end: datetime
    mean_intensity: float

    @property
    def duration(self) -> timedelta:
        """How long it lasts."""
        return self.end - self.start


def find_slot(
    forecast: Forecast,
    *,
    earliest: datetime,
    latest_start: datetime,
    duration: timedelta,
) -> Slot:
    """The slot with the lowest time-weighted mean intensity; ties go to the earliest.

    Only starts whose whole ``[start, start + duration)`` the forecast covers are
    candidates.

    Args:
        forecast: intensity over time; may have gaps.
        earliest: first allowed start (aware).
        latest_start: last allowed start (aware, not before ``earliest``).
        duration: positive length of the slot.

    Returns:
        The slot, in UTC, at full datetime resolution.

    Raises:
        NoSlotError: (a LookupError) the forecast covers no whole slot in the window.
        InvalidInputError: (a ValueError) naive datetimes, a duration that is not
            positive, ``latest_start`` before ``earliest``.

    Example:
        >>> from datetime import datetime, timedelta, timezone
        >>> midnight = datetime(2026, 1, 1, tzinfo=timezone.utc)
        >>> hour = timedelta(hours=1)
        >>> forecast = Forecast.from_points(
        ...     [(midnight, 300), (midnight + hour, 100), (midnight + 2 * hour, 200)],
        ...     end=midnight + 3 * hour,
        ... )
        >>> slot = find_slot(
        ...     forecast, earliest=midnight, latest_start=midnight + hour, duration=2 * hour
        ... )
        >>> slot.start.hour, slot.mean_intensity
        (1, 150.0)
    """
    first, last, length = _window(earliest, latest_start, duration)
    best = lowest(forecast.stretches, [(first, last)], length)
    if best is None:
        raise no_slot(forecast, earliest, latest_start, duration)
    return _slot(forecast, best[1], length)


def no_slot(
    forecast: Forecast, earliest: datetime, latest_start: datetime, duration: timedelta
) -> NoSlotError:
    """The error that says what was asked of the forecast and what it covers."""
    return NoSlotError(
        f"no forecast for a whole slot of {duration} starting between "
        f"{earliest.isoformat()} and {latest_start.isoformat()}: the forecast covers "
        f"{forecast.start.isoformat()} to {forecast.end.isoformat()}"
        + (f" in {len(forecast.stretches)} pieces" if len(forecast.stretches) > 1 else "")
        + ". Take a shorter duration or window, or a source that looks further ahead"
    )


def cleanest_slot(
    forecast: Forecast,
    starts: Sequence[tuple[datetime, datetime]],
    duration: timedelta,
) -> Slot | None:
    """`find_slot` over several closed pieces of allowed starts, in order of time.

    Returns:
        The slot; None when the forecast covers no whole slot that starts in them.
    """
    length = to_length(duration)
    pieces = [(to_microseconds(low), to_microseconds(high)) for low, high in starts]
    best = lowest(forecast.stretches, pieces, length)
    return None if best is None else _slot(forecast, best[1], length)


def rank_slots(
    forecast: Forecast,
    *,
    earliest: datetime,
    latest_start: datetime,
    duration: timedelta,
    count: int = 3,
) -> list[Slot]:
    """The ``count`` best slots that are really different, cleanest first.

    Any two starts lie at least ``duration`` apart, so that no two slots overlap. Where
    the window is too short for ``count`` of those, they lie at least
    ``(latest_start - earliest) / count`` apart. Each is the optimum of what the ones
    before it leave; the first is `find_slot`'s. Fewer come back when no more fit.

    Raises:
        NoSlotError, InvalidInputError: as `find_slot`; also for a ``count`` below 1.
    """
    if count < 1:
        msg = f"count must be at least 1, got {count!r}"
        raise InvalidInputError(msg)
    first, last, length = _window(earliest, latest_start, duration)
    first_slot = find_slot(
        forecast, earliest=earliest, latest_start=latest_start, duration=duration
    )
    apart = max(1, min(length, (last - first) // count))
    free = [(first, last)]
    slots: list[Slot] = []
    chosen: int | None = to_microseconds(first_slot.start)
    while chosen is not None and len(slots) < count:
        slots.append(_slot(forecast, chosen, length))
        free = [
            piece
            for low, high in free
            for piece in (
                (low, min(high, chosen - apart)),
                (max(low, chosen + apart), high),
            )
            if piece[0] <= piece[1]
        ]
        best = lowest(forecast.stretches, free, length)
        chosen = None if best is None else best[1]
    return slots


def _window(
    earliest: datetime, latest_start: datetime, duration: timedelta
) -> tuple[int, int, int]:
    first = to_microseconds(to_utc(earliest, "earliest"))
    last = to_microseconds(to_utc(latest_start, "latest_start"))
    length = to_length(duration)
    if last < first:
        msg = (
            f"latest_start {latest_start.isoformat()} lies before "
            f"earliest {earliest.isoformat()}"
        )
        raise InvalidInputError(msg)
    return first, last, length


def _slot(forecast: Forecast, start: int, length: int) -> Slot:
    begin, duration = from_microseconds(start), timedelta(microseconds=length)
    mean = forecast.mean(begin, duration)
    assert mean is not None  # noqa: S101  candidates are covered by construction
    return Slot(begin, begin + duration, mean)


def lowest(
    stretches: Iterable[Stretch], windows: Iterable[tuple[int, int]], length: int
) -> tuple[int, int] | None:
    """The lowest integral over ``length`` and the earliest start with it, or None.

    Args:
        stretches: stretches of a forecast, in order of time.
        windows: closed windows of starts in microseconds since 1970, in order of time.
        length: microseconds that the integral is taken over.
    """
    best: tuple[int, int] | None = None
    for low, high in windows:
        for stretch in stretches:
            first = max(low, stretch.edges[0])
            last = min(high, stretch.edges[-1] - length)
            if first <= last:
                found = _walk(stretch, first, last, length)
                if best is None or found[0] < best[0]:
                    best = found
    return best


def _walk(stretch: Stretch, first: int, last: int, length: int) -> tuple[int, int]:
    """The lowest integral over ``length`` in one run, and the earliest start with it.

    Both ends of the slot move right together, from crossing to crossing; ``tail`` and
    ``head`` are the segments that the slot's start and end lie in.
    """
    edges, values = stretch.edges, stretch.values
    total = stretch.integral(first, first + length)
    best_total, best_start = total, first
    tail, head = stretch.segment(first), stretch.segment(first + length)
    tail_edge, head_edge = edges[tail + 1], edges[head + 1] - length
    tail_value, head_value = values[tail], values[head]
    start = first
    while start < last:
        # Comparisons, because a call of min() would take as long as all the rest.
        step = tail_edge if tail_edge < head_edge else head_edge  # noqa: FURB136
        if step > last:  # noqa: PLR1730
            step = last
        total += (head_value - tail_value) * (step - start)
        start = step
        if total < best_total:
            best_total, best_start = total, start
        # At ``last`` there may be no further edge, and none is needed.
        if step == tail_edge and step < last:
            tail += 1
            tail_edge, tail_value = edges[tail + 1], values[tail]
        if step == head_edge and step < last:
            head += 1
            head_edge, head_value = edges[head + 1] - length, values[head]
    return best_total, best_start
