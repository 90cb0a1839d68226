"""A planner killed before each of its writes while it mends what went wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest

from carbonaware_prefect.planner.report import Report
from tests.prefect_server.proxy import Proxy
from tests.prefect_server.world import World
from tests.server.faults.promise import only_start, starts_of
from tests.server.planner.forks import Forks
from tests.server.planner.occurrences import (
    HOUR,
    MINUTE,
    SECOND,
    in_whole_minutes,
    occur,
    wait_for_crash,
    wait_until_done,
)
from tests.server.planner.passes import plan

_MANY = 30
# A crash is looked at when it is that old, and a run moved again starts no sooner.
_SETTLED = timedelta(seconds=21)


class Broken:
    """What a pass finds: a run deleted in its wait, one made twice, and one crashed.

    Attributes:
        lost: moved past its nominal start, and then deployed anew.
        twin: moved before its nominal start, done, and then deployed anew.
        crashed: ended at its slot before it was Running.
        now: the nominal start of the first, and slot of the others.
        slot: of the first.
    """

    def __init__(self, world: World) -> None:
        self.world, clock = world, world.server.clock
        self.now = in_whole_minutes(world.server.now() + HOUR)
        self.slot, later = self.now + 5 * HOUR, self.now + 8 * HOUR
        self.lost = occur(world, self.now, dips={self.slot: 100.0})
        env = {"CARBONAWARE_EARLIER": "12h"}
        self.twin = occur(world, later, dips={self.now: 100.0}, env=env)
        self.crashed = occur(
            world,
            self.now - 30 * MINUTE,
            dips={self.now: 100.0},
            parameters={"fails_first": True},
        )
        plan(world.server)
        clock.move_to(self.now)
        wait_until_done(world)
        wait_for_crash(self.crashed)
        self.lost.redeploy()
        self.twin.redeploy()
        clock.advance(_SETTLED)


class Kills:
    """Passes killed before the first write, the second one, and so on; and the next.

    Attributes:
        broken: what each of them was to mend.
        reports: of the passes that came after each.
    """

    def __init__(self, world: World, proxy: Proxy, mortal: Forks) -> None:
        self.broken: list[Broken] = []
        self.reports: list[Report] = []
        for nth in range(_MANY):
            self.broken.append(Broken(world))
            killed = mortal.killed_pass(proxy, nth=nth)
            self.reports.append(plan(world.server))
            world.server.clock.advance(_SETTLED)
            wait_until_done(world)
            if not killed:
                break
        world.server.clock.move_to(self.broken[-1].now + 12 * HOUR)
        wait_until_done(world)


@pytest.fixture(scope="module")
def kills(world: World, proxy: Proxy, mortal: Forks) -> Kills:
    """All of them, to the end of their runs."""
    return Kills(world, proxy, mortal)


def test_killed_at_each_of_its_steps(kills: Kills) -> None:
    """It had put back, cancelled and moved again; one by one, until it was not killed."""
    assert 5 < len(kills.broken) < _MANY
    assert all(report.faults == 0 for report in kills.reports)


def test_put_back_once(kills: Kills) -> None:
    """What a redeploy deleted starts at its slot, however often a planner put it back."""
    for broken in kills.broken:
        assert only_start(broken.lost) >= broken.slot - SECOND


def test_what_has_started_does_not_start_again(kills: Kills) -> None:
    """A twin of a run that started early is cancelled before its nominal start."""
    for broken in kills.broken:
        assert only_start(broken.twin) < broken.now + HOUR


def test_moved_again_once(kills: Kills) -> None:
    """A run that crashed before it was Running starts again, and works once."""
    for broken in kills.broken:
        case = broken.crashed

        assert case.events() == ["fails", "start", "work"], starts_of(case)
        assert case.run().state() == "Completed", starts_of(case)
        assert case.run().names().count("Running") == 1
