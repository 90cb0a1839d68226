"""The slot search: speed and result beside CATS, growth, and a brute-force check.

CATS (climate-aware-task-scheduler 1.2.1) joins the points by straight lines and tries the
starts that lie whole steps after the first; we hold each point until the next and try
every start. Both choices are therefore judged both ways.
"""

from __future__ import annotations

import math
import random
import statistics
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import accumulate
from time import perf_counter

from cats.forecast import PointEstimate, WindowedForecast

from benchmarks import render
from carbonaware_prefect.core import Forecast, Slot, find_slot

__all__ = ["headlines", "main", "run"]

T0 = datetime(2026, 1, 1, tzinfo=timezone.utc)
STEP = timedelta(minutes=5)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)
POINTS_IN_72_HOURS = 864
SEED = 20260101
ON_GRID = "864 points of 5 min, duration 4 h, window on the grid"

Points = list[tuple[datetime, float]]


def run() -> dict[str, object]:
    """Measure everything; sections of rows."""
    points = series(POINTS_IN_72_HOURS)
    on_grid = versus_cats(points, T0, timedelta(hours=4))
    off_grid = versus_cats(
        points,
        T0 + timedelta(minutes=2, seconds=17),
        timedelta(hours=3, minutes=51),
    )
    return {
        ON_GRID: on_grid,
        "the same points, duration 3 h 51 min, window from 00:02:17": off_grid,
        "growth (ours): 5 min points, duration 4 h, widest window": growth(),
        "ours against brute force at 1 s, random series": brute_force(),
    }


def main() -> None:
    """Measure and print."""
    print(render(run()))


def headlines(results: dict[str, list[dict[str, object]]]) -> dict[str, str]:
    """What the README says."""
    ours = next(row for row in results[ON_GRID] if row["search"] == "find_slot")
    return {
        "`find_slot`, 4 h in 864 points (median)": f"{ours['ms median']:.2f} ms",
        "CATS on the same points": f"{ours['CATS / this (median)']:.0f} x as long",
    }


def series(count: int) -> Points:
    """A daily swing with noise, in tenths of a gram, the same each time."""
    dice = random.Random(SEED)
    return [
        (
            T0 + i * STEP,
            round(300 + 120 * math.cos(2 * math.pi * i / 288) + dice.gauss(0, 25), 1),
        )
        for i in range(count)
    ]


def versus_cats(
    points: Points, earliest: datetime, duration: timedelta
) -> list[dict[str, object]]:
    """Both on the same points and the same window of starts."""
    estimates = [PointEstimate(value=value, datetime=start) for start, value in points]
    forecast = forecast_of(points)
    minutes = duration // timedelta(minutes=1)

    def windows(start: datetime) -> WindowedForecast:
        return WindowedForecast(estimates, duration=minutes, start=start)

    # CATS tries len() starts, one step apart: that makes the window for both.
    latest_start = earliest + (len(windows(earliest)) - 1) * STEP

    def search(forecast: Forecast) -> Slot:
        return find_slot(
            forecast, earliest=earliest, latest_start=latest_start, duration=duration
        )

    cats_ms = milliseconds(lambda: min(windows(earliest)), 15)
    ours_ms = milliseconds(lambda: search(forecast), 75)
    built_ms = milliseconds(lambda: search(forecast_of(points)), 15)
    rows: list[dict[str, object]] = []
    for name, start, spent in (
        ("CATS", min(windows(earliest)).start, cats_ms),
        ("find_slot", search(forecast).start, ours_ms),
        ("find_slot + building the forecast", search(forecast).start, built_ms),
    ):
        mean = forecast.mean(start, duration)
        assert mean is not None  # noqa: S101  both choose inside the forecast
        rows.append(
            {
                "search": name,
                "ms best": min(spent),
                "ms median": statistics.median(spent),
                "CATS / this (median)": statistics.median(cats_ms)
                / statistics.median(spent),
                "start": f"{start:%d %H:%M:%S.%f}",
                "g/kWh as steps": mean,
                "g/kWh as lines": float(windows(start)[0].value),
            }
        )
    return rows


