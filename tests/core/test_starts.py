from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonaware_prefect.core import Forecast, Slot, find_slot
from carbonaware_prefect.core.forecast import Stretch
from carbonaware_prefect.core.intervals import from_microseconds, to_microseconds
from carbonaware_prefect.core.starts import StartRange, Starts
from carbonaware_prefect.errors import InvalidInputError, NoSlotError
from tests.core.capacity.instances import HOUR, T0, at, hourly

MICROSECOND = timedelta(microseconds=1)


class Questions(NamedTuple):
    """A forecast of some microseconds, a length, and windows in ranges to ask for."""

    forecast: Forecast
    length: int
    windows: list[list[StartRange]]


@st.composite
def questions(draw: st.DrawFn) -> Questions:
    """Forecasts with gaps, so short that every start can be tried."""
    base = draw(st.sampled_from([0, to_microseconds(T0), -7]))
    moment, intervals = base, []
    shapes = st.tuples(
        st.sampled_from([0, 0, 0, 1, 3]),
        st.integers(1, 6),
        st.sampled_from([0, 1, 2, 2.5, -3, 10]),
    )
    for gap, length, value in draw(st.lists(shapes, min_size=1, max_size=8)):
        start = moment + gap
        moment = start + length
        intervals.append((from_microseconds(start), from_microseconds(moment), value))
    ends = st.lists(st.integers(base - 3, moment + 3), min_size=2, max_size=6, unique=True)
    windows = []
    for _ in range(draw(st.integers(1, 6))):
        moments = sorted(draw(ends))
        ranges = list(zip(moments[::2], moments[1::2], strict=False))
        if draw(st.booleans()):
            ranges = [(low, low) for low, _ in ranges]
        windows.append(ranges)
    length = draw(st.integers(1, 9))
    return Questions(Forecast.from_intervals(intervals), length, windows)


def totals(asked: Questions, ranges: list[StartRange]) -> list[tuple[int, int]]:
    """The total at every covered start of the ranges, with the start."""
    found = []
    for low, high in ranges:
        for start in range(low, high + 1):
            for run in asked.forecast.stretches:
                if run.edges[0] <= start and start + asked.length <= run.edges[-1]:
                    total = sum(
                        run.values[run.segment(start + i)] for i in range(asked.length)
                    )
                    found.append((total, start))
    return found


def starts_of(asked: Questions) -> Starts:
    """The index under test."""
    return Starts.of(asked.forecast, asked.length * MICROSECOND)


@given(questions())
def test_lowest_is_the_best_of_all_starts(asked: Questions) -> None:
    """By walking and from the table: the lowest total, then the earliest start."""
    starts = starts_of(asked)

    for ranges in asked.windows * 3:
        assert starts.lowest(ranges) == min(totals(asked, ranges), default=None)


@given(questions(), st.integers(-20, 60))
def test_below_gives_exactly_the_starts_under_the_ceiling(
    asked: Questions, ceiling: int
) -> None:
    """A start is in the parts if and only if its total is at most the ceiling."""
    starts = starts_of(asked)

    for ranges in asked.windows:
        parts = starts.below(ranges, ceiling)
        inside = {start for low, high in parts for start in range(low, high + 1)}
        assert inside == {
            start for total, start in totals(asked, ranges) if total <= ceiling
        }
        assert all(a[1] < b[0] for a, b in pairwise(parts))


@given(questions())
def test_covered_gives_exactly_the_starts_with_a_total(asked: Questions) -> None:
    """Where the forecast lacks a moment of the slot, the start is left out."""
    starts = starts_of(asked)

    for ranges in asked.windows:
        parts = starts.covered(ranges)
        assert [start for low, high in parts for start in range(low, high + 1)] == [
            start for _, start in totals(asked, ranges)
        ]


