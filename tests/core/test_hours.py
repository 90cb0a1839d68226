"""Local hours of the day, on ordinary days and when clocks change."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonaware_prefect.core import Hours, Interval
from carbonaware_prefect.core.hours import (
    OfficeHours,
    allowed_starts,
    closed_intervals,
    moment_of,
)
from carbonaware_prefect.errors import InvalidInputError

UTC = timezone.utc
BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
BUSINESS = Hours(time(8), time(18))


def utc(*parts: int) -> datetime:
    """A moment in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]  # no time zone


def test_hours_say_themselves() -> None:
    """Messages show hours as they are written."""
    assert str(Hours(time(22), time(6, 30))) == "22:00-06:30"


@pytest.mark.parametrize(
    ("start", "end"), [(8, 18), (time(8, tzinfo=UTC), time(18)), (time(8), time(8))]
)
def test_hours_that_are_none(start: Any, end: Any) -> None:
    """No times, times with a zone, or an empty range are refused where they are made."""
    with pytest.raises(InvalidInputError):
        Hours(start, end)


@pytest.mark.parametrize(
    ("nominal", "expected"),
    [
        (utc(2026, 1, 10, 21), utc(2026, 1, 11, 6)),  # 22:00 in Berlin: tomorrow
        (utc(2026, 1, 10, 3), utc(2026, 1, 10, 6)),  # 04:00 in Berlin: today
        (utc(2026, 1, 10, 6), utc(2026, 1, 11, 6)),  # exactly then: the next one
    ],
)
def test_a_time_of_day_is_its_next_coming(nominal: datetime, expected: datetime) -> None:
    """Seven o'clock means the next one after the nominal start, in the time zone."""
    assert moment_of(time(7), nominal, BERLIN) == expected


def test_a_timedelta_counts_from_nominal() -> None:
    """A duration is no time of day."""
    assert moment_of(2 * HOUR, utc(2026, 1, 10), BERLIN) == utc(2026, 1, 10, 2)


def test_an_hour_that_comes_twice_ends_at_its_first() -> None:
    """On the night the clocks go back, half past two is taken at its first coming."""
    assert moment_of(time(2, 30), utc(2026, 10, 24, 20), BERLIN) == utc(2026, 10, 25, 0, 30)


def test_an_hour_that_is_skipped_is_the_jump() -> None:
    """On the night the clocks go forward, half past two is the moment of the jump."""
    assert moment_of(time(2, 30), utc(2026, 3, 28, 20), BERLIN) == utc(2026, 3, 29, 1)


def test_out_of_the_calendar() -> None:
    """The end of time is bad input, not an accident."""
    with pytest.raises(InvalidInputError, match="out of the calendar"):
        moment_of(timedelta.max, utc(2026, 1, 1), UTC)


