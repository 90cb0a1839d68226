from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest

from carbonaware_prefect.core import Interval
from carbonaware_prefect.core.intervals import (
    from_microseconds,
    to_microseconds,
    to_utc,
)
from carbonaware_prefect.errors import CarbonAwareError, InvalidInputError

UTC = timezone.utc
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Undecided(tzinfo):
    """A time zone that does not know its offset."""

    def utcoffset(self, _moment: datetime | None, /) -> timedelta | None:
        """Return no offset."""
        return None

    def dst(self, _moment: datetime | None, /) -> timedelta | None:
        """Return no shift."""
        return None

    def tzname(self, _moment: datetime | None, /) -> str:
        """Return a name."""
        return "undecided"


def test_any_zone_becomes_utc() -> None:
    """The same instant comes back, in UTC."""
    moment = to_utc(datetime(2026, 6, 1, 14, tzinfo=BERLIN), "start")

    assert moment == NOON
    assert moment.tzinfo is UTC


class Stranger(datetime):
    """A library's datetime, whose arithmetic forgets the time zone, as pendulum's may."""

    def __add__(self, span: timedelta) -> Stranger:
        moment = super().__add__(span)
        return Stranger.combine(moment.date(), moment.time())


def test_datetimes_of_other_libraries_become_plain_ones() -> None:
    """Nothing inside the package meets an arithmetic of another kind."""
    stranger = Stranger(2026, 6, 1, 14, 0, 0, 7, tzinfo=BERLIN)

    moment = to_utc(stranger, "start")

    assert (stranger + HOUR).tzinfo is None
    assert moment == stranger
    assert type(moment) is datetime
    assert moment + HOUR == NOON + HOUR + timedelta(microseconds=7)


def test_naive_datetime_is_refused() -> None:
    """A naive datetime is refused, with its name and what to do."""
    with pytest.raises(InvalidInputError) as caught:
        to_utc(datetime(2026, 6, 1, 12), "earliest")  # noqa: DTZ001

    assert str(caught.value) == (
        "earliest is naive: 2026-06-01T12:00:00 names no time zone. "
        "Give an aware datetime, e.g. with tzinfo=timezone.utc"
    )


def test_refusal_is_a_value_error() -> None:
    """Callers may catch the builtin or the root of the tree."""
    assert issubclass(InvalidInputError, ValueError)
    assert issubclass(InvalidInputError, CarbonAwareError)


def test_zone_without_an_offset_counts_as_naive() -> None:
    """A tzinfo that knows no offset makes no aware datetime."""
    with pytest.raises(InvalidInputError, match="earliest is naive"):
        to_utc(datetime(2026, 6, 1, 12, tzinfo=Undecided()), "earliest")


@pytest.mark.parametrize("stranger", [None, "2026-06-01", 0, NOON.date()])
def test_what_is_no_datetime_is_refused(stranger: object) -> None:
    """Strings, numbers, dates and None are no datetimes."""
    with pytest.raises(InvalidInputError) as caught:
        to_utc(stranger, "end")

    assert str(caught.value) == f"end must be an aware datetime, got {stranger!r}"


def test_instant_before_year_one_is_refused() -> None:
    """An instant that UTC cannot write is refused, not an OverflowError."""
    dawn = datetime(1, 1, 1, tzinfo=timezone(HOUR))

    with pytest.raises(InvalidInputError) as caught:
        to_utc(dawn, "start")

    assert str(caught.value) == ("start is out of range in UTC: 0001-01-01T00:00:00+01:00")


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 6, 1, 12, 0, 0, 1, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=UTC),
    ],
)
def test_microseconds_lose_nothing(moment: datetime) -> None:
    """A moment survives the way to integer microseconds and back."""
    assert from_microseconds(to_microseconds(moment)) == moment


def test_microseconds_of_a_span() -> None:
    """A timedelta counts its microseconds exactly."""
    span = timedelta(days=1, seconds=1, microseconds=1)

    assert to_microseconds(span) == 86_401_000_001


def test_interval_stores_utc() -> None:
    """Whatever zone goes in, UTC is kept."""
    interval = Interval(
        datetime(2026, 6, 1, 14, tzinfo=BERLIN), datetime(2026, 6, 1, 15, tzinfo=BERLIN)
    )

    assert interval == Interval(NOON, NOON + HOUR)
    assert interval.start.tzinfo is UTC
    assert interval.end.tzinfo is UTC


@pytest.mark.parametrize(
    ("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)]
)
def test_duration_is_real_time(day: tuple[int, int, int], hours: int) -> None:
    """A local day lasts 23 or 25 hours where the clocks change."""
    start = datetime(*day, tzinfo=BERLIN)

    interval = Interval(start, start + timedelta(days=1))

    assert interval.duration == timedelta(hours=hours)


@pytest.mark.parametrize("length", [timedelta(0), -HOUR])
def test_interval_must_have_length(length: timedelta) -> None:
    """An interval that is empty or runs backwards is refused."""
    with pytest.raises(InvalidInputError) as caught:
        Interval(NOON, NOON + length)

    assert str(caught.value) == (
        "an interval must end after it starts, got 2026-06-01T12:00:00+00:00 "
        f"to {(NOON + length).isoformat()}"
    )


@pytest.mark.parametrize("name", ["start", "end"])
def test_interval_names_its_naive_bound(name: str) -> None:
    """The refusal says which bound is naive."""
    bounds = {"start": NOON, "end": NOON + HOUR}
    bounds[name] = bounds[name].replace(tzinfo=None)

    with pytest.raises(InvalidInputError, match=f"^interval {name} is naive"):
        Interval(**bounds)


def test_interval_is_half_open() -> None:
    """The start belongs to it, the end does not."""
    interval = Interval(NOON, NOON + HOUR)

    assert NOON in interval
    assert NOON + HOUR - timedelta(microseconds=1) in interval
    assert NOON + HOUR not in interval
    assert NOON - timedelta(microseconds=1) not in interval


def test_membership_looks_at_the_instant() -> None:
    """A moment in another zone belongs when its instant does."""
    interval = Interval(NOON, NOON + HOUR)

    assert datetime(2026, 6, 1, 14, 30, tzinfo=BERLIN) in interval
    assert datetime(2026, 6, 1, 12, 30, tzinfo=BERLIN) not in interval


def test_other_things_are_not_in_an_interval() -> None:
    """What is no datetime is simply not in it."""
    assert "noon" not in Interval(NOON, NOON + HOUR)


def test_membership_of_a_naive_datetime_is_refused() -> None:
    """Whether a naive datetime lies in it cannot be said."""
    with pytest.raises(InvalidInputError, match="moment is naive"):
        assert NOON.replace(tzinfo=None) in Interval(NOON, NOON + HOUR)


@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [(0, 4, True), (1, 3, True), (-1, 3, False), (1, 5, False), (4, 5, False)],
)
def test_covers(start: int, end: int, inside: bool) -> None:
    """One interval covers another when no moment of it sticks out."""
    outer = Interval(NOON, NOON + 4 * HOUR)

    assert outer.covers(Interval(NOON + start * HOUR, NOON + end * HOUR)) is inside
