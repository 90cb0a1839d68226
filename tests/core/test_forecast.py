from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.errors import (
    CarbonAwareError,
    InvalidForecastError,
    InvalidInputError,
    SourceError,
    SourceRateLimitedError,
)

UTC = timezone.utc
BERLIN = ZoneInfo("Europe/Berlin")
T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
UNKNOWN = (
    ": leave a value that is not known out (a gap is allowed), it must be a finite "
    "number of gCO2/kWh"
)


def hourly(*values: float, **names: Any) -> Forecast:
    """One value an hour from T0."""
    points = [(T0 + i * HOUR, value) for i, value in enumerate(values)]
    return Forecast.from_points(points, end=T0 + len(values) * HOUR, **names)


def refusal(points: Any, end: Any = T0 + 24 * HOUR) -> str:
    """What `Forecast.from_points` says when it refuses."""
    with pytest.raises(InvalidForecastError) as caught:
        Forecast.from_points(points, end=end)
    return str(caught.value)


def interval_refusal(intervals: Any) -> str:
    """What `Forecast.from_intervals` says when it refuses."""
    with pytest.raises(InvalidForecastError) as caught:
        Forecast.from_intervals(intervals)
    return str(caught.value)


def test_each_point_holds_until_the_next() -> None:
    """Points turn into half-open intervals, the last one ending at ``end``."""
    forecast = Forecast.from_points(
        [(T0, 300), (T0 + HOUR, 100.5)], end=T0 + 4 * HOUR, zone="DE"
    )

    assert list(forecast) == [
        (Interval(T0, T0 + HOUR), 300.0),
        (Interval(T0 + HOUR, T0 + 4 * HOUR), 100.5),
    ]
    assert len(forecast) == 2
    assert (forecast.start, forecast.end) == (T0, T0 + 4 * HOUR)


def test_names_are_kept() -> None:
    """Zone, source, signal and issue time are what was given."""
    forecast = hourly(
        1,
        zone="DE",
        source="file",
        signal="marginal",
        issued_at=datetime(2026, 1, 1, 1, tzinfo=BERLIN),
    )

    assert (forecast.zone, forecast.source, forecast.signal) == ("DE", "file", "marginal")
    assert forecast.issued_at == T0
    assert forecast.issued_at.tzinfo is UTC


def test_intervals_keep_their_names() -> None:
    """`from_intervals` takes the same names as `from_points`."""
    names: dict[str, Any] = {
        "zone": "DE",
        "source": "file",
        "signal": "marginal",
        "issued_at": T0,
    }

    assert Forecast.from_intervals([(T0, T0 + HOUR, 1)], **names) == hourly(1, **names)


def test_names_are_optional() -> None:
    """Without names the signal is average and the rest is unknown."""
    forecast = hourly(1)

    assert forecast.signal == "average"
    assert forecast.zone is None
    assert forecast.source is None
    assert forecast.issued_at is None


def test_signal_must_be_known() -> None:
    """A signal other than average and marginal is refused."""
    with pytest.raises(InvalidForecastError) as caught:
        hourly(1, signal="green")

    assert str(caught.value) == "signal must be one of average, marginal; got 'green'"


