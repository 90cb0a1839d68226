from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from carbonaware_prefect.core import Forecast, Slot, find_slot, rank_slots
from carbonaware_prefect.errors import (
    CarbonAwareError,
    InvalidInputError,
    NoForecastError,
    NoSlotError,
)

UTC = timezone.utc
BERLIN = ZoneInfo("Europe/Berlin")
T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)

StartRange = tuple[datetime, datetime, float]


class Case(NamedTuple):
    """A forecast and what is searched in it."""

    pieces: list[StartRange]
    earliest: datetime
    latest_start: datetime
    duration: timedelta

    @property
    def forecast(self) -> Forecast:
        """The pieces as a forecast."""
        return Forecast.from_intervals(self.pieces)

    @property
    def window(self) -> dict[str, Any]:
        """The rest, as arguments of the search."""
        return {
            "earliest": self.earliest,
            "latest_start": self.latest_start,
            "duration": self.duration,
        }


def hourly(*values: float, start: datetime = T0) -> Forecast:
    """One value an hour."""
    points = [(start + i * HOUR, value) for i, value in enumerate(values)]
    return Forecast.from_points(points, end=start + len(values) * HOUR)


def exact_mean(case: Case, start: datetime) -> Fraction | None:
    """The mean over one slot, summed piece by piece; None where a piece is missing."""
    end = start + case.duration
    covered, total = timedelta(0), Fraction(0)
    for piece_start, piece_end, value in case.pieces:
        overlap = min(end, piece_end) - max(start, piece_start)
        if overlap > timedelta(0):
            covered += overlap
            total += Fraction(Decimal(repr(value))) * (overlap // MICROSECOND)
    return total / (case.duration // MICROSECOND) if covered == case.duration else None


def candidate_starts(case: Case, steps: int) -> Iterator[datetime]:
    """Every start where the slope of the mean changes, and an even grid besides."""
    yield case.earliest
    yield case.latest_start
    for start, end, _ in case.pieces:
        yield from (start, end, start - case.duration, end - case.duration)
    span = case.latest_start - case.earliest
    yield from (case.earliest + span * i / steps for i in range(1, steps))


def best_by_brute_force(case: Case, steps: int = 40) -> tuple[Fraction, datetime] | None:
    """The lowest mean of all candidates and the earliest start that has it."""
    return min(
        (
            (mean, start)
            for start in candidate_starts(case, steps)
            if case.earliest <= start <= case.latest_start
            and (mean := exact_mean(case, start)) is not None
        ),
        default=None,
    )


ANCHORS = st.sampled_from(
    [
        T0,
        datetime(2026, 3, 28, 22, tzinfo=UTC),
        datetime(2026, 10, 24, 22, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ]
)
UNITS = st.sampled_from(
    [
        MICROSECOND,
        timedelta(seconds=1, microseconds=1),
        timedelta(minutes=5),
        timedelta(minutes=37),
    ]
)
VALUES = st.one_of(
    st.sampled_from([0, 0.1, 0.2, 0.3, 100, 100.1, 250.5, -40]),
    st.integers(-100, 900),
    st.floats(-1e4, 1e4, allow_nan=False),
)


@st.composite
def cases(draw: st.DrawFn, *, gaps: bool = True) -> Case:
    """Forecasts of up to 14 pieces, windows and durations near their size."""
    unit, start = draw(UNITS), draw(ANCHORS)
    pieces: list[StartRange] = []
    moment = start
    shapes = st.tuples(
        st.sampled_from([0, 0, 0, 0, 1, 2] if gaps else [0]), st.integers(1, 6), VALUES
    )
    for gap, length, value in draw(st.lists(shapes, min_size=1, max_size=14)):
        moment += gap * unit
        pieces.append((moment, moment + length * unit, value))
        moment += length * unit
    # Off the forecast's own grid in one case of two.
    stray = draw(st.sampled_from([timedelta(0), unit / 3]))
    earliest = start + draw(st.integers(-4, 30)) * unit + stray
    return Case(
        pieces,
        earliest,
        earliest + draw(st.integers(0, 40)) * unit + draw(st.sampled_from([0, 1])) * stray,
        draw(st.integers(1, 12)) * unit + draw(st.sampled_from([0, 2])) * stray,
    )


@given(cases())
def test_slot_is_the_exact_optimum(case: Case) -> None:
    """No start is better, none as good is earlier, and none means none."""
    best = best_by_brute_force(case)

    if best is None:
        with pytest.raises(NoSlotError):
            find_slot(case.forecast, **case.window)
        return
    slot = find_slot(case.forecast, **case.window)

    mean, start = best
    assert exact_mean(case, slot.start) == mean
    assert slot.start == start
    assert slot.mean_intensity == float(mean)


@given(cases(gaps=False))
def test_slot_lies_in_the_window(case: Case) -> None:
    """The slot starts in the window, in UTC, and lasts exactly the duration."""
    assume(best_by_brute_force(case, steps=1) is not None)

    slot = find_slot(case.forecast, **case.window)

    assert case.earliest <= slot.start <= case.latest_start
    assert slot.end - slot.start == slot.duration == case.duration
    assert slot.start.tzinfo is UTC
    assert slot.end.tzinfo is UTC


@given(cases())
def test_slot_never_bridges_a_gap(case: Case) -> None:
    """Every moment of the slot is covered, and its mean is the forecast's own."""
    assume(best_by_brute_force(case, steps=1) is not None)

    slot = find_slot(case.forecast, **case.window)

    assert exact_mean(case, slot.start) is not None
    assert slot.mean_intensity == case.forecast.mean(slot.start, case.duration)


@given(
    cases(),
    st.sampled_from(
        [
            BERLIN,
            ZoneInfo("America/St_Johns"),
            ZoneInfo("Australia/Lord_Howe"),
            timezone(timedelta(hours=-9, minutes=-30)),
        ]
    ),
)
def test_slot_does_not_depend_on_the_time_zone(case: Case, zone: tzinfo) -> None:
    """The same instants written in another zone give the same slot."""
    assume(best_by_brute_force(case, steps=1) is not None)
    local = Case(
        [(s.astimezone(zone), e.astimezone(zone), value) for s, e, value in case.pieces],
        case.earliest.astimezone(zone),
        case.latest_start.astimezone(zone),
        case.duration,
    )

    assert find_slot(case.forecast, **case.window) == find_slot(
        local.forecast, **local.window
    )


@settings(max_examples=50)
@given(cases(), st.integers(-1000, 1000))
def test_slot_does_not_depend_on_the_level(case: Case, level: int) -> None:
    """Adding a constant to every value moves no slot: sums are exact."""
    assume(best_by_brute_force(case, steps=1) is not None)
    # In tenths, so that the sum of value and level is a number a float prints as.
    tenths = case._replace(pieces=[(s, e, round(v, 1)) for s, e, v in case.pieces])
    raised = case._replace(
        pieces=[(s, e, round(v + level, 1)) for s, e, v in tenths.pieces]
    )

    found = find_slot(tenths.forecast, **case.window)

    assert find_slot(raised.forecast, **case.window).start == found.start


def test_optimum_between_the_points() -> None:
    """The best start need not lie on the forecast's grid."""
    forecast = hourly(300, 100, 100, 300, 300)

    slot = find_slot(
        forecast,
        earliest=T0,
        latest_start=T0 + 3 * HOUR,
        duration=timedelta(minutes=90),
    )

    assert slot == Slot(T0 + HOUR, T0 + 2.5 * HOUR, 100.0)


def test_slot_may_end_on_an_edge() -> None:
    """A slot that ends where dear electricity starts begins off the grid."""
    slot = find_slot(
        hourly(200, 100, 300),
        earliest=T0,
        latest_start=T0 + HOUR,
        duration=timedelta(minutes=90),
    )

    assert slot.start == T0 + timedelta(minutes=30)
    assert slot.mean_intensity == pytest.approx(400 / 3, rel=1e-15)


def test_resolution_is_one_microsecond() -> None:
    """A valley one microsecond long is found, and nothing beside it."""
    valley = T0 + timedelta(minutes=17, microseconds=3)
    forecast = Forecast.from_points(
        [(T0, 200), (valley, 100), (valley + MICROSECOND, 200)], end=T0 + HOUR
    )

    slot = find_slot(forecast, earliest=T0, latest_start=T0 + HOUR, duration=MICROSECOND)

    assert slot == Slot(valley, valley + MICROSECOND, 100.0)


def test_ties_go_to_the_earliest() -> None:
    """On a flat forecast the run starts at once."""
    slot = find_slot(
        hourly(*[100.1] * 6),
        earliest=T0 + timedelta(minutes=7),
        latest_start=T0 + 4 * HOUR,
        duration=HOUR,
    )

    assert slot.start == T0 + timedelta(minutes=7)


def test_ties_are_decimal() -> None:
    """0.1 + 0.2 equals 0.3, so the earlier of the two slots wins."""
    slot = find_slot(
        hourly(0.3, 0, 5, 0.1, 0.2),
        earliest=T0,
        latest_start=T0 + 3 * HOUR,
        duration=2 * HOUR,
    )

    assert slot.start == T0


def test_ties_across_a_gap_go_to_the_earliest() -> None:
    """A stretch behind a gap must be better, not as good."""
    forecast = Forecast.from_intervals(
        [(T0, T0 + HOUR, 100), (T0 + 2 * HOUR, T0 + 3 * HOUR, 100)]
    )

    slot = find_slot(forecast, earliest=T0, latest_start=T0 + 2 * HOUR, duration=HOUR)

    assert slot.start == T0


def test_negative_and_zero_values_are_numbers() -> None:
    """Negative beats zero, and zero beats a positive value."""
    window: dict[str, Any] = {
        "earliest": T0,
        "latest_start": T0 + 2 * HOUR,
        "duration": HOUR,
    }

    assert find_slot(hourly(10, 0, -5), **window) == Slot(
        T0 + 2 * HOUR, T0 + 3 * HOUR, -5.0
    )
    assert find_slot(hourly(10, 0, 5), **window) == Slot(T0 + HOUR, T0 + 2 * HOUR, 0.0)


def test_window_of_one_moment() -> None:
    """Without room to move there is one slot."""
    slot = find_slot(hourly(300, 100), earliest=T0, latest_start=T0, duration=HOUR)

    assert slot == Slot(T0, T0 + HOUR, 300.0)


def test_window_bounds_the_start() -> None:
    """The slot may end after the last allowed start, and begin exactly then."""
    slot = find_slot(
        hourly(300, 200, 100, 100),
        earliest=T0,
        latest_start=T0 + 2 * HOUR,
        duration=2 * HOUR,
    )

    assert slot.start == T0 + 2 * HOUR


def test_window_wider_than_the_forecast() -> None:
    """Starts that the forecast does not reach are no candidates."""
    slot = find_slot(
        hourly(300, 100, 200),
        earliest=T0 - 48 * HOUR,
        latest_start=T0 + 48 * HOUR,
        duration=2 * HOUR,
    )

    assert slot == Slot(T0 + HOUR, T0 + 3 * HOUR, 150.0)


@pytest.mark.parametrize("hours", [1, 4, 7.5])
def test_mean_of_a_sine_has_its_closed_form(hours: float) -> None:
    """In a daily sine the best slot lies round the trough, with the known mean."""
    omega, cell = 2 * math.pi / 24, 1 / 12
    # Each five minutes hold the mean of 200 + 100 cos(omega t) over them.
    sinc = math.sin(omega * cell / 2) / (omega * cell / 2)
    points = [
        (T0 + i * cell * HOUR, 200 + 100 * sinc * math.cos(omega * (i + 0.5) * cell))
        for i in range(288)
    ]
    forecast = Forecast.from_points(points, end=T0 + 24 * HOUR)

    slot = find_slot(
        forecast, earliest=T0, latest_start=T0 + 24 * HOUR, duration=hours * HOUR
    )

    half = omega * hours / 2
    assert slot.mean_intensity == pytest.approx(
        200 - 100 * math.sin(half) / half, rel=1e-12
    )
    # Off by one cell at most where the duration is no even number of cells.
    assert abs(slot.start - (T0 + (12 - hours / 2) * HOUR)) <= timedelta(minutes=5)


def test_spring_forward() -> None:
    """Four hours from midnight on the short day end at 05:00 local time."""
    midnight = datetime(2026, 3, 29, tzinfo=BERLIN)
    forecast = Forecast.from_points(
        [
            (midnight, 100),
            (datetime(2026, 3, 29, 4, tzinfo=BERLIN), 160),
            (datetime(2026, 3, 29, 5, tzinfo=BERLIN), 900),
        ],
        end=datetime(2026, 3, 29, 9, tzinfo=BERLIN),
    )

    slot = find_slot(
        forecast,
        earliest=midnight,
        latest_start=datetime(2026, 3, 29, 3, tzinfo=BERLIN),
        duration=4 * HOUR,
    )

    assert slot.start == midnight
    assert slot.end == datetime(2026, 3, 29, 3, tzinfo=UTC)
    assert slot.mean_intensity == 115.0


def test_fall_back() -> None:
    """Of the two hours called 02:00 the second can be the slot."""
    first = datetime(2026, 10, 25, 2, tzinfo=BERLIN)
    second = first.replace(fold=1)
    forecast = Forecast.from_points(
        [(first, 200), (second, 100), (datetime(2026, 10, 25, 3, tzinfo=BERLIN), 300)],
        end=datetime(2026, 10, 25, 6, tzinfo=BERLIN),
    )

    slot = find_slot(forecast, earliest=first, latest_start=second, duration=HOUR)

    assert slot == Slot(
        datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 10, 25, 2, tzinfo=UTC), 100.0
    )


def test_window_is_ordered_by_instants() -> None:
    """02:50 first time round lies before 02:10 second time round."""
    earliest = datetime(2026, 10, 25, 2, 50, tzinfo=BERLIN)
    latest = datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1)
    forecast = hourly(100, 100, 100, start=datetime(2026, 10, 25, tzinfo=UTC))

    assert find_slot(
        forecast, earliest=earliest, latest_start=latest, duration=HOUR
    ).start == datetime(2026, 10, 25, 0, 50, tzinfo=UTC)
    with pytest.raises(InvalidInputError, match="lies before"):
        find_slot(forecast, earliest=latest, latest_start=earliest, duration=HOUR)


def refusal(**changes: Any) -> str:
    """What `find_slot` says when it refuses its arguments."""
    arguments = {"earliest": T0, "latest_start": T0 + HOUR, "duration": HOUR, **changes}
    with pytest.raises(InvalidInputError) as caught:
        find_slot(hourly(1, 2, 3), **arguments)
    return str(caught.value)


@pytest.mark.parametrize("name", ["earliest", "latest_start"])
def test_naive_bound_is_refused(name: str) -> None:
    """The refusal says which bound is naive."""
    assert refusal(**{name: datetime(2026, 1, 1)}) == (  # noqa: DTZ001
        f"{name} is naive: 2026-01-01T00:00:00 names no time zone. "
        "Give an aware datetime, e.g. with tzinfo=timezone.utc"
    )


@pytest.mark.parametrize("duration", [timedelta(0), -HOUR])
def test_duration_must_be_positive(duration: timedelta) -> None:
    """No slot lasts no time."""
    assert refusal(duration=duration) == f"duration must be positive, got {duration!r}"


@pytest.mark.parametrize("duration", [3600, 1.5, "1h", None, T0])
def test_duration_must_be_a_timedelta(duration: object) -> None:
    """A number says no unit, so it is refused."""
    assert refusal(duration=duration) == f"duration must be a timedelta, got {duration!r}"


def test_window_must_not_run_backwards() -> None:
    """The last start may not lie before the first."""
    assert refusal(latest_start=T0 - MICROSECOND) == (
        "latest_start 2025-12-31T23:59:59.999999+00:00 lies before "
        "earliest 2026-01-01T00:00:00+00:00"
    )


def test_no_whole_slot_is_a_lookup_error() -> None:
    """Without a candidate the error says what was asked, what there is, what to try."""
    with pytest.raises(LookupError) as caught:
        find_slot(hourly(1, 2), earliest=T0, latest_start=T0 + 4 * HOUR, duration=3 * HOUR)

    assert isinstance(caught.value, NoSlotError)
    assert isinstance(caught.value, NoForecastError)
    assert isinstance(caught.value, CarbonAwareError)
    assert str(caught.value) == (
        "no forecast for a whole slot of 3:00:00 starting between "
        "2026-01-01T00:00:00+00:00 and 2026-01-01T04:00:00+00:00: the forecast covers "
        "2026-01-01T00:00:00+00:00 to 2026-01-01T02:00:00+00:00. "
        "Take a shorter duration or window, or a source that looks further ahead"
    )


def test_no_whole_slot_between_gaps() -> None:
    """Stretches that together would suffice do not, and the error tells of them."""
    forecast = Forecast.from_intervals(
        [(T0, T0 + HOUR, 1), (T0 + HOUR + MICROSECOND, T0 + 2 * HOUR, 1)]
    )

    with pytest.raises(NoSlotError) as caught:
        find_slot(
            forecast, earliest=T0, latest_start=T0 + HOUR, duration=HOUR + MICROSECOND
        )

    assert "the forecast covers 2026-01-01T00:00:00+00:00 to " in str(caught.value)
    assert " in 2 pieces. Take a shorter duration" in str(caught.value)


def test_endless_duration_has_no_slot() -> None:
    """The longest timedelta there is finds no slot, rather than overflowing."""
    with pytest.raises(NoSlotError):
        find_slot(hourly(1), earliest=T0, latest_start=T0, duration=timedelta.max)


@given(cases(), st.integers(1, 5))
def test_first_of_the_ranking_is_the_best(case: Case, count: int) -> None:
    """The ranking starts with `find_slot`'s slot and gets no better from there."""
    assume(best_by_brute_force(case, steps=1) is not None)

    slots = rank_slots(case.forecast, **case.window, count=count)

    assert slots[0] == find_slot(case.forecast, **case.window)
    assert 1 <= len(slots) <= count
    means = [exact_mean(case, slot.start) for slot in slots]
    assert None not in means
    assert all(a <= b for a, b in pairwise(means) if a is not None and b is not None)


@given(cases(), st.integers(1, 5))
def test_ranked_slots_lie_apart(case: Case, count: int) -> None:
    """Starts lie a duration apart, or as far as the window allows for that count."""
    assume(best_by_brute_force(case, steps=1) is not None)

    slots = rank_slots(case.forecast, **case.window, count=count)

    span = (case.latest_start - case.earliest) // MICROSECOND
    apart = max(1, min(case.duration // MICROSECOND, span // count)) * MICROSECOND
    starts = sorted(slot.start for slot in slots)
    assert all(later - earlier >= apart for earlier, later in pairwise(starts))
    assert all(case.earliest <= start <= case.latest_start for start in starts)
    assert all(slot.duration == case.duration for slot in slots)


@settings(max_examples=50)
@given(cases(), st.integers(2, 4))
def test_each_ranked_slot_is_the_best_of_the_rest(case: Case, count: int) -> None:
    """No start that is far enough from the better slots is cleaner."""
    assume(best_by_brute_force(case, steps=1) is not None)

    slots = rank_slots(case.forecast, **case.window, count=count)

    span = (case.latest_start - case.earliest) // MICROSECOND
    apart = max(1, min(case.duration // MICROSECOND, span // count)) * MICROSECOND
    for i, slot in enumerate(slots):
        mean = exact_mean(case, slot.start)
        assert mean is not None
        for start in candidate_starts(case, 20):
            free = all(abs(start - better.start) >= apart for better in slots[:i])
            inside = case.earliest <= start <= case.latest_start
            other = exact_mean(case, start) if free and inside else None
            assert other is None or other >= mean


def test_ranking_of_a_day_with_two_valleys() -> None:
    """Slots are disjoint and come cleanest first, not in order of time."""
    forecast = hourly(300, 150, 300, 300, 100, 300, 200)

    slots = rank_slots(
        forecast, earliest=T0, latest_start=T0 + 6 * HOUR, duration=HOUR, count=3
    )

    assert [(slot.start - T0) // HOUR for slot in slots] == [4, 1, 6]
    assert [slot.mean_intensity for slot in slots] == [100.0, 150.0, 200.0]


def test_ranking_takes_a_single_moment_that_is_left() -> None:
    """Where the better slots leave exactly one start free, that start counts."""
    slots = rank_slots(
        hourly(200, 100, 300, 400), earliest=T0, latest_start=T0 + 3 * HOUR, duration=HOUR
    )

    assert [(slot.start - T0) // HOUR for slot in slots] == [1, 0, 2]


def test_ranking_gives_three_unless_told() -> None:
    """Three slots come back by default."""
    slots = rank_slots(
        hourly(*range(12)), earliest=T0, latest_start=T0 + 11 * HOUR, duration=HOUR
    )

    assert [slot.mean_intensity for slot in slots] == [0.0, 1.0, 2.0]


def test_ranking_in_a_short_window() -> None:
    """Where disjoint slots do not fit, starts are spread over the window."""
    slots = rank_slots(
        hourly(1, 2, 3, 4, 5),
        earliest=T0,
        latest_start=T0 + HOUR,
        duration=4 * HOUR,
        count=2,
    )

    assert [slot.start - T0 for slot in slots] == [timedelta(0), timedelta(minutes=30)]


def test_ranking_in_a_window_of_one_moment() -> None:
    """Where one start is allowed, one slot comes back."""
    slots = rank_slots(hourly(1), earliest=T0, latest_start=T0, duration=HOUR, count=9)

    assert slots == [Slot(T0, T0 + HOUR, 1.0)]


@pytest.mark.parametrize("count", [0, -1])
def test_ranking_needs_a_count(count: int) -> None:
    """A ranking of nothing is refused."""
    with pytest.raises(InvalidInputError) as caught:
        rank_slots(hourly(1), earliest=T0, latest_start=T0, duration=HOUR, count=count)

    assert str(caught.value) == f"count must be at least 1, got {count}"


def test_ranking_refuses_what_find_slot_refuses() -> None:
    """Bad windows and missing forecasts raise the same errors."""
    with pytest.raises(InvalidInputError, match="duration must be positive"):
        rank_slots(hourly(1), earliest=T0, latest_start=T0, duration=timedelta(0))
    with pytest.raises(NoSlotError):
        rank_slots(hourly(1), earliest=T0, latest_start=T0, duration=2 * HOUR)
