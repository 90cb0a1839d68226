"""Small instances of runs that compete, and the best way to place them by brute force."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from itertools import product

from carbonaware_prefect.core.capacity.demands import Demand, Job, Placement
from carbonaware_prefect.core.forecast import Forecast
from carbonaware_prefect.core.intervals import Interval
from carbonaware_prefect.core.starts import Starts

T0 = datetime(2026, 1, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)

Occupied = list[tuple[Interval, tuple[str, ...]]]


def at(hours: float) -> datetime:
    """So many hours after the start of all instances."""
    return T0 + hours * HOUR


def hourly(*values: float) -> Forecast:
    """One value an hour."""
    points = [(at(i), value) for i, value in enumerate(values)]
    return Forecast.from_points(points, end=at(len(values)))


def demand(
    key: str,
    forecast: Forecast,
    window: tuple[float, float],
    *,
    hours: float = 1,
    nominal: float | None = None,
    resources: tuple[str, ...] = ("pool",),
    minimum_saving: float = 0.0,
) -> Demand:
    """A run whose times are given in hours."""
    return Demand(
        key=key,
        forecast=forecast,
        duration=hours * HOUR,
        ranges=((at(window[0]), at(window[1])),),
        nominal=None if nominal is None else at(nominal),
        resources=resources,
        minimum_saving=minimum_saving,
    )


def job(run: Demand) -> Job:
    """The same in integers."""
    return Job(run, Starts.of(run.forecast, run.duration))


@dataclass
class Instance:
    """Runs on whole hours, and for each the starts that it may choose with their costs."""

    runs: list[Demand]
    limits: dict[str, int]
    occupied: Occupied
    options: list[list[tuple[int, int]]]


def instance(seed: int, *, most: int = 5, saving: bool = True) -> Instance:
    """A random one; in half of them all runs are equally long."""
    dice = random.Random(seed)
    hours = dice.randint(6, 14)
    values = [
        [10 * dice.randint(0, 12) for _ in range(hours + 6)]
        for _ in range(dice.randint(1, 3))
    ]
    forecasts = [hourly(*zone) for zone in values]
    alike = dice.random() < 0.5
    limits = {"a": dice.randint(1, 2), "b": 1, "c": dice.randint(1, 3)}
    runs: list[Demand] = []
    options: list[list[tuple[int, int]]] = []
    for i in range(dice.randint(2, most)):
        length = 1 if alike else dice.choice([1, 1, 2, 3])
        low = dice.randrange(hours - 2)
        high = min(hours - 1, low + dice.randint(0, 6))
        zone = dice.randrange(len(values))
        nominal = (
            None if dice.random() < 0.3 else dice.choice([low, low, dice.randrange(hours)])
        )
        run = demand(
            f"run {i}",
            forecasts[zone],
            (low, high),
            hours=length,
            nominal=nominal,
            resources=tuple(n for n in limits if dice.random() < 0.6) or ("a",),
            minimum_saving=dice.choice([0, 0.1, 0.3]) if saving else 0,
        )
        runs.append(run)
        options.append(_options(values[zone], low, high, length, run, nominal))
    occupied: Occupied = [
        (Interval(at(hour), at(hour + 1)), ("a", "b"))
        for hour in range(hours)
        if dice.random() < 0.15
    ]
    return Instance(runs, limits, occupied, options)


def _options(
    values: Sequence[int],
    low: int,
    high: int,
    length: int,
    run: Demand,
    nominal: int | None,
) -> list[tuple[int, int]]:
    costs = [sum(values[hour : hour + length]) for hour in range(len(values))]
    options = [(hour, costs[hour]) for hour in range(low, high + 1)]
    if nominal is None:
        return options
    base = costs[nominal]
    least = Fraction(str(run.minimum_saving))
    enough = [
        (hour, cost)
        for hour, cost in options
        if cost < base and (base <= 0 or 1 - Fraction(cost, base) >= least)
    ]
    return [*enough, (nominal, base)]


def best(case: Instance) -> tuple[int, int]:
    """The least overload in hours, and the least emissions with it: all ways tried."""
    held: Counter[tuple[str, int]] = Counter()
    for interval, names in case.occupied:
        hour = (interval.start - T0) // HOUR
        held.update((name, hour) for name in names)
    values = []
    for choice in product(*case.options):
        use = held.copy()
        for run, (start, _) in zip(case.runs, choice, strict=True):
            for hour in range(start, start + run.duration // HOUR):
                use.update((name, hour) for name in run.resources)
        overload = sum(max(0, n - case.limits[name]) for (name, _), n in use.items())
        values.append((overload, sum(cost for _, cost in choice)))
    return min(values)


def value(
    runs: Sequence[Demand],
    placements: Sequence[Placement],
    limits: Mapping[str, int],
    occupied: Occupied = [],  # noqa: B006  read only
) -> tuple[float, float]:
    """Overload in hours, and emissions in g/kWh times hours, of placements."""
    changes: dict[str, list[tuple[datetime, int]]] = {name: [] for name in limits}
    emissions = 0.0
    spans = [(i.start, i.end, names) for i, names in occupied]
    for run, placement in zip(runs, placements, strict=True):
        assert placement.start is not None
        assert placement.mean_intensity is not None
        emissions += placement.mean_intensity * (run.duration / HOUR)
        spans.append((placement.start, placement.start + run.duration, run.resources))
    for start, end, names in spans:
        for name in names:
            if name in limits:
                changes[name] += [(start, 1), (end, -1)]
    overload = 0.0
    for name, moments in changes.items():
        count, before = 0, T0
        for moment, change in sorted(moments):
            overload += max(0, count - limits[name]) * ((moment - before) / HOUR)
            count, before = count + change, moment
    return round(overload, 6), round(emissions, 6)