def test_issue_time_must_be_aware() -> None:
    """A naive issue time is refused."""
    with pytest.raises(InvalidInputError, match="issued_at is naive"):
        hourly(1, issued_at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_equal_forecasts_are_equal() -> None:
    """Equality and hash look at what was given, not at how it was built."""
    points = hourly(1, 2.5, zone="DE")
    intervals = Forecast.from_intervals(
        [(T0, T0 + HOUR, 1.0), (T0 + HOUR, T0 + 2 * HOUR, 5 / 2)],
        zone="DE",
    )

    assert points == intervals
    assert hash(points) == hash(intervals)


@pytest.mark.parametrize(
    "other",
    [
        hourly(1, 2, zone="FR"),
        hourly(1, 2, zone="DE", signal="marginal"),
        hourly(1, 2, zone="DE", source="file"),
        hourly(1, 2, zone="DE", issued_at=T0),
        hourly(1, 3, zone="DE"),
        hourly(1, zone="DE"),
        "forecast",
    ],
)
def test_different_forecasts_differ(other: object) -> None:
    """A difference in numbers or names makes a different forecast."""
    assert hourly(1, 2, zone="DE") != other


def test_repr_says_what_it_is() -> None:
    """The repr names zone, source, signal, span and size; not every value."""
    assert repr(hourly(1, 2, zone="DE", source="file")) == (
        "<Forecast zone=DE source=file signal=average 2026-01-01T00:00:00+00:00 "
        "to 2026-01-01T02:00:00+00:00, 2 intervals>"
    )


def test_gap_stays_a_gap() -> None:
    """Intervals that do not touch are separate stretches."""
    intervals = [(T0, T0 + HOUR, 1), (T0 + 2 * HOUR, T0 + 3 * HOUR, 2)]
    forecast = Forecast.from_intervals(intervals)

    assert [(i.start, i.end, value) for i, value in forecast] == intervals
    assert len(forecast.stretches) == 2
    assert len(forecast) == 2


def test_intervals_that_touch_make_one_stretch() -> None:
    """Where no time is missing there is no gap."""
    assert len(hourly(1, 2, 3).stretches) == 1


def test_local_times_are_instants() -> None:
    """Local midnight to midnight on the short day is 23 hours."""
    forecast = Forecast.from_points(
        [(datetime(2026, 3, 29, tzinfo=BERLIN), 100)],
        end=datetime(2026, 3, 30, tzinfo=BERLIN),
    )

    assert forecast.end - forecast.start == timedelta(hours=23)
    assert forecast.start.tzinfo is UTC


def test_repeated_local_hour_is_two_hours() -> None:
    """02:00 comes twice on 2026-10-25, and each counts."""
    start = datetime(2026, 10, 25, 2, tzinfo=BERLIN)
    forecast = Forecast.from_points(
        [(start, 100), (start.replace(fold=1), 200)],
        end=datetime(2026, 10, 25, 3, tzinfo=BERLIN),
    )

    assert [(i.duration, value) for i, value in forecast] == [(HOUR, 100.0), (HOUR, 200.0)]


def test_same_instant_in_two_zones_is_a_duplicate() -> None:
    """Two local times of one instant are the same start."""
    skipped = datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN)
    shown = datetime(2026, 3, 29, 3, 30, tzinfo=BERLIN)

    assert refusal([(skipped, 1), (shown, 2)], end=shown + HOUR) == (
        "forecast point 1 is duplicated: 2026-03-29T01:30:00+00:00 after "
        "2026-03-29T01:30:00+00:00; starts must strictly increase"
    )


def test_no_points_are_refused() -> None:
    """An empty forecast is no forecast."""
    assert refusal([]) == "a forecast needs at least one point, got none"


def test_no_intervals_are_refused() -> None:
    """An empty forecast is no forecast, whichever way it is built."""
    assert interval_refusal([]) == "a forecast needs at least one point, got none"


def test_unsorted_points_are_refused() -> None:
    """Points are not sorted behind the caller's back."""
    assert refusal([(T0 + HOUR, 1), (T0, 2)]) == (
        "forecast point 1 is out of order: 2026-01-01T00:00:00+00:00 after "
        "2026-01-01T01:00:00+00:00; starts must strictly increase"
    )


def test_duplicate_points_are_refused() -> None:
    """Two values for one moment are refused."""
    assert refusal([(T0, 1), (T0 + HOUR, 1), (T0 + HOUR, 2)]) == (
        "forecast point 2 is duplicated: 2026-01-01T01:00:00+00:00 after "
        "2026-01-01T01:00:00+00:00; starts must strictly increase"
    )


@pytest.mark.parametrize("end", [T0, T0 - HOUR])
def test_end_must_follow_the_last_point(end: datetime) -> None:
    """The last point needs a time in which it holds."""
    assert refusal([(T0 - 2 * HOUR, 1), (T0, 2)], end=end) == (
        "forecast point 1 must end after it starts: 2026-01-01T00:00:00+00:00 "
        f"to {end.isoformat()}"
    )


def test_naive_point_is_refused() -> None:
    """The refusal says which point is naive."""
    assert refusal([(T0, 1), (datetime(2026, 1, 2), 2)]).startswith(  # noqa: DTZ001
        "forecast point 1 is naive: 2026-01-02T00:00:00 names no time zone."
    )