def growth() -> list[dict[str, object]]:
    """Time per search and per point as the forecast grows."""
    rows: list[dict[str, object]] = []
    duration = timedelta(hours=4)
    for count, repeats in ((864, 50), (8_640, 10), (86_400, 3)):
        points = series(count)
        forecast = forecast_of(points)
        latest_start = forecast.end - duration

        def search(
            forecast: Forecast = forecast, latest_start: datetime = latest_start
        ) -> Slot:
            return find_slot(
                forecast, earliest=T0, latest_start=latest_start, duration=duration
            )

        def build(points: Points = points) -> Forecast:
            return forecast_of(points)

        spent = milliseconds(search, repeats)
        built = milliseconds(build, 3)
        rows.append(
            {
                "points": f"{count:,}",
                "ms best": min(spent),
                "ms median": statistics.median(spent),
                "us per point": 1000 * min(spent) / count,
                "ms to build": min(built),
            }
        )
    return rows


def brute_force() -> list[dict[str, object]]:
    """Every whole second of a day tried on random series, in exact integers."""
    dice = random.Random(SEED)
    return [
        compare("whole seconds", [random_case(dice, SECOND) for _ in range(40)]),
        compare("microseconds", [random_case(dice, MICROSECOND) for _ in range(40)]),
    ]


def random_case(dice: random.Random, unit: timedelta) -> tuple[Points, int]:
    """Points at random moments of 30 hours, and a duration in seconds."""
    span = timedelta(hours=30) // unit
    moments = [0, *sorted(dice.sample(range(1, span), 60))]
    points = [(T0 + m * unit, dice.randint(-500, 9000) / 10) for m in moments]
    return points, dice.randint(60, 6 * 3600)


def compare(name: str, cases: list[tuple[Points, int]]) -> dict[str, object]:
    """How much better ours is than the best whole second, over all cases."""
    gains: list[float] = []
    same_start = 0
    for points, seconds in cases:
        forecast = forecast_of(points, T0 + timedelta(hours=30))
        slot = find_slot(
            forecast,
            earliest=T0,
            latest_start=T0 + timedelta(hours=24),
            duration=seconds * SECOND,
        )
        best, start = best_second(points, seconds)
        gains.append(best - slot.mean_intensity)
        same_start += T0 + start * SECOND == slot.start
    return {
        "points at": name,
        "series": len(cases),
        "starts each": 24 * 3600 + 1,
        "same start": same_start,
        "never worse": min(gains) >= 0,
        "max gain g/kWh": max(gains),
        "min gain g/kWh": min(gains),
    }


def best_second(points: Points, seconds: int) -> tuple[float, int]:
    """The lowest mean of all whole-second starts in a day, and the first with it."""
    moments = [(start - T0) // MICROSECOND for start, _ in points]
    tenths = [round(10 * value) for _, value in points]
    held = [
        value * (end - start)
        for value, start, end in zip(tenths, moments, moments[1:], strict=False)
    ]
    before = [0, *accumulate(held)]

    def integral(second: int) -> int:
        moment = second * 1_000_000
        i = bisect_right(moments, moment) - 1
        return before[i] + tenths[i] * (moment - moments[i])

    integrals = [integral(second) for second in range(24 * 3600 + seconds + 1)]
    lowest, start = min(
        (integrals[s + seconds] - integrals[s], s) for s in range(24 * 3600 + 1)
    )
    return lowest / (seconds * 1_000_000 * 10), start


def forecast_of(points: Points, end: datetime | None = None) -> Forecast:
    """The points, the last one held for one step."""
    return Forecast.from_points(points, end=points[-1][0] + STEP if end is None else end)


def milliseconds(work: Callable[[], object], repeats: int) -> list[float]:
    """What each of ``repeats`` calls took, after one to warm up."""
    work()
    spent: list[float] = []
    for _ in range(repeats):
        started = perf_counter()
        work()
        spent.append(1000 * (perf_counter() - started))
    return spent


if __name__ == "__main__":
    main()
