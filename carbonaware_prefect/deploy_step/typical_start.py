"""The typically cleanest start of a schedule: one time of day for all its days.

For schedules that nobody plans anew. The answer holds for as long as the table of typical
days does, so it depends on no clock and is the same each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from math import fsum
from zoneinfo import ZoneInfo

from carbonaware_prefect.core import Forecast, find_slot
from carbonaware_prefect.errors import InvalidInputError
from carbonaware_prefect.sources.typical import Days

__all__ = ["LONGEST", "DailyWindow", "TypicalStart", "typical_start"]

LONGEST = timedelta(days=7)
"""The longest duration that `typical_start` takes."""

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_DAYS, _MONTHS = frozenset(range(7)), frozenset(range(1, 13))

# The year whose days are counted. Any would do; a fixed one gives a fixed answer.
_YEAR = 2026
# Time zones lie multiples of this apart, so that typical days are constant within it.
_STEP = timedelta(minutes=15)
# Stands for the local midnight before any window, on a clock that never changes.
_MIDNIGHT = datetime(_YEAR, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyWindow:
    """Allowed starts by the local clock, at full minutes, on some days.

    Attributes:
        opens: first allowed start.
        closes: last allowed start; the next day's where it is earlier than ``opens``.
        time_zone: IANA name of the zone that both are local to.
        days: on which it *opens*, 0 is Monday.
        months: in which it opens, 1 is January.

    Raises:
        InvalidInputError: (a ValueError) ``opens`` and ``closes`` are the same, or not
            full minutes; no days or months, or such as do not exist.
    """

    opens: time
    closes: time
    time_zone: str
    days: frozenset[int] = _DAYS
    months: frozenset[int] = _MONTHS

    def __post_init__(self) -> None:
        clocks = (self.opens, self.closes)
        if any(at.second or at.microsecond or at.tzinfo for at in clocks):
            msg = f"a window goes by full minutes, got {self.opens} to {self.closes}"
            raise InvalidInputError(msg)
        if self.opens == self.closes:
            msg = (
                f"a window from {self.opens:%H:%M} to {self.closes:%H:%M} leaves no "
                "choice; give two times, for a whole day 00:00 and 23:59"
            )
            raise InvalidInputError(msg)
        for name, given, known in (
            ("days", self.days, _DAYS),
            ("months", self.months, _MONTHS),
        ):
            if not given or not given <= known:
                msg = (
                    f"{name} must be some of {min(known)} to {max(known)}, "
                    f"got {sorted(given)}"
                )
                raise InvalidInputError(msg)

    @property
    def earliest(self) -> timedelta:
        """The first allowed start, from the midnight before it."""
        return _since_midnight(self.opens)

    @property
    def latest_start(self) -> timedelta:
        """The last allowed start, from the midnight before the first one."""
        closes = _since_midnight(self.closes)
        return closes if closes > self.earliest else closes + _DAY

    def dates(self) -> Iterator[date]:
        """The dates of a year on which the window opens."""
        day = date(_YEAR, 1, 1)
        while day.year == _YEAR:
            if day.weekday() in self.days and day.month in self.months:
                yield day
            day += _DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class TypicalStart:
    """The start that typical days recommend, and what it gains. An estimate.

    Attributes:
        window: that the start lies in.
        start: by the local clock, from the midnight before the window opens; at full
            minutes, a day or more where it lies on the next day.
        duration: that the means are taken over, in full minutes.
        intensity_nominal: mean gCO2eq/kWh from the window's opening; where the days are
            modelled, percent of their level.
        intensity_slot: the same from ``start``.
    """

    window: DailyWindow
    start: timedelta
    duration: timedelta
    intensity_nominal: float
    intensity_slot: float

    @property
    def saving(self) -> float | None:
        """``1 - slot mean / nominal mean``; None when the latter is not positive."""
        if self.intensity_nominal <= 0:
            return None
        return 1 - self.intensity_slot / self.intensity_nominal

    @property
    def at(self) -> time:
        """The start as a time of day."""
        return (_MIDNIGHT + self.start).time()

    @property
    def next_day(self) -> bool:
        """Whether the start lies on the day after the window opens."""
        return self.start >= _DAY

    @property
    def cron(self) -> str:
        """For a schedule in the window's time zone.

        Its days are those of the start: a window that opens on Friday may give Saturday.
        Its months are the window's, as cron cannot say "and the first of the next".
        """
        # Cron counts the days of a week from Sunday.
        days = {(day + 1 + self.next_day) % 7 for day in self.window.days}
        return (
            f"{self.at.minute} {self.at.hour} * "
            f"{_field(self.window.months, _MONTHS)} {_field(days, _DAYS)}"
        )


def typical_start(table: Days, window: DailyWindow, duration: timedelta) -> TypicalStart:
    """The start in ``window`` with the lowest mean intensity over all days that it opens.

    Exact to the minute; ties go to the earliest. Days and months are looked up where the
    table is at home, however the window's time zone and its own shift against each other.
    A run is followed by the local clock, so in the two nights of a year in which clocks
    change it counts as in any other.

    Args:
        table: typical days of the zone where the work runs.
        window: allowed starts.
        duration: of the work, positive; seconds are rounded up to a minute.

    Raises:
        InvalidInputError: (a ValueError) a duration that is not positive, or longer than
            `LONGEST`: over a week all starts are alike.
    """
    if not timedelta(0) < duration <= LONGEST:
        msg = f"duration must be more than zero and at most {LONGEST}, got {duration}"
        raise InvalidInputError(msg)
    length = -(-duration // _MINUTE) * _MINUTE
    day = _mean_day(table, window, window.latest_start + length)
    slot = find_slot(
        day,
        earliest=_MIDNIGHT + window.earliest,
        latest_start=_MIDNIGHT + window.latest_start,
        duration=length,
    )
    nominal = day.mean(_MIDNIGHT + window.earliest, length)
    assert nominal is not None  # noqa: S101  the day reaches from there to past any slot
    return TypicalStart(
        window=window,
        start=slot.start - _MIDNIGHT,
        duration=length,
        intensity_nominal=nominal,
        intensity_slot=slot.mean_intensity,
    )


def _mean_day(table: Days, window: DailyWindow, end: timedelta) -> Forecast:
    """The mean of all days of the window by its clock, from its opening to ``end``."""
    here, there = ZoneInfo(window.time_zone), ZoneInfo(table.time_zone)
    midnights = [datetime.combine(day, time(), here) for day in window.dates()]
    first, last = window.earliest // _STEP, -(-end // _STEP)
    # A sum like this leaves equal means equal, whatever the order of their days.
    points = [
        (
            _MIDNIGHT + step * _STEP,
            fsum(
                # Within one time zone, Python adds by the local clock.
                table.at((midnight + step * _STEP).astimezone(there))
                for midnight in midnights
            )
            / len(midnights),
        )
        for step in range(first, last)
    ]
    return Forecast.from_points(
        points,
        end=_MIDNIGHT + last * _STEP,
        zone=table.zone,
        source=table.name,
    )


def _since_midnight(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute)


def _field(numbers: set[int] | frozenset[int], every: frozenset[int]) -> str:
    """A field of a cron: ``*``, or numbers and ranges of them."""
    if numbers == every:
        return "*"
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    return ",".join("-".join(map(str, ends)) for ends in ranges)