def test_naive_end_is_refused() -> None:
    """The end is held to the same rule."""
    assert refusal([(T0, 1)], end=datetime(2026, 1, 2)).startswith(  # noqa: DTZ001
        "the forecast's end is naive: 2026-01-02T00:00:00 names no time zone."
    )


def test_point_must_be_a_pair() -> None:
    """A point of another shape is shown."""
    assert refusal([(T0, 1, 2)]) == (
        f"a point is (start, grams_per_kwh), got {(T0, 1, 2)!r}"
    )


def test_point_must_be_a_tuple() -> None:
    """What cannot be taken apart is no point."""
    assert refusal([7]) == "a point is (start, grams_per_kwh), got 7"


@pytest.mark.parametrize("stranger", [(T0, 1), 7])
def test_interval_must_be_a_triple(stranger: object) -> None:
    """An interval of another shape is shown."""
    assert interval_refusal([stranger]) == (
        f"an interval is (start, end, grams_per_kwh), got {stranger!r}"
    )


def test_unsorted_intervals_are_refused() -> None:
    """Intervals are not sorted behind the caller's back."""
    intervals = [(T0 + 2 * HOUR, T0 + 3 * HOUR, 1), (T0, T0 + HOUR, 2)]

    assert interval_refusal(intervals) == (
        "forecast interval 1 is out of order: 2026-01-01T00:00:00+00:00 after "
        "2026-01-01T02:00:00+00:00; starts must strictly increase"
    )


def test_duplicate_intervals_are_refused() -> None:
    """Two intervals with one start are refused."""
    assert interval_refusal([(T0, T0 + HOUR, 1), (T0, T0 + 2 * HOUR, 2)]) == (
        "forecast interval 1 is duplicated: 2026-01-01T00:00:00+00:00 after "
        "2026-01-01T00:00:00+00:00; starts must strictly increase"
    )


def test_overlapping_intervals_are_refused() -> None:
    """Two values for the same time are refused."""
    intervals = [(T0, T0 + 2 * HOUR, 1), (T0 + HOUR, T0 + 3 * HOUR, 2)]

    assert interval_refusal(intervals) == (
        "forecast interval 1 overlaps the one before: starts 2026-01-01T01:00:00+00:00, "
        "the one before ends 2026-01-01T02:00:00+00:00"
    )


def test_interval_must_have_length() -> None:
    """An interval that ends where the next starts may still be empty."""
    assert interval_refusal([(T0, T0, 1), (T0, T0 + HOUR, 2)]) == (
        "forecast interval 0 must end after it starts: 2026-01-01T00:00:00+00:00 "
        "to 2026-01-01T00:00:00+00:00"
    )


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("sNaN")], ids=repr
)
def test_value_that_is_not_finite_is_refused(value: Any) -> None:
    """NaN and infinities are refused, with the way to say that a value is unknown."""
    assert refusal([(T0, 1), (T0 + HOUR, value)]) == f"forecast value 1 is {value!r}" + (
        UNKNOWN
    )


@pytest.mark.parametrize(
    "value",
    [10**400, -(10**5000), Fraction(10**5000, 3)],
    ids=["int", "int too long to print", "fraction"],
)
def test_value_beyond_a_float_is_refused(value: Any) -> None:
    """A number that no float holds is refused as too large."""
    assert refusal([(T0, value)]) == f"forecast value 0 is too large{UNKNOWN}"


@pytest.mark.parametrize("value", [None, True, "100", b"1", 1j, [1]], ids=repr)
def test_value_that_is_no_number_is_refused(value: Any) -> None:
    """Absent values, booleans and text are not read as numbers."""
    assert refusal([(T0, value)]) == (
        f"forecast value 0 must be a number of gCO2/kWh, got {value!r}"
    )


def test_interval_values_are_checked_too() -> None:
    """Both ways to build a forecast refuse the same values."""
    assert interval_refusal([(T0, T0 + HOUR, None)]) == (
        "forecast value 0 must be a number of gCO2/kWh, got None"
    )


def test_refusal_is_a_value_error() -> None:
    """Callers may catch the builtin."""
    assert issubclass(InvalidForecastError, ValueError)


@pytest.mark.parametrize(
    "value", [5, 5.0, Decimal(5), Decimal("5.0"), Fraction(10, 2), Fraction(5)], ids=repr
)
def test_any_real_number_is_taken(value: Any) -> None:
    """Every kind of real number counts by its value."""
    assert hourly(value) == hourly(5)


