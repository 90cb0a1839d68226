from __future__ import annotations

import pytest

from carbonaware_prefect.core.capacity.local_search import fill, rearrange
from carbonaware_prefect.core.capacity.timetable import Timetable
from tests.core.capacity.test_ejection_chains import hours
from tests.core.capacity.timetables import (
    grid,
    held,
    least,
    places,
    random_timetable,
    value,
)


def test_long_runs_and_those_with_no_choice_come_first() -> None:
    """Whoever could go elsewhere does, wherever it stands in the list."""
    timetable = Timetable(
        [
            places({0: 0.0, 1: 1.0}),
            places({0: 0.0}),
            places({3: 0.0, 6: 1.0}),
            places({2: 0.0, 4: 8.0}, length=2),
        ],
        {"pool": 1},
        [],
        grid(),
    )

    fill(timetable)

    assert hours(timetable) == [1, 0, 6, 2]


def test_where_nothing_is_free_the_least_overload_is_taken() -> None:
    """Each limit that is full counts."""
    timetable = Timetable(
        [places({0: 0.0, 1: 5.0}, names=("pool", "queue"))],
        {"pool": 1, "queue": 1},
        [held(0, 1, "pool", "queue"), held(1, 2, "queue")],
        grid(),
    )

    fill(timetable)

    assert hours(timetable) == [1]


def test_another_order_lowers_the_cost() -> None:
    """Who takes the last cheap place first is not who loses least without it."""
    timetable = Timetable(
        [places({0: 0.0, 1: 1.0}), places({0: 0.0, 1: 9.0})],
        {"pool": 1},
        [],
        grid(),
    )
    timetable.put(0, 0)
    timetable.put(1, 1)

    rearrange(timetable, 10)

    assert hours(timetable) == [1, 0]


def test_runs_that_are_all_where_they_cost_least_stay() -> None:
    """There is nothing to gain, so nothing is tried."""
    timetable = Timetable([places({0: 0.0, 1: 1.0})] * 2, {"pool": 2}, [], grid())
    fill(timetable)

    rearrange(timetable, 1000)

    assert hours(timetable) == [0, 0]


def test_a_lonely_run_stays() -> None:
    """A run that nobody is near to has no one to change places with."""
    timetable = Timetable(
        [places({0: 0.0, 9: 1.0})], {"pool": 1}, [held(0, 1, "pool")], grid()
    )
    fill(timetable)

    rearrange(timetable, 50)

    assert hours(timetable) == [9]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("lengths", [(1,), (1, 2, 3)])
def test_rearranging_never_makes_it_worse(seed: int, lengths: tuple[int, ...]) -> None:
    """Overload, then cost, only fall; and the same timetable ends the same."""
    ends = []
    for _ in range(2):
        timetable = random_timetable(seed, runs=25, lengths=lengths)
        fill(timetable)
        before = value(timetable)
        rearrange(timetable, 300)
        assert value(timetable) <= (before[0], before[1] + 1e-9)
        ends.append(timetable.at)
    assert ends[0] == ends[1]


def test_few_runs_come_close_to_the_best_of_all_ways() -> None:
    """Over many small boards most are optimal, and all together nearly so."""
    reached = cost = tried_cost = 0.0
    for seed in range(30):
        tried = least(random_timetable(seed, runs=4, lengths=(1, 2)))
        timetable = random_timetable(seed, runs=4, lengths=(1, 2))
        fill(timetable)
        rearrange(timetable, 100)
        found = value(timetable)
        if found[0] == tried[0]:
            reached += 1
            cost, tried_cost = cost + found[1], tried_cost + tried[1]
    assert reached >= 28
    assert tried_cost <= cost <= 1.1 * tried_cost
