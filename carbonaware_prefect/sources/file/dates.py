"""Times as people and programs write them, and what they mean.

* ISO 8601 and other dates that begin with the year; ``27.11.2026 12:00`` (dots: the day
  comes first); ``27/11/2026`` and ``11/27/2026`` where the file settles which it is, by a
  number above twelve or because its times are in order under one reading alone.
* With an offset or a time zone that everybody means the same by; else by the clock of the
  zone that is handed in. An hour that the clocks repeat is told apart by the order of the
  rows, and refused where that does not tell either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from itertools import pairwise

from carbonaware_prefect.core.intervals import to_utc
from carbonaware_prefect.errors import InvalidInputError
from carbonaware_prefect.sources.file.faults import refusal
from carbonaware_prefect.sources.file.numbers import Cell
from carbonaware_prefect.sources.file.spelling import plain_time

__all__ = ["ORDERS", "Times", "read_times"]

_PATTERN = re.compile(
    r"(?:(?P<year>\d{4})(?P<s>[-/.])(?P<month>\d\d?)(?P=s)(?P<day>\d\d?)"
    r"|(?P<one>\d\d?)(?P<mark>[./-])(?P<two>\d\d?)(?P=mark)(?P<last>\d{4}|\d\d))"
    r"(?:T|,? +)(?P<hour>\d\d?)(?P<colon>[:.h])(?P<minute>\d\d)"
    r"(?:(?P=colon)(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)? ?(?P<half>[AP]M)?"
    r" ?(?:(?P<zone>Z|CES?T|MES?Z)"
    r"|(?P<utc>UTC|GMT)?(?:(?P<hours>[+-]\d\d?)(?::?(?P<minutes>[0-5]\d))?)?)",
    re.ASCII | re.IGNORECASE,
)
_HOURS = {"CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2}
ORDERS = ("day/month", "month/day")
"""What a date may mean that does not begin with the year."""
_DAY = timedelta(days=1)
_NOON = 12
_MIDNIGHT = 24
_IN_UTC = (
    "all times in UTC with Z; if they are in UTC already, set "
    "CARBONAWARE_FORECAST_TIME_ZONE=UTC"
)
_FORMS = "it must be a date and time such as 2026-11-21T00:00Z or 21.11.2026 01:00"


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a file.

    Attributes:
        starts, ends: UTC; an end is None where the file does not say it.
        order: the reading of dates like ``03/04/2026``, None where there are none.
    """

    starts: list[datetime]
    ends: list[datetime | None]
    order: str | None


@dataclass(frozen=True, slots=True)
class _Written:
    """A time taken apart; ``dates`` are its two readings, None where one is no date."""

    where: str
    dates: tuple[datetime | None, datetime | None]
    slashed: bool
    offset: timedelta | None


def read_times(
    starts: Sequence[Cell],
    ends: Sequence[Cell | None],
    clock: Callable[[str], tzinfo],
) -> Times:
    """What the cells of the two columns mean.

    Args:
        starts: one of each row.
        ends: likewise, None where the row has none.
        clock: gives the time zone of times that name none; is told where one stands, and
            raises where nobody says it.

    Raises:
        ForecastFileError: (a ValueError) one is no time, or may be two times.
    """
    begun = [_take_apart(cell) for cell in starts]
    ended = [None if cell is None else _take_apart(cell) for cell in ends]
    order = _order(begun, [each for each in ended if each is not None])
    found = _Moments(ORDERS.index(order or ORDERS[0]), clock)
    moments = found.in_order(begun)
    return Times(
        starts=moments,
        ends=[
            None if each is None else found.end_of(i, moments, each)
            for i, each in enumerate(ended)
        ],
        order=order,
    )


def _take_apart(cell: Cell) -> _Written:
    found = _PATTERN.fullmatch(plain_time(cell.text))
    if found is None:
        raise refusal(cell.where, f"has no time; {_FORMS}")
    part = found.groupdict()
    if part["year"]:
        dates = [(part["year"], part["month"], part["day"])] * 2
    else:
        year = part["last"] if len(part["last"]) == 4 else f"20{part['last']}"  # noqa: PLR2004
        dates = [(year, part["two"], part["one"]), (year, part["one"], part["two"])]
    slashed = part["mark"] in ("/", "-")
    first, second = (_moment(*date, part) for date in dates)
    if first is None and (second is None or not slashed):
        raise refusal(cell.where, f"has a time that the calendar does not know; {_FORMS}")
    return _Written(
        cell.where, (first, second if slashed else first), slashed, _offset(part)
    )


def _offset(part: dict[str, str]) -> timedelta | None:
    """The offset that a time names, None where it names none."""
    if part["zone"]:
        return timedelta(hours=_HOURS.get(part["zone"].upper(), 0))
    if not (part["hours"] or part["utc"]):
        return None
    hours = part["hours"] or "0"
    minutes = timedelta(minutes=int(part["minutes"] or 0))
    return timedelta(hours=int(hours)) + (-minutes if hours[0] == "-" else minutes)


