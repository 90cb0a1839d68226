from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonaware_prefect.core.capacity.demands import Demand
from carbonaware_prefect.core.capacity.timetable import (
    Grid,
    Load,
    Timetable,
    better,
    candidates,
)
from carbonaware_prefect.core.intervals import to_microseconds
from tests.core.capacity.instances import HOUR, T0, at, demand, hourly, job
from tests.core.capacity.timetables import grid, held, places

SECOND = 1_000_000


@given(
    st.integers(0, 5),
    st.lists(st.tuples(st.booleans(), st.integers(0, 255)), max_size=12),
)
def test_load_counts_as_one_by_one(limit: int, steps: list[tuple[bool, int]]) -> None:
    """Full are the cells with as many as the limit, over those with more."""
    load = Load(limit, 12, 255)
    masks: list[int] = []
    for add, mask in steps:
        if add or not masks:
            load.add(mask)
            masks.append(mask)
        else:
            load.remove(masks.pop(mask % len(masks)))

    counts = [sum(mask >> cell & 1 for mask in masks) for cell in range(8)]
    assert load.full == sum(1 << cell for cell in range(8) if counts[cell] >= limit)
    assert load.over == sum(1 << cell for cell in range(8) if counts[cell] > limit)


@pytest.mark.parametrize(
    ("hours", "duration", "nominal", "width"),
    [
        (24, 2 * HOUR, 0.0, 3600),
        (24, HOUR / 2, 0.0, 1800),
        (24, HOUR, 0.25, 900),
        (24, timedelta(minutes=37), 0.0, 60),
        (24, timedelta(seconds=61.5), 0.0, 30),
        (24 * 40, timedelta(minutes=37), 0.0, 900),
    ],
)
def test_cells_divide_all_times_where_they_can(
    hours: int, duration: timedelta, nominal: float, width: int
) -> None:
    """As wide as all times allow, but no more than some thousand cells."""
    run = job(
        Demand(
            key="run",
            forecast=hourly(*[1] * hours),
            duration=duration,
            ranges=((at(0), at(hours - 3)),),
            nominal=at(nominal),
        )
    )

    cells = Grid([run], [[(run.ranges[0][0], run.ranges[0][1])]])

    assert cells.width == width * SECOND
    assert cells.cells <= 4500
    assert cells.bucket % cells.width == 0
    assert cells.buckets <= 401


def test_a_slot_holds_every_cell_that_it_touches() -> None:
    """Also of one that lies partly or wholly beyond the grid."""
    cells = grid(4)
    start = to_microseconds(T0)
    hour = 3600 * SECOND

    assert cells.mask(start, start + hour) == 0b0001
    assert cells.mask(start + 1, start + hour + 1) == 0b0011
    assert cells.mask(start + 3 * hour, start + 9 * hour) == 0b1000
    assert cells.mask(start - 5 * hour, start + 1) == 0b0001
    assert cells.mask(start - 5 * hour, start) == 0
    assert cells.mask(start + 7 * hour, start + 9 * hour) == 0


def test_shares_say_which_part_of_each_bucket_is_held() -> None:
    """An hour and a half holds one bucket and half of the next."""
    cells = grid(4)
    start = to_microseconds(T0)
    hour = 3600 * SECOND

    shares = list(cells.shares(start + hour // 2, start + 2 * hour))

    assert cells.bucket == hour
    assert shares == [(0, 0.5), (1, 1.0)]
    assert list(cells.shares(start - hour, start + hour)) == [(0, 1.0)]
    assert list(cells.shares(start + 3 * hour, start + 9 * hour)) == [(3, 1.0), (4, 1.0)]


def test_candidates_are_even_steps_and_the_best_start() -> None:
    """Cheapest first; a range without a step in it gives its own best start."""
    minutes = 60 * SECOND
    run = job(demand("run", hourly(300, 200, 100, 200), (0, 2.5), nominal=0.1))
    start = to_microseconds(T0)
    ranges = [(start, start + 60 * minutes), (start + 131 * minutes, start + 139 * minutes)]

    chosen = candidates(run, ranges, 4, minutes)

    assert [(moment - start) // minutes for moment in chosen] == [131, 60, 30, 6, 0]


def test_candidates_are_no_closer_than_cells() -> None:
    """Between the cells of a grid there is nothing to gain."""
    run = job(demand("run", hourly(300, 200, 100, 200), (0, 3)))

    assert len(candidates(run, run.allowed(), 96, 1800 * SECOND)) == 7
    assert len(candidates(run, run.allowed(), 96, SECOND)) == 91


@pytest.mark.parametrize("seed", range(3))
def test_board_knows_who_holds_what(seed: int) -> None:
    """After any moves: holders of each cell, who is near, what is full, what is added."""
    dice = random.Random(seed)
    names = ("a", "b")
    limits = {"a": 3, "b": 1}
    timetable = Timetable(
        [
            places({h: float(h) for h in range(20)}, length=dice.randint(1, 4), names=own)
            for own in [("a",), ("b",), names] * 5
        ],
        limits,
        [held(2, 9, "a", "b", "other")],
        grid(),
    )
    for run in range(15):
        timetable.put(run, dice.randrange(20))
    for _ in range(30):
        run = dice.randrange(15)
        timetable.take(run)
        timetable.put(run, dice.randrange(20))

    use: Counter[tuple[str, int]] = Counter(
        (name, cell) for name in names for cell in range(2, 9)
    )
    for run in range(15):
        mask = timetable.places[run].masks[timetable.at[run]]
        cells = [cell for cell in range(24) if mask >> cell & 1]
        use.update((name, c) for name in timetable.places[run].resources for c in cells)
    for name in names:
        full = sum(1 << cell for cell in range(24) if use[name, cell] >= limits[name])
        assert timetable.loads[name].full == full
        for cell in range(24):
            holders = [
                run
                for run in range(15)
                if name in timetable.places[run].resources
                and timetable.places[run].masks[timetable.at[run]] >> cell & 1
            ]
            assert sorted(timetable.holders(name, cell)) == holders
            assert set(holders) <= set(timetable.near(name, 1 << cell))
    run = 2
    place = timetable.take(run)
    assert timetable.full(run) == timetable.loads["a"].full | timetable.loads["b"].full
    assert timetable.put_all([(run, place)]) == (
        sum(use[n, c] > limits[n] for n in names for c in _cells(timetable, run, place)),
        timetable.places[run].costs[place],
    )


def _cells(timetable: Timetable, run: int, place: int) -> list[int]:
    return [cell for cell in range(24) if timetable.places[run].masks[place] >> cell & 1]


def test_least_is_the_place_with_least_overload_then_cost() -> None:
    """A dearer place is worth it where it overloads less."""
    timetable = Timetable(
        [places({0: 0.0, 4: 5.0, 8: 3.0}, length=2)],
        {"pool": 1},
        [held(0, 2, "pool"), held(4, 5, "pool"), held(8, 9, "pool")],
        grid(),
    )

    place = timetable.least(0)

    assert timetable.places[0].starts[place] == to_microseconds(at(8))
    assert timetable.added(0, place) == 1


def test_better_is_less_overload_then_less_cost() -> None:
    """Costs that differ only by the rounding of floats are equal."""
    assert better((0, 9.0), (1, 1.0))
    assert better((1, 1.0), (1, 2.0))
    assert not better((1, 1.0), (0, 2.0))
    assert not better((1, 0.3), (1, 0.1 + 0.2))
