"""Local hours of the day: a time to finish by, and hours that are kept free.

A time of day means nothing without a time zone, and is not one moment on the days when
clocks change: an hour that comes twice is taken at its first coming for an end, and is
kept free both times; an hour that is skipped ends when the clocks jump.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache

from carbonaware_prefect.core.intervals import Interval, to_utc
from carbonaware_prefect.errors import InvalidInputError

__all__ = ["Hours", "OfficeHours", "allowed_starts", "closed_intervals", "moment_of"]

_DAY = timedelta(days=1)
_WEEK = frozenset(range(7))
Starts = tuple[tuple[datetime, datetime], ...]
"""Closed pieces of allowed starts, in order, in UTC."""


@dataclass(frozen=True, slots=True)
class Hours:
    """From ``start`` until ``end`` every day, by the local clock; may cross midnight.

    Raises:
        InvalidInputError: (a ValueError) no naive times, or both the same: that would be
            no time at all or the whole day.
    """

    start: time
    end: time

    def __post_init__(self) -> None:
        ends: tuple[object, ...] = (self.start, self.end)
        for moment in ends:
            if not isinstance(moment, time) or moment.tzinfo is not None:
                msg = f"hours are times of day without a time zone, got {moment!r}"
                raise InvalidInputError(msg)
        if self.start == self.end:
            msg = f"hours must not begin and end at the same time, got {self}"
            raise InvalidInputError(msg)

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """Some hours of some days of every week, by the local clock; no public holidays.

    Attributes:
        days: of the week, 0 is Monday.
        opens: when they begin.
        closes: when they end, later on the same day; None for a moment only.

    Raises:
        InvalidInputError: (a ValueError) no days, or an end that is not later.
    """

    days: frozenset[int]
    opens: time
    closes: time | None = None

    def __post_init__(self) -> None:
        if not self.days or not self.days <= _WEEK:
            msg = f"office hours need days from 0 (Monday) to 6, got {set(self.days)!r}"
            raise InvalidInputError(msg)
        if self.closes is not None and self.closes <= self.opens:
            msg = (
                f"office hours must end later on the same day, got {self.opens:%H:%M} to "
                f"{self.closes:%H:%M}"
            )
            raise InvalidInputError(msg)

    def next_open(self, moment: datetime, zone: tzinfo) -> datetime:
        """The first moment from ``moment`` on (itself, or later) that lies in them (UTC).

        Raises:
            InvalidInputError: (a ValueError) out of the calendar.
        """
        day = to_utc(moment, "moment").astimezone(zone).date()
        try:
            while True:
                if day.weekday() in self.days:
                    opens = _first(day, self.opens, zone)
                    closes = opens if self.closes is None else _last(day, self.closes, zone)
                    if moment <= closes:
                        return max(opens, to_utc(moment, "moment"))
                day += _DAY
        except OverflowError:
            msg = f"office hours after {moment.isoformat()} are out of the calendar"
            raise InvalidInputError(msg) from None


def moment_of(limit: time | timedelta, due: datetime, zone: tzinfo) -> datetime:
    """The moment that a limit stands for: the next such time of day, or a while after.

    Args:
        limit: a time of day (its next coming after ``due``) or a time from ``due``.
        due: when the run is meant to start, in UTC.
        zone: that the time of day is told in.

    Raises:
        InvalidInputError: (a ValueError) out of the calendar.
    """
    try:
        if isinstance(limit, timedelta):
            return due + limit
        day = due.astimezone(zone).date()
        # Three days: the local day may begin before, and the hour may have passed.
        days = (day + offset * _DAY for offset in range(3))
        return min(at for at in (_first(each, limit, zone) for each in days) if at > due)
    except OverflowError:
        msg = f"{limit} after {due.isoformat()} is out of the calendar"
        raise InvalidInputError(msg) from None


def closed_intervals(
    hours: Sequence[Hours], span: Interval, zone: tzinfo
) -> list[Interval]:
    """The parts of ``span`` and around it that ``hours`` keep free, in order of start."""
    closed = []
    day = (span.start - 2 * _DAY).astimezone(zone).date()
    last = (span.end + _DAY).astimezone(zone).date()
    while day <= last:
        for kept in hours:
            until = day if kept.start < kept.end else day + _DAY
            start, end = _first(day, kept.start, zone), _last(until, kept.end, zone)
            # Where the clocks jump over all of them there is nothing to keep free.
            if start < end:
                closed.append(Interval(start, end))
        day += _DAY
    return sorted(closed, key=lambda interval: interval.start)


def allowed_starts(
    earliest: datetime, latest: datetime, duration: timedelta, closed: Sequence[Interval]
) -> Starts:
    """The starts in ``[earliest, latest]`` whose whole run avoids the closed intervals.

    Args:
        earliest: first start, in UTC.
        latest: last start, in UTC; before ``earliest`` nothing is allowed.
        duration: of the run.
        closed: in order of start.
    """
    pieces = []
    low = earliest
    for interval in closed:
        before = interval.start - duration
        if low <= min(before, latest):
            pieces.append((low, min(before, latest)))
        low = max(low, interval.end)
    if low <= latest:
        pieces.append((low, latest))
    return tuple(pieces)


def _first(day: date, clock: time, zone: tzinfo) -> datetime:
    return min(_comings(day, clock, zone))


def _last(day: date, clock: time, zone: tzinfo) -> datetime:
    return max(_comings(day, clock, zone))


def _comings(day: date, clock: time, zone: tzinfo) -> Sequence[datetime]:
    """When the local clock shows ``clock`` on ``day``: twice the same on most days."""
    try:
        return _told_before(day, clock, zone)
    except TypeError:
        # dateutil's time zones have no hash.
        return _told(day, clock, zone)


def _told(day: date, clock: time, zone: tzinfo) -> Sequence[datetime]:
    local = datetime.combine(day, clock, zone)
    comings = [local.replace(fold=fold).astimezone(timezone.utc) for fold in (0, 1)]
    shown = [at for at in comings if at.astimezone(zone).time() == clock]
    # Skipped by the clocks: the two answers lie before and after the jump. The moment of
    # the jump itself is what a clock on the wall passes at that time.
    return shown or [_jump(min(comings), max(comings), zone)]


# Runs of a schedule ask for the same days again and again.
_told_before = lru_cache(maxsize=4096)(_told)


def _jump(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The moment between the two at which the offset of ``zone`` changes."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