def test_long_fraction_is_rounded_to_a_float() -> None:
    """A fraction with more digits than can be printed still has a float."""
    assert hourly(Fraction(10**5000 + 1, 10**5000)).mean(T0, HOUR) == 1.0  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -0.0, -12.5, 1e-300, 1.7e308, 100.1])
def test_extreme_values_survive(value: float) -> None:
    """Zero, negative, tiny and huge values come back as they went in."""
    forecast = hourly(value)

    assert [shown for _, shown in forecast] == [value]
    assert forecast.mean(T0, HOUR) == value


def test_values_count_as_they_print() -> None:
    """Ten times 0.1 is exactly 1: sums are decimal, not binary."""
    tenths = hourly(*[0.1] * 10)
    mixed = hourly(*[0.3, 0.0, 0.0] * 3, 0.1)

    assert tenths.mean(T0, 10 * HOUR) == mixed.mean(T0, 10 * HOUR) == 0.1


@pytest.mark.parametrize(
    ("start", "hours", "expected"),
    [
        (0, 1, 300.0),
        (0, 3, 200.0),
        (0.5, 1, 200.0),
        (0.75, 0.5, 200.0),
        (1.25, 0.5, 100.0),
        (0.75, 2, 162.5),
        (1, 2, 150.0),
    ],
)
def test_mean_is_weighted_by_time(start: float, hours: float, expected: float) -> None:
    """Each interval counts by the time it holds within the span."""
    assert hourly(300, 100, 200).mean(T0 + start * HOUR, hours * HOUR) == expected


@pytest.mark.parametrize(
    ("start", "hours"), [(-1, 1), (-0.5, 1), (2.5, 1), (3, 1), (0, 4), (-1, 6)]
)
def test_mean_outside_the_forecast_is_unknown(start: float, hours: float) -> None:
    """What the forecast does not cover entirely has no mean."""
    assert hourly(300, 100, 200).mean(T0 + start * HOUR, hours * HOUR) is None


def test_mean_across_a_gap_is_unknown() -> None:
    """A gap is neither bridged nor read as zero."""
    forecast = Forecast.from_intervals(
        [(T0, T0 + HOUR, 100), (T0 + 2 * HOUR, T0 + 3 * HOUR, 100)]
    )

    assert forecast.mean(T0, 3 * HOUR) is None
    assert forecast.mean(T0 + HOUR, HOUR) is None
    assert forecast.mean(T0 + 2 * HOUR, HOUR) == 100.0


def test_mean_counts_real_time_across_a_clock_change() -> None:
    """Two hours from 01:00 on the short day end at 04:00 local time."""
    forecast = Forecast.from_points(
        [
            (datetime(2026, 3, 29, 1, tzinfo=BERLIN), 100),
            (datetime(2026, 3, 29, 3, tzinfo=BERLIN), 200),
            (datetime(2026, 3, 29, 4, tzinfo=BERLIN), 900),
        ],
        end=datetime(2026, 3, 29, 5, tzinfo=BERLIN),
    )

    assert forecast.mean(datetime(2026, 3, 29, 1, tzinfo=BERLIN), 2 * HOUR) == 150.0


@pytest.mark.parametrize("duration", [timedelta(0), -HOUR])
def test_mean_needs_a_positive_duration(duration: timedelta) -> None:
    """No time has no mean."""
    with pytest.raises(InvalidInputError) as caught:
        hourly(1).mean(T0, duration)

    assert str(caught.value) == f"duration must be positive, got {duration!r}"


def test_mean_needs_an_aware_start() -> None:
    """A naive start is refused."""
    with pytest.raises(InvalidInputError, match="start is naive"):
        hourly(1).mean(datetime(2026, 1, 1), HOUR)  # noqa: DTZ001


def test_rate_limit_carries_the_seconds() -> None:
    """A source that asks to wait says how long, where it knows."""
    told = SourceRateLimitedError("asked too often", retry_after=30.0)
    untold = SourceRateLimitedError("asked too often")

    assert (str(told), told.retry_after) == ("asked too often", 30.0)
    assert untold.retry_after is None
    assert isinstance(told, SourceError)
    assert isinstance(told, CarbonAwareError)