def closed(hours: Hours, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The closed intervals that touch the span."""
    return [
        (interval.start, interval.end)
        for interval in closed_intervals([hours], Interval(start, end), BERLIN)
        if interval.start < end and interval.end > start
    ]


def test_business_hours_in_their_time_zone() -> None:
    """Eight to six in Berlin is seven to five UTC in winter and six to four in summer."""
    assert closed(BUSINESS, utc(2026, 1, 10), utc(2026, 1, 11)) == [
        (utc(2026, 1, 10, 7), utc(2026, 1, 10, 17))
    ]
    assert closed(BUSINESS, utc(2026, 7, 10), utc(2026, 7, 11)) == [
        (utc(2026, 7, 10, 6), utc(2026, 7, 10, 16))
    ]


def test_hours_across_midnight() -> None:
    """Ten in the evening to six belongs to two days."""
    night = Hours(time(22), time(6))

    assert closed(night, utc(2026, 1, 10, 0), utc(2026, 1, 11, 0)) == [
        (utc(2026, 1, 9, 21), utc(2026, 1, 10, 5)),
        (utc(2026, 1, 10, 21), utc(2026, 1, 11, 5)),
    ]


def test_hours_when_clocks_change() -> None:
    """Hours that come twice are kept free both times; skipped ones keep nothing free."""
    two_to_three = Hours(time(2), time(3))

    assert closed(two_to_three, utc(2026, 10, 24, 12), utc(2026, 10, 25, 12)) == [
        (utc(2026, 10, 25, 0), utc(2026, 10, 25, 2))
    ]
    assert closed(two_to_three, utc(2026, 3, 28, 12), utc(2026, 3, 29, 12)) == []


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 40)), max_size=6),
    st.integers(1, 60),
    st.integers(0, 200),
    st.integers(-20, 150),
)
def test_allowed_starts_are_those_that_overlap_nothing(
    kept: list[tuple[int, int]], duration: int, earliest: int, length: int
) -> None:
    """Every whole minute is allowed exactly if its run overlaps no closed interval."""
    zero, minute = utc(2026, 1, 1), timedelta(minutes=1)
    intervals = sorted(
        (Interval(zero + a * minute, zero + (a + n) * minute) for a, n in kept),
        key=lambda interval: interval.start,
    )
    first, last = zero + earliest * minute, zero + (earliest + length) * minute

    pieces = allowed_starts(first, last, duration * minute, intervals)

    for at in range(-5, 400):
        start, end = zero + at * minute, zero + (at + duration) * minute
        expected = first <= start <= last and not any(
            start < interval.end and end > interval.start for interval in intervals
        )
        assert any(low <= start <= high for low, high in pieces) == expected
    assert list(pieces) == sorted(pieces)


WORK = OfficeHours(frozenset(range(5)), time(9), time(17))
FRIDAY = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hour", "expected"),
    [
        (7, FRIDAY.replace(hour=8)),
        (12, FRIDAY.replace(hour=12)),
        (16, FRIDAY.replace(hour=16)),
        (17, FRIDAY + timedelta(days=3, hours=8)),
    ],
)
def test_office_hours_come_again_after_the_weekend(hour: int, expected: datetime) -> None:
    """Before, in, at the end of and after those of a Friday in Berlin."""
    assert WORK.next_open(FRIDAY.replace(hour=hour), BERLIN) == expected


def test_office_hours_of_a_moment() -> None:
    """Without an end only the moment itself counts."""
    mondays = OfficeHours(frozenset({0}), time(9))

    assert mondays.next_open(FRIDAY, UTC) == FRIDAY + timedelta(days=3, hours=9)
    assert mondays.next_open(datetime(2026, 11, 30, 9, 1, tzinfo=UTC), UTC) == datetime(
        2026, 12, 7, 9, tzinfo=UTC
    )


def test_no_office_hours() -> None:
    """No days, days that do not exist, an end before the start, no calendar any more."""
    for days in (frozenset[int](), frozenset({7})):
        with pytest.raises(InvalidInputError, match="need days from 0"):
            OfficeHours(days, time(9))
    with pytest.raises(
        InvalidInputError, match="later on the same day, got 09:00 to 08:00"
    ):
        OfficeHours(frozenset({0}), time(9), time(8))
    with pytest.raises(InvalidInputError, match="out of the calendar"):
        OfficeHours(frozenset({0}), time(9)).next_open(
            datetime(9999, 12, 31, 12, tzinfo=UTC), UTC
        )


class TwoHoursAhead(tzinfo):
    """A time zone without a hash, like those of dateutil."""

    __hash__ = None  # type: ignore[assignment]

    def utcoffset(self, moment: datetime | None) -> timedelta:
        return timedelta(hours=2)

    def dst(self, moment: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, moment: datetime | None) -> str:
        return "two hours ahead"


def test_time_zones_without_a_hash() -> None:
    """They tell the same times as others."""
    assert moment_of(time(7), FRIDAY, TwoHoursAhead()) == FRIDAY.replace(hour=5)
