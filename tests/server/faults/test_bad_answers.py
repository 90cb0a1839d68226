"""A Prefect server that is busy, or whose clock is another."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.prefect_server.world import World
from tests.server.faults.front import a_front
from tests.server.faults.promise import kept, only_start
from tests.server.planner.occurrences import (
    HOUR,
    MINUTE,
    SECOND,
    in_whole_minutes,
    occur,
    wait_until_done,
)
from tests.server.planner.passes import plan, row_of


def test_a_locked_database_and_busy_answers(world: World) -> None:
    """Failures inside an answer that says 200, and 503, are tried again: all runs move."""
    nominal = in_whole_minutes(world.server.now() + HOUR)
    slot = nominal + 3 * HOUR
    cases = [occur(world, nominal, dips={slot: 100.0}) for _ in range(4)]

    with a_front(world.server) as front:
        front.locked, front.busy = 2, 3
        report = plan(world.server, api=front.api)

    assert (front.locked, front.busy) == (0, 0)
    assert report.faults == 0
    assert [case.start() for case in cases] == [slot] * 4
    world.server.clock.move_to(slot)
    wait_until_done(world)
    assert kept(cases, slot) == 4


@pytest.mark.parametrize(
    ("minutes", "reason"), [(10, "starts_soon"), (-10, "cleaner_slot")]
)
def test_clocks_ten_minutes_apart(world: World, minutes: int, reason: str) -> None:
    """The planner goes by the server's clock, by which a run is about to start or not."""
    nominal = in_whole_minutes(world.server.now() + 15 * MINUTE)
    slot = nominal + 3 * HOUR
    case = occur(world, nominal, dips={slot: 100.0})
    apart = timedelta(minutes=minutes)

    with a_front(world.server) as front:
        front.clock = apart
        before = world.server.now()
        report = plan(world.server, api=front.api)
        took = world.server.now() - before

    # A Date has whole seconds, and tells when an answer was begun.
    assert abs(report.at - apart - before) <= took + 2 * SECOND
    assert row_of(report, case).reason == reason
    world.server.clock.move_to(slot)
    wait_until_done(world)
    assert only_start(case) >= nominal - SECOND
