"""A planner killed before each of its writes, and started again or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import pytest

from carbonaware_prefect.planner.report import Report
from tests.prefect_server.proxy import Proxy
from tests.prefect_server.world import World
from tests.server.faults.promise import kept, upcoming
from tests.server.planner.forks import Forks
from tests.server.planner.occurrences import (
    HOUR,
    MINUTE,
    Occurrence,
    in_whole_minutes,
    occur,
    wait_until_done,
)
from tests.server.planner.passes import plan

# Runs that start within ten minutes are left alone by all passes that follow.
_FROZEN = 5 * MINUTE
# More than a pass that moves two runs writes.
_MANY = 30


@dataclass
class Killed:
    """Two runs with a slot each, and the pass that was to move them.

    Attributes:
        cases: their slots are an hour apart.
        slot: the first of them.
        nominal: of both.
        found: when they were to start after the pass, or after the next one.
    """

    cases: list[Occurrence]
    nominal: datetime
    slot: datetime
    found: list[datetime] = field(default_factory=list)
    report: Report | None = None

    def look(self) -> None:
        """See when they start now; each has one run."""
        self.found = []
        for case in self.cases:
            (start,) = upcoming(case)
            self.found.append(start)


def _two(world: World) -> Killed:
    nominal = in_whole_minutes(world.server.now() + HOUR)
    slot = nominal + 3 * HOUR
    cases = [occur(world, nominal, dips={slot + n * HOUR: 100.0}) for n in range(2)]
    return Killed(cases, nominal, slot)


class Kills:
    """Passes killed before the first write, the second one, and so on.

    Attributes:
        left: after each of these, no planner came until it was too late.
        mended: after each of these, a planner came.
    """

    def __init__(self, world: World, proxy: Proxy, mortal: Forks) -> None:
        self.left: list[Killed] = []
        self.mended: list[Killed] = []
        for nth in range(_MANY):
            left = _two(world)
            if not mortal.killed_pass(proxy, nth=nth):
                break
            left.look()
            self.left.append(left)
            # What is due by now starts before it is later; a busy machine takes a while.
            wait_until_done(world)
            # Until now, what was left would have been moved.
            world.server.clock.move_to(left.nominal - _FROZEN)
            mended = _two(world)
            assert mortal.killed_pass(proxy, nth=nth)
            mended.report = plan(world.server)
            mended.look()
            self.mended.append(mended)
        world.server.clock.advance(8 * HOUR)
        wait_until_done(world)


@pytest.fixture(scope="module")
def kills(world: World, proxy: Proxy, mortal: Forks) -> Kills:
    """All of them, to the end of their runs."""
    return Kills(world, proxy, mortal)


def test_what_is_left_half_done_starts_once(kills: Kills) -> None:
    """Each run starts at its slot if it was moved, or else at its nominal start."""
    for left in kills.left:
        moved = [start for start in left.found if start != left.nominal]
        assert len(moved) == kept(left.cases, left.slot)


def test_killed_at_each_of_its_steps(kills: Kills) -> None:
    """None of the runs had been moved at first, and some at last; a plan is no move.

    Several calls may be under way at once, so their order is not the same each time.
    """
    moved = [sum(start != left.nominal for start in left.found) for left in kills.left]
    labelled = [[bool(case.run().labels()) for case in left.cases] for left in kills.left]

    assert len(kills.left) < _MANY
    assert moved[0] == 0
    assert moved[-1] > 0
    assert any(sum(has) > count for has, count in zip(labelled, moved, strict=True))


def test_the_next_planner_goes_on_from_there(kills: Kills) -> None:
    """Wherever it was killed: the next pass moves what was not moved, without a fault."""
    for mended in kills.mended:
        assert mended.report is not None
        assert mended.report.faults == 0
        assert mended.found == [mended.slot, mended.slot + HOUR]
        assert kept(mended.cases, mended.slot) == 2
