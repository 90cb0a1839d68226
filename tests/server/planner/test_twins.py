"""A redeploy that spares a run which is due: Prefect deletes only what lies ahead."""

from __future__ import annotations

import pytest

from carbonaware_prefect.planner.report import Action, Report
from tests.prefect_server.world import World
from tests.server.planner.occurrences import (
    HOUR,
    MINUTE,
    SECOND,
    Occurrence,
    every_month,
    in_whole_minutes,
    occur,
    scheduled_for,
    start_worker,
    wait_until_done,
)
from tests.server.planner.passes import plan

_FEW = 5 * SECOND


@pytest.fixture(scope="module")
def spared(world: World) -> tuple[Occurrence, list[Report]]:
    """Two runs of one time, moved to hours before it, and redeployed until it is over."""
    server = world.server
    nominal = in_whole_minutes(server.now() + 8 * HOUR)
    early = nominal - 4 * HOUR
    both = [
        every_month(nominal, parameters={"told": told}, slug=told)
        for told in ("one", "other")
    ]
    case = occur(
        world,
        nominal,
        dips={early: 100.0},
        env={"CARBONAWARE_EARLIER": "12h"},
        schedules=both,
    )
    assert plan(server).count(Action.MOVE) == 2
    # Due, not yet Late, and no worker has come for them.
    server.clock.move_to(early + _FEW)
    case.redeploy()
    assert [scheduled_for(row) for row in case.rows()].count(early) == 2
    reports = [plan(server), plan(server)]
    case.redeploy()
    reports.append(plan(server))
    start_worker(world)
    wait_until_done(world)
    server.clock.move_to(early + 30 * MINUTE)
    case.redeploy()
    reports.append(plan(server))
    server.clock.move_to(nominal)
    wait_until_done(world)
    return case, reports


def test_each_starts_once(spared: tuple[Occurrence, list[Report]]) -> None:
    """Nothing is started twice, nor at its nominal time again."""
    case, _ = spared

    assert sorted(case.events()) == ["one", "other", "start", "start"]
    assert all(start < case.nominal - HOUR for start in case.starts())


def test_what_was_made_again_is_cancelled(
    spared: tuple[Occurrence, list[Report]],
) -> None:
    """The runs that were due do the work; those that each redeploy made do not."""
    case, reports = spared
    names = sorted(row["state_name"] for row in case.rows())

    assert names == ["Cancelled"] * 6 + ["Completed"] * 2
    assert [each.count(Action.CANCEL) for each in reports] == [2, 0, 2, 2]
