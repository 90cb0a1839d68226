from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonaware_prefect.core import Forecast, Interval, Policy, decide
from carbonaware_prefect.core.accounting.backtest import (
    Job,
    arrivals_every,
    backtest,
    judge,
    replay,
)
from carbonaware_prefect.errors import InvalidInputError

UTC = timezone.utc
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


def hourly(*grams: float | None, start: datetime = START) -> Forecast:
    """One value an hour from ``start``; None is a gap."""
    return Forecast.from_intervals(
        (start + i * HOUR, start + (i + 1) * HOUR, value)
        for i, value in enumerate(grams)
        if value is not None
    )


def told(forecast: Forecast, arrival: datetime = START, **limits: timedelta) -> Job:
    """The one job that arrives at the start of 3, 1, 2, 5, 5 grams."""
    given: dict[str, timedelta] = {"window": 2 * HOUR, "duration": HOUR}
    actual = hourly(3, 1, 2, 5, 5)
    (job,) = replay(actual, [arrival], forecast=lambda _: forecast, **(given | limits))
    return job


@st.composite
def forecasts(draw: st.DrawFn, *, gaps: bool) -> Forecast:
    """Pieces of 7 to 90 minutes over about a day, a quarter of them missing."""
    pieces = draw(
        st.lists(
            st.tuples(st.sampled_from([7, 15, 30, 60, 90]), st.integers(-2, 9)),
            min_size=20,
            max_size=30,
        )
    )
    start = START - draw(st.integers(0, 40)) * MINUTE
    found: list[tuple[datetime, datetime, float]] = []
    for minutes, grams in pieces:
        if not gaps or not found or draw(st.integers(0, 3)):
            found.append((start, start + minutes * MINUTE, grams))
        start += minutes * MINUTE
    return Forecast.from_intervals(found)


@given(
    actual=forecasts(gaps=False),
    known=forecasts(gaps=True),
    arrival=st.integers(0, 100),
    window=st.integers(0, 300),
    duration=st.integers(1, 130),
    minimum=st.sampled_from([0.0, 0.1, 0.5]),
)
def test_jobs_start_where_decide_says(
    actual: Forecast,
    known: Forecast,
    arrival: int,
    window: int,
    duration: int,
    minimum: float,
) -> None:
    """A back-test moves the jobs that a real decision would, to the same slots."""
    at = START + arrival * MINUTE
    length, wait = duration * MINUTE, window * MINUTE
    policy = Policy(window=wait or MINUTE, duration=length, minimum_saving=minimum)
    if wait == timedelta(0) or actual.mean(at, wait + length) is None:
        return
    decision = decide(policy.bind(at), known, at)
    best = decide(policy.bind(at), actual, at).slot

    (job,) = replay(actual, [at], window=wait, duration=length, forecast=lambda _: known)
    verdict = judge([job], minimum_saving=minimum)

    start = decision.slot.start if decision.wait and decision.slot else at
    assert verdict.chosen == actual.mean(start, length)
    assert verdict.at_once == actual.mean(at, length)
    assert verdict.moved == (start != at)
    if minimum == 0 and best is not None:
        assert verdict.lowest == best.mean_intensity


def test_a_job_knows_all_three_ways() -> None:
    """At once, where the forecast sends it, and the best; with what was promised."""
    job = told(hourly(4, 4, 2, 9))

    assert job == Job(START, START + 2 * HOUR, 3, 2, 1, 0.5)


def test_means_are_weighted_by_time() -> None:
    """A job of 90 minutes that starts between hours has its part of each."""
    job = told(hourly(2, 2, 2, 2, 2), START + 30 * MINUTE, duration=90 * MINUTE)

    assert job.at_once == pytest.approx((30 * 3 + 60 * 1) / 90)
    assert job.lowest == pytest.approx((60 * 1 + 30 * 2) / 90)


def test_equal_starts_go_to_the_first() -> None:
    """A forecast without a difference moves nothing, nor does a later one as good."""
    assert told(hourly(2, 2, 2, 2, 2)).start == START
    assert told(hourly(3, 1, 1, 2, 2)).start == START + HOUR


def test_without_a_forecast_a_job_runs_at_once() -> None:
    """None, and a forecast of another day, leave a job where it is."""
    elsewhere = hourly(3, 1, start=START + timedelta(days=9))
    for known in (None, elsewhere):
        (job,) = replay(
            hourly(3, 1, 2, 5),
            [START],
            window=HOUR,
            duration=HOUR,
            forecast=lambda _, known=known: known,  # type: ignore[misc]
        )
        assert (job.start, job.expected) == (START, None)


def test_a_forecast_that_begins_later_promises_nothing() -> None:
    """The cleanest slot that it covers is taken whatever the minimum saving."""
    job = told(hourly(None, 4, 2, 9))

    assert (job.start, job.expected) == (START + 2 * HOUR, None)
    assert judge([job], minimum_saving=0.9).moved == 1


