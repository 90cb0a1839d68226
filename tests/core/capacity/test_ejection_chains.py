from __future__ import annotations

import pytest

from carbonaware_prefect.core.capacity.ejection_chains import relieve
from carbonaware_prefect.core.capacity.timetable import Timetable
from tests.core.capacity.timetables import (
    grid,
    held,
    least,
    places,
    random_timetable,
    value,
)

BUDGET = 10_000


def overloaded(timetable: Timetable) -> int:
    """How many cells of limits are over."""
    return sum(load.over.bit_count() for load in timetable.loads.values())


def starting(timetable: Timetable) -> Timetable:
    """All runs at what they want most, however full."""
    for run in range(len(timetable.places)):
        timetable.put(run, 0)
    return timetable


def hours(timetable: Timetable) -> list[int]:
    """The cell that each run starts in."""
    return [
        own.masks[place].bit_length() - own.masks[place].bit_count()
        for own, place in zip(timetable.places, timetable.at, strict=True)
    ]


def test_a_chain_passes_places_on() -> None:
    """Two want hour 0: one goes to 1, whose holder goes to 2, whose holder goes to 3."""
    timetable = starting(
        Timetable(
            [
                places({0: 0.0}),
                places({0: 0.0, 1: 1.0}),
                places({1: 0.0, 2: 1.0}),
                places({2: 0.0, 3: 1.0}),
            ],
            {"pool": 1},
            [],
            grid(),
        )
    )

    left = relieve(timetable, BUDGET)

    assert hours(timetable) == [0, 1, 2, 3]
    assert 0 < left < BUDGET


def test_the_shortest_chain_is_taken() -> None:
    """The one of two runs that loses less makes way."""
    timetable = starting(
        Timetable(
            [places({0: 0.0, 1: 9.0}), places({0: 0.0, 1: 2.0}), places({0: 0.0, 1: 5.0})],
            {"pool": 2},
            [],
            grid(),
        )
    )

    relieve(timetable, BUDGET)

    assert hours(timetable) == [0, 1, 0]


def test_less_overload_is_better_than_the_same() -> None:
    """Where nothing is free, the place that overloads fewer cells is taken."""
    timetable = starting(
        Timetable(
            [places({0: 0.0, 8: 1.0, 16: 7.0}, length=3)],
            {"pool": 1},
            [held(0, 3, "pool"), held(9, 11, "pool"), held(17, 18, "pool")],
            grid(),
        )
    )

    relieve(timetable, BUDGET)

    assert hours(timetable) == [16]


def test_what_cannot_be_helped_is_left() -> None:
    """Three runs that have but one place stay there, at no more than some steps."""
    timetable = starting(Timetable([places({5: 0.0})] * 3, {"pool": 1}, [], grid()))

    left = relieve(timetable, BUDGET)

    assert hours(timetable) == [5, 5, 5]
    assert left > BUDGET - 20


def test_without_a_budget_nothing_moves() -> None:
    """The steps are counted."""
    timetable = starting(Timetable([places({0: 0.0, 1: 1.0})] * 2, {"pool": 1}, [], grid()))

    assert relieve(timetable, 0) == 0
    assert hours(timetable) == [0, 0]


def test_a_search_that_gave_up_knows_nothing_of_those_it_left() -> None:
    """With steps for one more look the same chain is found later."""
    timetable = starting(
        Timetable(
            [places({k: 0.0, k + 1: 1.0}) for k in [0, *range(8)]],
            {"pool": 1},
            [],
            grid(),
        )
    )

    relieve(timetable, 3)
    assert overloaded(timetable) == 1
    relieve(timetable, BUDGET)

    assert overloaded(timetable) == 0


def test_a_chain_that_crosses_itself_is_looked_for_anew() -> None:
    """Two runs of a chain can't both take the last place of their queue."""
    queue = ("pool", "queue")
    timetable = starting(
        Timetable(
            [
                places({0: 0.0, 1: 1.0}, names=queue),
                places({0: 0.0, 2: 9.0}, names=("pool",)),
                places({1: 0.0, 3: 1.0}, names=("pool",)),
                places({3: 0.0, 1: 1.0, 4: 5.0}, names=queue),
            ],
            {"pool": 1, "queue": 1},
            [held(4, 5, "queue")],
            grid(),
        )
    )

    relieve(timetable, BUDGET)

    assert overloaded(timetable) == 0


@pytest.mark.parametrize("seed", range(40))
def test_overload_of_equally_long_runs_becomes_the_least_there_is(seed: int) -> None:
    """One pool and disjoint queues: what chains find is as good as all ways tried."""
    tried = least(random_timetable(seed, runs=4))
    timetable = starting(random_timetable(seed, runs=4))

    relieve(timetable, BUDGET)

    assert value(timetable)[0] == tried[0]


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("lengths", [(1,), (1, 2, 4)])
def test_relief_never_makes_it_worse(seed: int, lengths: tuple[int, ...]) -> None:
    """Less overload than before, or nothing has moved."""
    timetable = starting(random_timetable(seed, runs=40, lengths=lengths))
    before, at = value(timetable), list(timetable.at)

    relieve(timetable, BUDGET)

    after = value(timetable)
    assert after[0] < before[0] or timetable.at == at
