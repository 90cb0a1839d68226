from __future__ import annotations

import math
import random
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonaware_prefect.core import Forecast
from carbonaware_prefect.core.capacity.demands import Demand, Placement
from carbonaware_prefect.core.capacity.place import place
from carbonaware_prefect.core.capacity.spread import spread
from carbonaware_prefect.core.intervals import Interval
from carbonaware_prefect.core.starts import Starts
from tests.core.capacity.instances import (
    HOUR,
    T0,
    Occupied,
    at,
    best,
    demand,
    hourly,
    instance,
    job,
    value,
)

MINUTE = timedelta(minutes=1)


def fleet(seed: int, runs: int) -> tuple[list[Demand], dict[str, int]]:
    """Runs of any length at any second, in two zones, under limits that bind."""
    dice = random.Random(seed)
    step = 5 * MINUTE
    moments = [T0 + i * step for i in range(300)]
    forecasts = []
    for zone in range(2):
        swing = [300 + 150 * math.cos(i / 46 + zone) for i in range(300)]
        points = [
            (m, round(v + dice.gauss(0, 15), 1))
            for m, v in zip(moments, swing, strict=True)
        ]
        forecasts.append(Forecast.from_points(points, end=moments[-1] + step))
    demands = []
    for i in range(runs):
        low = T0 + dice.uniform(0, 12) * HOUR
        ranges = [(low, low + dice.uniform(0.5, 6) * HOUR)]
        if dice.random() < 0.3:
            ranges.append((low + 7 * HOUR, low + 8 * HOUR))
        own = dice.choice(["team 1", "team 2", "team 3"])
        demands.append(
            Demand(
                key=f"run {i:03}",
                forecast=dice.choice(forecasts),
                duration=timedelta(seconds=round(dice.uniform(60, 7200), 3)),
                ranges=tuple(ranges),
                nominal=dice.choice([None, low, low]),
                resources=("pool", own),
                minimum_saving=dice.choice([0.0, 0.02]),
            )
        )
    hours = sum((c.duration for c in demands), timedelta(0)) / HOUR
    return demands, {
        "pool": math.ceil(hours / 10),
        "team 1": 2,
        "team 2": max(1, runs // 12),
        "team 3": runs,
    }


def one_by_one(
    demands: list[Demand], limits: dict[str, int], occupied: Occupied
) -> list[Placement]:
    """Each in its turn, beside those before it."""
    held = list(occupied)
    found = {}
    for run in sorted(demands, key=lambda c: (c.nominal or c.ranges[0][0], c.key)):
        (placement,) = place([run], limits, held)
        assert placement.start is not None
        held.append(
            (Interval(placement.start, placement.start + run.duration), run.resources)
        )
        found[run.key] = placement
    return [found[run.key] for run in demands]


@pytest.mark.parametrize("block", range(10))
def test_few_runs_are_placed_as_well_as_in_any_way(block: int) -> None:
    """No way on whole hours has less overload, or the same and lower emissions."""
    for seed in range(25 * block, 25 * (block + 1)):
        case = instance(seed)

        placements = place(case.runs, case.limits, case.occupied)

        found = value(case.runs, placements, case.limits, case.occupied)
        assert found <= best(case), seed


@pytest.mark.parametrize("seed", range(4))
def test_never_worse_than_one_by_one(seed: int) -> None:
    """Overload, then emissions, of the obvious way are never lower."""
    runs, limits = fleet(seed, 25)
    occupied: Occupied = [(Interval(at(1), at(4.3)), ("pool", "team 1", "elsewhere"))]

    placements = place(runs, limits, occupied)

    plain = one_by_one(runs, limits, occupied)
    assert value(runs, placements, limits, occupied) <= value(runs, plain, limits, occupied)


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_each_run_starts_where_it_may(seed: int) -> None:
    """At its nominal start, or in its window where that saves enough; never dirtier."""
    runs, limits = fleet(seed, 15)

    for run, placement in zip(runs, place(runs, limits), strict=True):
        assert placement.start is not None
        assert placement.mean_intensity == run.forecast.mean(placement.start, run.duration)
        if placement.start != run.nominal:
            assert any(low <= placement.start <= high for low, high in run.ranges)
        if run.nominal is not None and placement.start != run.nominal:
            assert placement.mean_intensity is not None
            assert placement.intensity_nominal is not None
            saving = 1 - placement.mean_intensity / placement.intensity_nominal
            assert saving >= run.minimum_saving - 1e-12
            assert placement.mean_intensity < placement.intensity_nominal


@settings(max_examples=8)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_the_order_of_the_runs_does_not_matter(seed: int, dice: random.Random) -> None:
    """The same runs in another order get the same starts."""
    runs, limits = fleet(seed, 20)
    shuffled = list(runs)
    dice.shuffle(shuffled)

    first = {p.key: p for p in place(runs, limits)}

    assert first == {p.key: p for p in place(shuffled, limits)}


def test_a_fleet_is_spread_to_the_optimum_of_its_flow() -> None:
    """Sixty equal runs, ten hours, six at a time: each hour is full, whoever is where."""
    values = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    runs = [demand(f"{i:02}", hourly(*values), (0, 9)) for i in range(60)]

    placements = place(runs, {"pool": 6})

    assert value(runs, placements, {"pool": 6}) == (0, 6 * sum(values))


def test_who_loses_least_makes_way() -> None:
    """The clean hour goes to the zone where the next one is much worse."""
    flat, steep = hourly(100, 101), hourly(100, 500)
    runs = [demand("a", flat, (0, 1)), demand("b", steep, (0, 1))]

    first, second = place(runs, {"pool": 1})

    assert (first.start, second.start) == (at(1), at(0))
    assert (first.displaced, second.displaced) == (True, False)
    assert (first.exceeded, second.exceeded) == ((), ())


def test_the_window_wins_over_the_limit() -> None:
    """Where two hours must do for three runs, one of them is shared, and said to be."""
    runs = [demand(key, hourly(100, 200), (0, 1)) for key in "abc"]

    placements = place(runs, {"pool": 1})

    assert value(runs, placements, {"pool": 1}) == (1, 400)
    assert [p.exceeded for p in placements].count(("pool",)) == 2


def test_the_least_overload_is_taken() -> None:
    """Half of a full hour is better than a whole one, and cleaner does not matter."""
    run = demand("late", hourly(1, 2, 3, 4, 5, 6), (0.5, 3.5), nominal=1)
    occupied: Occupied = [
        (Interval(at(0), at(2)), ("pool",)),
        (Interval(at(2.5), at(9)), ("pool",)),
    ]
    allowed = demand("late", hourly(6, 5, 4, 3, 2, 1), (0.5, 1.9), nominal=0.5)

    (stays,) = place([run], {"pool": 1}, occupied)
    (moves,) = place([allowed], {"pool": 1}, occupied)

    assert stays.start == at(0.5)
    assert moves.start == at(1.9)
    assert moves.exceeded == ("pool",)


def test_a_nominal_start_without_forecast_is_the_last_choice() -> None:
    """It is taken before a limit is exceeded, and not before any free start."""
    forecast = hourly(100, 100)
    runs = [demand(key, forecast, (0, 1), nominal=5) for key in "abc"]

    placements = place(runs, {"pool": 1})

    starts = [p.start for p in placements]
    assert sorted(s for s in starts if s is not None) == [at(0), at(1), at(5)]
    late = next(p for p in placements if p.start == at(5))
    assert (late.mean_intensity, late.displaced, late.exceeded) == (None, True, ())


def test_runs_fit_between_others_to_the_microsecond() -> None:
    """No grid of time is in the way of a gap that is just wide enough."""
    odd = timedelta(minutes=37, seconds=11, microseconds=7)
    forecast = hourly(100, 50, 50, 100)
    runs = [
        Demand(
            key=key,
            forecast=forecast,
            duration=odd,
            ranges=((T0, at(3)),),
            resources=("pool",),
        )
        for key in "abc"
    ]
    free = Interval(at(1), at(1) + 3 * odd)
    occupied: Occupied = [
        (Interval(T0, free.start), ("pool",)),
        (Interval(free.end, at(9)), ("pool",)),
    ]

    placements = place(runs, {"pool": 1}, occupied)

    starts: list[datetime] = sorted(p.start for p in placements if p.start is not None)
    assert starts == [free.start, free.start + odd, free.start + 2 * odd]


def test_costs_of_forecasts_with_other_decimals_are_comparable() -> None:
    """A gram is a gram, however many digits the forecast has."""
    runs = [
        demand("a", hourly(100.125, 101.125), (0, 1)),
        demand("b", hourly(100, 100.5), (0, 1)),
    ]

    first, second = place(runs, {"pool": 1})

    assert (first.start, second.start) == (at(0), at(1))


def test_spread_takes_rivals_as_they_are() -> None:
    """A single job beside what is held goes where it is free."""
    run = job(demand("a", hourly(1, 2, 3), (0, 2)))
    hour = run.length
    start = run.ranges[0][0]

    assert spread([run], {"pool": 1}, [(start, start + hour, ("pool",))]) == [start + hour]
    assert isinstance(run.starts, Starts)
