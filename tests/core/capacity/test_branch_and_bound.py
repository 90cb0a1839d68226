from __future__ import annotations

import pytest

from carbonaware_prefect.core.capacity.branch_and_bound import branch_and_bound
from carbonaware_prefect.core.capacity.local_search import fill
from carbonaware_prefect.core.capacity.timetable import Timetable
from tests.core.capacity.timetables import grid, least, places, random_timetable, value


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("lengths", [(1,), (1, 2, 4)])
def test_exhausting_finds_the_best_of_all_ways(seed: int, lengths: tuple[int, ...]) -> None:
    """Least overload, and least cost with it."""
    tried = least(random_timetable(seed, runs=4, lengths=lengths))
    timetable = random_timetable(seed, runs=4, lengths=lengths)
    fill(timetable)

    branch_and_bound(timetable)

    assert value(timetable) == tried


def test_too_many_ways_end_with_the_best_so_far() -> None:
    """Seven runs with twenty places each, all equal: no worse than it began."""
    timetable = Timetable(
        [places({hour: 0.0 if hour > 17 else 1.0 for hour in range(20)})] * 7,
        {"pool": 1},
        [],
        grid(),
    )
    for run in range(7):
        timetable.put(run, 0)
    before = value(timetable)

    branch_and_bound(timetable)

    assert value(timetable)[0] < before[0]
    assert -1 not in timetable.at
