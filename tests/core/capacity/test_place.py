"""Runs that are planned together: each alone, or spread where limits bind."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.core.capacity.demands import Demand, Placement
from carbonaware_prefect.core.capacity.place import place
from carbonaware_prefect.core.slots import cleanest_slot
from carbonaware_prefect.errors import InvalidInputError

T0 = datetime(2026, 1, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def hourly(values: Sequence[float], gap: int | None = None) -> Forecast:
    """One value an hour from T0, with an hour missing."""
    return Forecast.from_intervals(
        [
            (T0 + i * HOUR, T0 + (i + 1) * HOUR, value)
            for i, value in enumerate(values)
            if i != gap
        ]
    )


def demand(key: str, forecast: Forecast, **more: Any) -> Demand:
    """A run of one hour that may wait six from T0."""
    options: dict[str, Any] = {
        "duration": HOUR,
        "ranges": ((T0, T0 + 6 * HOUR),),
        "nominal": T0,
    }
    return Demand(key=key, forecast=forecast, **(options | more))


def load(
    placements: Sequence[Placement],
    demands: Sequence[Demand],
    name: str,
    occupied: Sequence[tuple[Interval, tuple[str, ...]]] = (),
) -> list[int]:
    """How many hold a limit in each minute of three days."""
    count = [0] * (72 * 60)
    spans = [
        (p.start, p.start + c.duration)
        for p, c in zip(placements, demands, strict=True)
        if name in c.resources and p.start is not None
    ] + [(at.start, at.end) for at, names in occupied if name in names]
    for start, end in spans:
        for minute in range((start - T0) // MINUTE, -((T0 - end) // MINUTE)):
            count[minute] += 1
    return count


def emitted(placements: Sequence[Placement], demands: Sequence[Demand]) -> float:
    """Grams per kWh times hours, over all runs."""
    return sum(
        (p.mean_intensity or 0) * (c.duration / HOUR)
        for p, c in zip(placements, demands, strict=True)
    )


def test_without_limits_each_gets_its_own_slot() -> None:
    """As if it were alone."""
    forecast = hourly([300, 200, 100, 250, 260, 270, 280, 290])
    placements = place([demand(name, forecast) for name in "ab"], {})

    assert [p.start for p in placements] == [T0 + 2 * HOUR] * 2
    assert placements[0].mean_intensity == 100
    assert placements[0].intensity_nominal == 300
    assert not placements[0].displaced


@pytest.mark.parametrize(
    ("minimum_saving", "moved"), [(0.0, True), (0.02, True), (0.021, False)]
)
def test_a_small_saving_keeps_the_nominal_start(minimum_saving: float, moved: bool) -> None:
    """Exactly the minimum is enough, also where floats are not exact."""
    forecast = hourly([100, 98, 100, 100, 100, 100, 100])
    (placement,) = place([demand("a", forecast, minimum_saving=minimum_saving)], {})

    assert placement.start == (T0 + HOUR if moved else T0)


def test_of_equal_starts_the_nominal_one_is_taken() -> None:
    """Also where an earlier one is as clean."""
    forecast = hourly([100] * 8)
    (placement,) = place([demand("a", forecast, nominal=T0 + 3 * HOUR)], {})

    assert placement.start == T0 + 3 * HOUR


@pytest.mark.parametrize("nominal", [0, -5])
def test_a_saving_means_nothing_against_zero(nominal: float) -> None:
    """Any strictly cleaner slot is taken."""
    forecast = hourly([nominal, nominal - 1, *[nominal] * 6])
    (placement,) = place([demand("a", forecast, minimum_saving=0.5)], {})

    assert placement.start == T0 + HOUR


def test_an_unknown_nominal_start_is_left_for_a_known_slot() -> None:
    """The forecast does not cover it; what it covers is better than nothing."""
    forecast = hourly([100, 90, 80, 300, 300, 300, 300, 300], gap=0)
    (placement,) = place([demand("a", forecast, minimum_saving=0.5)], {})

    assert placement.start == T0 + 2 * HOUR
    assert placement.intensity_nominal is None


def test_without_any_slot_there_is_the_nominal_start_or_nothing() -> None:
    """Where the forecast covers no slot of the window."""
    forecast = hourly([100] * 3)
    late = ((T0 + 20 * HOUR, T0 + 21 * HOUR),)
    at_nominal, nowhere = place(
        [
            demand("a", forecast, ranges=late, resources=("pool",)),
            demand("b", forecast, ranges=late, nominal=None, resources=("pool",)),
        ],
        {"pool": 1},
    )

    assert (at_nominal.start, at_nominal.mean_intensity) == (T0, 100)
    assert (nowhere.start, nowhere.mean_intensity) == (None, None)


def test_hours_kept_free_are_pieces_of_the_window() -> None:
    """A run without a nominal start takes the best start of any range."""
    forecast = hourly([50, 300, 200, 100, 250, 260, 270, 280])
    ranges = ((T0 + HOUR, T0 + 2 * HOUR), (T0 + 4 * HOUR, T0 + 6 * HOUR))
    (placement,) = place([demand("a", forecast, ranges=ranges, nominal=None)], {})

    assert placement.start == T0 + 2 * HOUR


@pytest.mark.parametrize(
    "bad",
    [
        {"minimum_saving": -0.1},
        {"minimum_saving": float("nan")},
        {"ranges": ((T0 + HOUR, T0),)},
        {"ranges": ((T0.replace(tzinfo=None), T0),)},
        {"nominal": T0.replace(tzinfo=None)},
        {"duration": timedelta(0)},
    ],
)
def test_bad_contenders_are_refused(bad: dict[str, Any]) -> None:
    """Where they are made."""
    with pytest.raises(InvalidInputError):
        demand("a", hourly([100] * 9), **bad)


def test_two_contenders_of_one_key_are_refused() -> None:
    """Nobody could tell their placements apart."""
    forecast = hourly([100] * 9)

    with pytest.raises(InvalidInputError, match="two demands have the key 'a'"):
        place([demand("a", forecast), demand("a", forecast)], {})


def test_a_limit_below_zero_is_refused() -> None:
    """It says which."""
    with pytest.raises(InvalidInputError, match="limit 'pool' must be 0 or more"):
        place([demand("a", hourly([100] * 9))], {"pool": -1})


def test_the_window_wins_over_the_limit() -> None:
    """Three runs with one start and room for one all start there, and say so."""
    forecast = hourly([300, 100, 300, 300])
    only = ((T0 + HOUR, T0 + HOUR),)
    runs = [
        demand(name, forecast, ranges=only, nominal=None, resources=("pool",))
        for name in "abc"
    ]
    placements = place(runs, {"pool": 1})

    assert {p.start for p in placements} == {T0 + HOUR}
    assert {p.exceeded for p in placements} == {("pool",)}


def test_what_others_hold_counts() -> None:
    """A slot that is taken for half an hour is taken."""
    forecast = hourly([300, 300, 100, 200, 300, 300, 300, 300])
    taken = (Interval(T0 + 150 * MINUTE, T0 + 3 * HOUR), ("pool", "elsewhere"))
    run = demand("a", forecast, resources=("pool", "nowhere"))
    (placement,) = place([run], {"pool": 1}, [taken])

    # Half of the cleanest hour is left, before it; after it comes the next best hour.
    assert placement.start in {T0 + 90 * MINUTE, T0 + 3 * HOUR}
    assert placement.mean_intensity == 200
    assert placement.displaced
    assert placement.exceeded == ()


def best_of_all(demands: Sequence[Demand], limits: Mapping[str, int]) -> tuple[int, float]:
    """Overload in run hours and least emissions, by trying all hours for all runs."""
    choices = []
    for each in demands:
        own = [
            start
            for hour in range(9)
            for start in [T0 + hour * HOUR]
            if any(low <= start <= high for low, high in each.ranges)
        ]
        choices.append(own)
    best = (10**9, float("inf"))
    for starts in product(*choices):
        overload, grams = 0, 0.0
        for name, limit in limits.items():
            held = [
                start
                for start, each in zip(starts, demands, strict=True)
                if name in each.resources
            ]
            overload += sum(max(0, held.count(at) - limit) for at in set(held))
        for start, each in zip(starts, demands, strict=True):
            grams += each.forecast.mean(start, HOUR) or 0
        best = min(best, (overload, grams))
    return best


runs_of_an_hour = st.lists(
    st.tuples(
        st.integers(0, 1),  # forecast
        st.integers(0, 3),  # first hour
        st.integers(0, 4),  # hours to wait
        st.sets(st.sampled_from(["pool", "queue"]), max_size=2),
    ),
    min_size=1,
    max_size=4,
)
intensities = st.lists(st.integers(0, 500), min_size=9, max_size=9)


@settings(max_examples=120, deadline=None)
@given(runs_of_an_hour, intensities, intensities, st.integers(0, 2), st.integers(1, 2))
def test_few_runs_are_placed_as_well_as_possible(
    runs: list[tuple[int, int, int, set[str]]],
    first: list[int],
    second: list[int],
    pool: int,
    queue: int,
) -> None:
    """No other way to place runs of an hour on hours has less overload or emissions."""
    forecasts = hourly(first), hourly(second)
    demands = [
        demand(
            str(i),
            forecasts[which],
            ranges=((T0 + hour * HOUR, T0 + (hour + wait) * HOUR),),
            nominal=None,
            resources=tuple(sorted(names)),
        )
        for i, (which, hour, wait, names) in enumerate(runs)
    ]
    limits = {"pool": pool, "queue": queue}

    placements = place(demands, limits)

    overload, grams = best_of_all(demands, limits)
    found = sum(
        max(0, count - limits[name])
        for name in limits
        for count in load(placements, demands, name)
    )
    assert found <= overload * 60
    if found == overload * 60:
        assert emitted(placements, demands) <= grams + 1e-6


def fleet(seed: int, count: int, *, zones: int = 3) -> list[Demand]:
    """Runs of several lengths and windows, with limits of their own and in common."""
    dice = random.Random(seed)
    forecasts = [
        hourly([dice.randint(50, 500) for _ in range(60)], gap=dice.choice([None, 30]))
        for _ in range(zones)
    ]
    runs = []
    for i in range(count):
        nominal = T0 + dice.randrange(0, 24 * 60, 5) * MINUTE
        low = nominal - dice.choice([0, 60]) * MINUTE
        runs.append(
            demand(
                f"{i:04}",
                dice.choice(forecasts),
                duration=dice.choice([20, 30, 60, 90, 125]) * MINUTE,
                ranges=((max(low, T0), nominal + dice.choice([1, 6, 12]) * HOUR),),
                nominal=dice.choice([nominal, nominal, None]),
                resources=("pool", f"deployment {i % 7}"),
                minimum_saving=0.02,
            )
        )
    return runs


def first_come(demands: Sequence[Demand]) -> list[Placement]:
    """All runs alone, whatever the limits."""
    return place(demands, {})


@pytest.mark.parametrize(("seed", "count", "pool"), [(1, 40, 4), (2, 90, 6), (3, 90, 1)])
def test_many_runs_keep_their_windows_and_promises(
    seed: int, count: int, pool: int
) -> None:
    """All start where they may, none dirtier than at its nominal start."""
    demands = fleet(seed, count)
    limits = {"pool": pool, **{f"deployment {i}": 2 for i in range(7)}}
    taken = [(Interval(T0 + 5 * HOUR, T0 + 7 * HOUR), ("pool",))]

    placements = place(demands, limits, taken)

    for run, found in zip(demands, placements, strict=True):
        assert found.start is not None
        inside = any(low <= found.start <= high for low, high in run.ranges)
        assert inside or found.start == run.nominal
        if found.mean_intensity is not None and found.intensity_nominal is not None:
            assert found.mean_intensity <= found.intensity_nominal
    over = sum(max(0, n - pool) for n in load(placements, demands, "pool", taken))
    alone = first_come(demands)
    crowded = sum(max(0, n - pool) for n in load(alone, demands, "pool", taken))
    assert over < crowded


def test_the_order_of_the_runs_does_not_matter() -> None:
    """The same runs get the same places, however they are given."""
    demands = fleet(4, 50)
    limits = {"pool": 4, **{f"deployment {i}": 1 for i in range(7)}}
    forwards = {p.key: p.start for p in place(demands, limits)}
    backwards = {p.key: p.start for p in place(demands[::-1], limits)}

    assert forwards == backwards


def test_runs_far_apart_do_not_hear_of_one_another() -> None:
    """Two crowds on different days are spread each for itself."""
    forecast = hourly([300, 100, 200, 300, 300, 300, 300, 300] * 8)
    crowds = [
        demand(
            f"{day}{name}",
            forecast,
            ranges=((T0 + day * 24 * HOUR, T0 + (day * 24 + 6) * HOUR),),
            nominal=T0 + day * 24 * HOUR,
            resources=("pool",),
        )
        for day in (0, 1)
        for name in "ab"
    ]
    placements = place(crowds, {"pool": 1})

    for pair in (placements[:2], placements[2:]):
        assert sorted(p.mean_intensity or 0 for p in pair) == [100, 200]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-50, 500), min_size=6, max_size=30),
    st.integers(0, 29),
    st.integers(1, 200),
    st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 300)), min_size=1, max_size=3),
    st.integers(1, 40),
)
def test_many_questions_get_the_answers_of_one(
    values: list[int],
    gap: int,
    duration: int,
    windows: list[tuple[int, int]],
    questions: int,
) -> None:
    """However many runs share a forecast, each gets `find_slot`'s answer."""
    forecast = hourly(values, gap=gap if len(values) > gap + 1 else None)
    ranges = tuple(
        (T0 + low * MINUTE, T0 + (low + length) * MINUTE) for low, length in windows
    )
    runs = [
        demand(str(i), forecast, duration=duration * MINUTE, ranges=ranges, nominal=None)
        for i in range(questions)
    ]

    expected = cleanest_slot(forecast, sorted(ranges), duration * MINUTE)
    for found in place(runs, {}):
        assert found.start == (None if expected is None else expected.start)
        if expected is not None:
            assert found.mean_intensity == pytest.approx(expected.mean_intensity)