def _moment(year: str, month: str, day: str, part: dict[str, str]) -> datetime | None:
    """A wall-clock time, None where there is no such."""
    hour, half = int(part["hour"]), (part["half"] or "").upper()
    if half:
        if not 1 <= hour <= _NOON:
            return None
        hour = hour % _NOON + (_NOON if half == "PM" else 0)
    within = int(part["minute"]), int(part["second"] or 0), _micro(part["fraction"])
    # The end of a day, by another name.
    late = hour == _MIDNIGHT and not any(within)
    try:
        date = datetime(int(year), int(month), int(day), 0 if late else hour, *within)  # noqa: DTZ001  its zone comes later
        return date + _DAY if late else date
    except (ValueError, OverflowError):
        return None


def _micro(fraction: str | None) -> int:
    return int((fraction or "").ljust(6, "0")[:6])


def _order(starts: Sequence[_Written], ends: Sequence[_Written]) -> str | None:
    """Which reading of the dates is meant."""
    written = [*starts, *ends]
    slashed = [each for each in written if each.slashed]
    if not slashed:
        return None
    possible = [i for i in (0, 1) if all(each.dates[i] is not None for each in written)]
    if not possible:
        raise refusal(
            slashed[0].where, "has dates in another order than other lines; use one"
        )
    same = all(each.dates[0] == each.dates[1] for each in written)
    if len(possible) > 1 and not same:
        possible = [i for i in possible if _flows(starts, i)] or possible
    if len(possible) > 1 and not same:
        fault = (
            "has a date that may begin with the day or with the month; write it as "
            "2026-04-03 or 03.04.2026 (the third of April)"
        )
        raise refusal(slashed[0].where, fault)
    return ORDERS[possible[0]]


def _flows(starts: Sequence[_Written], reading: int) -> bool:
    """Whether each row of the file starts within a day of the one before it."""
    dates = [each.dates[reading] for each in starts]
    # Clocks that are set back make an hour come twice.
    return all(
        a is not None and b is not None and -_DAY / 24 <= b - a <= _DAY
        for a, b in pairwise(dates)
    )


class _Moments:
    """Wall-clock times made into moments, one reading of the dates for all."""

    def __init__(self, reading: int, clock: Callable[[str], tzinfo]) -> None:
        self._reading = reading
        self._clock = clock
        self._repeated: set[int] = set()

    def in_order(self, written: Sequence[_Written]) -> list[datetime]:
        """The moments of a column in which time goes on from row to row."""
        choices = [self._choices(each) for each in written]
        self._repeated = {i for i, moments in enumerate(choices) if len(moments) > 1}
        return [
            self._one_of(i, written, choices) if i in self._repeated else moments[0]
            for i, moments in enumerate(choices)
        ]

    def _one_of(
        self, i: int, written: Sequence[_Written], choices: Sequence[tuple[datetime, ...]]
    ) -> datetime:
        """Which of the two hours of that name a row is of.

        Where the clock is seen to jump back, rows before that are of the first hour and
        rows after it of the second.
        """
        first, last = i, i
        while first > 0 and len(choices[first - 1]) > 1:
            first -= 1
        while last + 1 < len(choices) and len(choices[last + 1]) > 1:
            last += 1
        walls = [written[k].dates[self._reading] for k in range(first, last + 1)]
        back = [
            k for k, (a, b) in enumerate(pairwise(walls), first + 1) if a and b and b <= a
        ]
        if len(back) != 1:
            fault = (
                "has a time that comes twice that night, because the clocks are set back; "
                f"write its offset (+01:00), or {_IN_UTC}"
            )
            raise refusal(written[i].where, fault)
        return choices[i][1 if i >= back[0] else 0]

    def end_of(self, i: int, starts: Sequence[datetime], written: _Written) -> datetime:
        """The moment that is meant by the end of a row: the first after its start."""
        moments = self._choices(written)
        end = next((each for each in moments if each > starts[i]), moments[-1])
        # The hour that comes twice ends by the clock where its second coming ends.
        if i in self._repeated and i + 1 < len(starts) and starts[i] < starts[i + 1]:
            return min(end, starts[i + 1])
        return end

    def _choices(self, written: _Written) -> tuple[datetime, ...]:
        """The moments in UTC that a time may stand for: two where clocks are set back."""
        wall = written.dates[self._reading]
        assert wall is not None  # noqa: S101  the reading is possible for all
        if written.offset is not None:
            return (self._utc(wall, _fixed(written), written.where),)
        zone = self._clock(written.where)
        moments = tuple(
            self._utc(wall.replace(fold=fold), zone, written.where) for fold in (0, 1)
        )
        if moments[0] > moments[1]:
            fault = "has a time that does not exist: the clocks are set forward over it"
            raise refusal(written.where, f"{fault}; write {_IN_UTC}")
        return moments[:1] if moments[0] == moments[1] else moments

    def _utc(self, wall: datetime, zone: tzinfo, where: str) -> datetime:
        try:
            return to_utc(wall.replace(tzinfo=zone), "it")
        except (InvalidInputError, OverflowError, ValueError):
            raise refusal(where, f"has a time beyond the calendar; {_FORMS}") from None


def _fixed(written: _Written) -> timezone:
    assert written.offset is not None  # noqa: S101  asked only where there is one
    try:
        return timezone(written.offset)
    except ValueError:
        raise refusal(
            written.where, "has an offset of a day or more; write e.g. +01:00"
        ) from None