@given(questions())
def test_total_and_mean_are_the_forecasts(asked: Questions) -> None:
    """Before and after the table is built, and None where a gap is in the way."""
    starts = starts_of(asked)
    duration = asked.length * MICROSECOND
    moments = [moment for ranges in asked.windows for pair in ranges for moment in pair]

    for _ in range(2):
        for moment in moments:
            start = from_microseconds(moment)
            mean = asked.forecast.mean(start, duration)
            assert starts.mean(start) == mean
            total = starts.total(moment)
            assert (None if total is None else total / starts.scale) == mean
        starts.covered([])  # needs the table


@given(questions())
def test_cleanest_is_the_best_of_find_slot(asked: Questions) -> None:
    """Over several ranges it is the best slot that `find_slot` has for any of them."""
    starts = starts_of(asked)

    for ranges in asked.windows:
        windows = [(from_microseconds(a), from_microseconds(b)) for a, b in ranges]
        slots: list[Slot] = []
        for low, high in windows:
            try:
                slot = find_slot(
                    asked.forecast,
                    earliest=low,
                    latest_start=high,
                    duration=asked.length * MICROSECOND,
                )
            except NoSlotError:
                continue
            slots.append(slot)
        best = min(slots, key=lambda slot: (slot.mean_intensity, slot.start), default=None)
        assert starts.cleanest(windows) == best


@pytest.mark.parametrize("seed", range(4))
def test_long_forecasts_answer_as_find_slot(seed: int) -> None:
    """Hundreds of points with many equal values: the same slot for windows of any size."""
    dice = random.Random(seed)
    count = dice.choice([70, 333, 900])
    step = timedelta(minutes=5)
    moments = [T0 + i * step for i in range(count)]
    points = [(moment, dice.choice([1, 2, 3]) * 100) for moment in moments]
    forecast = Forecast.from_points(points, end=moments[-1] + step)
    duration = dice.choice([HOUR, 37 * MICROSECOND, timedelta(minutes=61, seconds=7)])
    starts = Starts.of(forecast, duration)
    last = forecast.end - duration

    for _ in range(150):
        low, high = sorted(T0 + (last - T0) * dice.random() for _ in range(2))
        assert starts.cleanest([(low, high)]) == find_slot(
            forecast, earliest=low, latest_start=high, duration=duration
        )


def test_values_of_many_digits_stay_exact() -> None:
    """Totals that no 64 bits hold are summed as exactly as small ones."""
    forecast = hourly(0.30000000000000004, 0.3, 123.45678901234567)
    starts = Starts.of(forecast, 90 * timedelta(minutes=1))
    window = [(at(0), at(1.5))]

    found = {starts.cleanest(window) for _ in range(5)}

    assert found == {
        find_slot(forecast, earliest=at(0), latest_start=at(1.5), duration=1.5 * HOUR)
    }


def test_most_is_what_no_total_exceeds() -> None:
    """The dirtiest moment for the whole duration; nothing where no slot fits."""
    forecast = hourly(1, 5, 2)

    starts = Starts.of(forecast, 2 * HOUR)

    assert starts.most() == 5 * starts.scale
    assert Starts.of(forecast, 4 * HOUR).most() == 0


def test_any_function_of_time_has_starts() -> None:
    """Runs of integers will do, with no forecast behind them."""
    starts = Starts([Stretch((0, 10, 20), (3, 1))], 5)

    assert starts.lowest([(0, 20)]) == (5, 10)


def test_naive_datetimes_are_refused() -> None:
    """A window without a time zone is an error that says which end lacks it."""
    starts = Starts.of(hourly(1, 2), HOUR)

    with pytest.raises(InvalidInputError, match="first start is naive"):
        starts.cleanest([(datetime(2026, 1, 1), at(1))])  # noqa: DTZ001
    with pytest.raises(InvalidInputError, match="duration must be positive"):
        Starts.of(hourly(1), timedelta(0))


def test_no_whole_slot_is_none() -> None:
    """A window that the forecast does not cover has no cleanest slot."""
    starts = Starts.of(hourly(1, 2), HOUR)

    assert starts.cleanest([(at(5), at(6))]) is None
    assert starts.mean(at(1.5)) is None
    assert starts.mean(datetime(2026, 1, 1, 1, tzinfo=timezone.utc)) == 2
