"""Limits on how many runs there may be at a time spread what competes for a slot.

No run of these starts in the test: their nominal starts lie hours ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from tests.prefect_server.server import Server
from tests.prefect_server.world import World, a_world
from tests.server.planner.occurrences import (
    HOUR,
    Occurrence,
    every_month,
    in_whole_minutes,
    occur,
    scheduled_for,
    withdraw,
)
from tests.server.planner.passes import plan

_RUNS = 4


class Spread:
    """Under each limit, runs with the same nominal start and the same cleanest hour.

    Attributes:
        nominal, dip: of all of them.
        cases: the deployments under each limit.
    """

    def __init__(self, free: World, narrow: World) -> None:
        self.nominal = in_whole_minutes(free.server.now() + 3 * HOUR)
        self.dip = self.nominal + HOUR
        queue = self._queue(free)
        several = [
            every_month(self.nominal, parameters={"told": f"part {n}"})
            for n in range(_RUNS)
        ]
        self.cases = {
            "none": [self._occur(free, "FR", schedules=several)],
            "deployment": [self._occur(free, "FR", schedules=several, concurrency_limit=1)],
            "queue": [self._occur(free, "FR", work_queue_name=queue) for _ in range(_RUNS)],
            "pool": [self._occur(narrow, "FR") for _ in range(_RUNS)],
            "zone": [self._occur(free, "DE") for _ in range(_RUNS)],
        }
        self.report = plan(free.server, zone_limit="DE=1,*=1000")

    def _queue(self, world: World) -> str:
        body = {"name": "narrow", "concurrency_limit": 1}
        world.server.call("POST", f"/work_pools/{world.pool}/queues", json=body)
        return "narrow"

    def _occur(self, world: World, zone: str, **settings: Any) -> Occurrence:
        # One run fits into the cleanest hour, all of them into those that follow.
        dips = {self.dip + n * HOUR: 100.0 + n for n in range(_RUNS)}
        env = {"CARBONAWARE_ZONE": zone, "CARBONAWARE_DURATION": "1h"}
        return occur(world, self.nominal, dips=dips, env=env, **settings)

    def starts(self, limit: str) -> list[datetime]:
        """When the runs under that limit start, in order."""
        rows = [row for case in self.cases[limit] for row in case.rows()]
        assert len(rows) == _RUNS
        return sorted(scheduled_for(row) for row in rows)


@pytest.fixture(scope="module")
def spread(
    world: World, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Spread]:
    """All of them, after one pass."""
    folder = tmp_path_factory.mktemp("narrow")
    with a_world(server, folder, concurrency_limit=1) as narrow:
        yield Spread(world, narrow)
        withdraw(narrow)


def test_without_a_limit_all_take_the_cleanest_slot(spread: Spread) -> None:
    """What competes with nothing is put to the same start."""
    assert set(spread.starts("none")) == {spread.dip}


@pytest.mark.parametrize("limit", ["deployment", "queue", "pool", "zone"])
def test_a_limit_of_one_spreads_the_runs(spread: Spread, limit: str) -> None:
    """Never two at a time, and each in the cleanest slot that the others leave."""
    starts = spread.starts(limit)

    assert all(second - first >= HOUR for first, second in pairwise(starts))
    assert starts == [spread.dip + n * HOUR for n in range(_RUNS)]
