"""The due times of a cron schedule over years, as Prefect's server would have them.

Plain cron: five fields of ``*``, numbers, names, lists, ranges and steps, or ``@hourly``
and its like. Times are told by the local clock: an hour that comes twice counts at its
first coming, and a time that the clocks skip is due as much later as they jump.
Where neither the day of the month nor that of the week is ``*``, either is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from itertools import product

from carbonaware_prefect.core.intervals import Interval
from carbonaware_prefect.errors import InvalidInputError

__all__ = ["Cron"]

_DAY = timedelta(days=1)
_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun",
           "jul", "aug", "sep", "oct", "nov", "dec")  # fmt: skip
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(?P<low>\*|\w+)(?:-(?P<high>\w+))?(?:/(?P<step>\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Field:
    """What one of the five fields may hold."""

    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()

    def read(self, text: str) -> frozenset[int]:
        """The numbers that it stands for."""
        return frozenset(n for part in text.lower().split(",") for n in self._part(part))

    def _part(self, part: str) -> Iterator[int]:
        found = _PART.fullmatch(part)
        if found is None:
            raise self._refusal(part)
        low, high, step = found["low"], found["high"], int(found["step"] or 1)
        if low == "*":
            start, end = self.first, self.last
        else:
            start = self._number(low, part)
            # "5/15" means from 5 on.
            end = self.last if found["step"] else start
            end = end if high is None else self._number(high, part)
        if start > end or step < 1 or (low == "*" and high):
            raise self._refusal(part)
        yield from range(start, end + 1, step)

    def _number(self, text: str, part: str) -> int:
        if text in self.names:
            return self.names.index(text) + self.first
        if not text.isdecimal() or not self.first <= int(text) <= self.last:
            raise self._refusal(part)
        return int(text)

    def _refusal(self, part: str) -> InvalidInputError:
        return InvalidInputError(
            f"cron: {part[:40]!r} is no {self.name}; write *, numbers from {self.first} to "
            f"{self.last}, lists, ranges or steps, e.g. '0 1 * * mon-fri' for 01:00 on "
            "workdays"
        )


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 7, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A schedule.

    Attributes:
        times: of the days on which it is due.
        days: of the month, from 1.
        months: from 1.
        weekdays: 0 is Monday.
        either: whether a day of the month or of the week is enough.
    """

    times: tuple[time, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    @classmethod
    def parse(cls, text: str) -> Cron:
        """The schedule that a cron expression says.

        Raises:
            InvalidInputError: (a ValueError) it is none; says which field and why.

        Example:
            >>> from datetime import datetime, timezone
            >>> midnight = datetime(2026, 1, 1, tzinfo=timezone.utc)
            >>> day = Interval(midnight, midnight.replace(day=2))
            >>> [due.hour for due in Cron.parse("0 */8 * * *").between(day, timezone.utc)]
            [0, 8, 16]
        """
        words = _ALIASES.get(text.strip().lower(), text).split()
        if len(words) != len(_FIELDS):
            msg = (
                f"cron: {text[:80]!r} has {len(words)} fields; it needs {len(_FIELDS)}: "
                "minute, hour, day of the month, month, day of the week"
            )
            raise InvalidInputError(msg)
        minutes, hours, days, months, weekdays = (
            field.read(word) for field, word in zip(_FIELDS, words, strict=True)
        )
        return cls(
            times=tuple(time(h, m) for h, m in product(sorted(hours), sorted(minutes))),
            days=days,
            months=months,
            weekdays=frozenset((number - 1) % 7 for number in weekdays),
            either="*" not in {words[2], words[4]},
        )

    def between(self, span: Interval, zone: tzinfo) -> list[datetime]:
        """When it is due in ``span``, its end not included (UTC), in order of time.

        Args:
            span: at least a day from both ends of the calendar.
            zone: whose clock tells the times.
        """
        # Around a change of the clocks two times of day may be one moment.
        found: set[datetime] = set()
        day = span.start.astimezone(zone).date() - _DAY
        last = span.end.astimezone(zone).date()
        while day <= last:
            if self._is_due_on(day):
                found.update(_moment(day, each, zone) for each in self.times)
            day += _DAY
        return sorted(due for due in found if span.start <= due < span.end)

    def _is_due_on(self, day: date) -> bool:
        of_month, of_week = day.day in self.days, day.weekday() in self.weekdays
        fits = (of_month or of_week) if self.either else (of_month and of_week)
        return fits and day.month in self.months


def _moment(day: date, at: time, zone: tzinfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(timezone.utc)