def test_no_share_of_nothing() -> None:
    """Against a nominal mean of zero there is no share, so none is too small."""
    job = told(hourly(0, -1, 3, 3))

    assert (job.start, job.expected) == (START + HOUR, None)


def test_jobs_whose_window_is_not_covered_are_left_out() -> None:
    """A gap in what came true, or its end, leaves nobody to say what was best."""
    actual = hourly(3, 1, 2, None, 1, 2, 3, 4)
    arrivals = [START + i * HOUR for i in range(9)]

    jobs = replay(
        actual, arrivals, window=HOUR, duration=2 * HOUR, forecast=lambda _: actual
    )

    assert [job.arrival for job in jobs] == [START, START + 4 * HOUR, START + 5 * HOUR]


def test_each_arrival_has_the_forecast_of_its_time() -> None:
    """Forecasts that are issued anew are asked for at each arrival."""
    issued = {START: hourly(9, 1, 9, 9), START + HOUR: hourly(9, 9, 9, 1)}
    actual = hourly(5, 5, 5, 5)

    first, second = replay(
        actual, issued, window=2 * HOUR, duration=HOUR, forecast=issued.__getitem__
    )

    assert first.start == START + HOUR
    assert second.start == START + 3 * HOUR


def test_a_minimum_saving_holds_back_the_smaller_promises() -> None:
    """Only jobs that were promised as much are moved; the others count as at once."""
    small = Job(START, START + HOUR, 100, 130, 90, 0.04)
    large = Job(START, START + HOUR, 100, 60, 50, 0.4)

    loose, strict = judge([small, large]), judge([small, large], minimum_saving=0.05)

    assert (loose.moved, loose.worse, loose.chosen) == (2, 1, 95)
    assert (strict.moved, strict.worse, strict.chosen) == (1, 0, 80)
    assert (strict.jobs, strict.at_once, strict.lowest) == (2, 100, 70)
    assert strict.kept == pytest.approx(20 / 30)
    assert strict.saving == pytest.approx(0.2)
    assert strict.possible == pytest.approx(0.3)
    assert loose.worse_share == 0.5


def test_shares_that_nobody_can_state() -> None:
    """No jobs, nothing to save, and means of zero give no shares."""
    nothing = judge([])
    even = judge([Job(START, START, 0, 0, 0, None)])

    assert (nothing.jobs, nothing.kept, nothing.worse_share) == (0, None, 0)
    assert (even.saving, even.possible, even.kept) == (None, None, None)


def test_perfect_foresight_keeps_all() -> None:
    """The forecast that came true keeps all, its opposite none."""
    actual = hourly(*(5 + (i % 7) for i in range(60)))
    against = hourly(*(12 - (i % 7) for i in range(60)))
    arrivals = list(arrivals_every(5 * HOUR, Interval(START, START + 40 * HOUR)))

    best, worst = (
        backtest(
            actual,
            arrivals,
            window=6 * HOUR,
            duration=90 * MINUTE,
            forecast=lambda _, known=known: known,  # type: ignore[misc]
        )
        for known in (actual, against)
    )

    assert best.kept == pytest.approx(1)
    assert best.worse == 0
    assert worst.kept is not None
    assert worst.kept < 0


def test_arrivals_lie_a_step_apart() -> None:
    """From the start of the interval, up to but not at its end."""
    found = list(arrivals_every(5 * HOUR, Interval(START, START + 10 * HOUR)))

    assert found == [START, START + 5 * HOUR]


@pytest.mark.parametrize(
    ("limits", "arrival", "message"),
    [
        ({"window": -HOUR}, START, "window must not be negative"),
        ({"duration": 0 * HOUR}, START, "duration must be positive"),
        ({}, START.replace(tzinfo=None), "arrival is naive"),
    ],
)
def test_input_that_makes_no_sense(
    limits: dict[str, timedelta], arrival: datetime, message: str
) -> None:
    """What cannot be a job is refused with what was given."""
    with pytest.raises(InvalidInputError, match=message):
        told(hourly(1, 2, 3), arrival, **limits)


def test_steps_go_forward() -> None:
    """Arrivals that never get on are refused."""
    with pytest.raises(InvalidInputError, match="between arrivals must be positive"):
        next(arrivals_every(0 * HOUR, Interval(START, START + HOUR)))


def a_year() -> Iterator[tuple[datetime, float]]:
    """Hourly values that repeat after a prime number of hours."""
    for i in range(8760):
        yield START + i * HOUR, 100 + (i * 37) % 101


def test_a_year_of_arrivals() -> None:
    """Every hour of a year is a job, but for the last, whose windows are not covered."""
    actual = Forecast.from_points(a_year(), end=START + 8760 * HOUR)
    arrivals = arrivals_every(HOUR, Interval(START, actual.end))

    found = backtest(
        actual, arrivals, window=24 * HOUR, duration=2 * HOUR, forecast=lambda _: actual
    )

    assert found.jobs == 8760 - 25
    assert found.kept == pytest.approx(1)
    assert found.worse == 0
