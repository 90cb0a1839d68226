"""Forecasts as lines of text: bars, gaps, floors and ticks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from carbonaware_prefect.charts.scale import nice_ceiling, steps
from carbonaware_prefect.charts.terminal import AXIS, draw, step_for, time_axis
from carbonaware_prefect.core import Forecast

MIDNIGHT = datetime(2026, 11, 21, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


def hours(*grams: float | None) -> Forecast:
    """A forecast of hours from midnight on, with gaps where there is no number."""
    return Forecast.from_intervals(
        (MIDNIGHT + i * HOUR, MIDNIGHT + (i + 1) * HOUR, value)
        for i, value in enumerate(grams)
        if value is not None
    )


def test_steps_are_means_of_what_is_known() -> None:
    """A step that is half known has the mean of that half; one that is not has none."""
    made = steps(hours(100, 300, None, None, 50), MIDNIGHT, MIDNIGHT + 5 * HOUR, 2 * HOUR)

    assert [(one.mean, one.covered) for one in made] == [(200, 1), (None, 0), (50, 1)]
    assert made[-1].end - made[-1].start == HOUR
    (half,) = steps(hours(None, 80), MIDNIGHT, MIDNIGHT + 2 * HOUR, 2 * HOUR)
    assert (half.mean, half.covered) == (80, 0.5)


def test_a_gap_is_a_dot_and_zero_is_empty() -> None:
    """What is not known looks unlike zero."""
    chart = draw(hours(100, None, 0, -20), None, now=MIDNIGHT, step=HOUR, columns=5)

    assert chart.lines[-1] == f"{'g/kWh':>6}  █·  ·"


def test_a_floor_above_zero_is_named() -> None:
    """Values far above zero are drawn from a round number, which the axis names."""
    forecast = hours(350, 380, 400)
    frame = {"now": MIDNIGHT, "step": HOUR, "columns": 3}
    floored = draw(forecast, None, from_zero=False, **frame)  # type: ignore[arg-type]
    wide = draw(hours(10, 400), None, from_zero=False, **frame)  # type: ignore[arg-type]

    assert [line[:AXIS].strip() for line in floored.lines][1::3] == ["400", "325"]
    assert wide.lines[-1].startswith(f"{'0':>6}")


def test_an_empty_picture() -> None:
    """A time that nothing is known about makes dots, not an error."""
    later = MIDNIGHT + 50 * HOUR
    chart = draw(hours(1), None, now=later, step=HOUR, columns=3, from_zero=False)

    assert chart.lines[-1].endswith("···")


def test_time_axis() -> None:
    """Ticks stand at their columns, midnight shows the date, and nothing overlaps."""
    rule, labels = time_axis(MIDNIGHT - 2 * HOUR, HOUR / 6, 36)

    assert [i - AXIS for i, letter in enumerate(rule) if letter == "┴"] == [0, 12, 24]
    assert labels == " " * AXIS + "22:00       Sat 21      02:00"


def test_step_for() -> None:
    """The span fits into the width with round steps."""
    assert step_for(24 * HOUR, 71) == timedelta(minutes=30)
    assert step_for(24 * HOUR, 96) == timedelta(minutes=15)
    assert 336 * HOUR / step_for(336 * HOUR, 30) <= 30


def test_nice_ceiling() -> None:
    """Round numbers that are not below."""
    assert [nice_ceiling(value) for value in (0, 0.3, 1, 383, 1001)] == [
        1,
        0.4,
        1,
        400,
        2000,
    ]
