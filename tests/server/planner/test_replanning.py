"""A newer forecast moves a run again: where that pays, not too often, not at the end.

No run of these starts in the test: their nominal start lies hours ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pytest

from carbonaware_prefect.planner.report import Action, Outcome, Report
from tests.prefect_server.world import World
from tests.server.planner.occurrences import (
    HOUR,
    Occurrence,
    in_whole_minutes,
    occur,
    write_forecast,
)
from tests.server.planner.passes import plan, row_of


class Replanned:
    """Deployments whose forecasts change between three passes.

    The first pass puts all to the dip an hour after their nominal start.

    Attributes:
        cases: by name.
        starts: of their runs, after each pass.
        reports: of the passes.
    """

    def __init__(self, world: World) -> None:
        self.nominal = in_whole_minutes(world.server.now() + 4 * HOUR)
        self.one, self.two, self.three = (
            self.nominal + hours * HOUR for hours in (1, 2, 3)
        )
        self._world = world
        self.cases = {
            "better": self._occur(),
            "hardly_better": self._occur(),
            "greedy": self._occur(CARBONAWARE_REPLAN_GAIN="1%"),
            "worse": self._occur(),
            "once": self._occur(CARBONAWARE_MAX_MOVES="1"),
            "frozen": self._occur(),
            "over": self._occur(),
        }
        self.reports: list[Report] = []
        self.starts: list[dict[str, datetime]] = []
        self._pass()
        frozen = self.cases["frozen"]
        frozen.set_variables(frozen.run().id, CARBONAWARE_FREEZE="6h")
        for name in ("better", "once", "frozen"):
            self._tell(name, {self.one: 100.0, self.two: 90.0})
        for name in ("hardly_better", "greedy"):
            self._tell(name, {self.one: 100.0, self.two: 96.0})
        self._tell("worse", {self.one: 400.0})
        first, end = world.server.now() - HOUR, world.server.now() + HOUR
        self.cases["over"].forecast.write_text(
            f"start,intensity,end\n{first.isoformat()},300,{end.isoformat()}\n"
        )
        self._pass()
        self._tell("better", {self.two: 90.0, self.three: 60.0})
        self._pass()

    def _occur(self, **env: str) -> Occurrence:
        return occur(self._world, self.nominal, dips={self.one: 100.0}, env=env)

    def _tell(self, name: str, dips: Mapping[datetime, float]) -> None:
        write_forecast(self.cases[name].forecast, dips, self._world.server.now())

    def _pass(self) -> None:
        self.reports.append(plan(self._world.server))
        self.starts.append({name: case.start() for name, case in self.cases.items()})

    def row(self, name: str) -> Outcome:
        """What the second pass says."""
        return row_of(self.reports[1], self.cases[name])


@pytest.fixture(scope="module")
def replanned(world: World) -> Replanned:
    """All of them, after three passes."""
    return Replanned(world)


def test_first_pass(replanned: Replanned) -> None:
    """All runs are at the dip of their first forecast."""
    assert set(replanned.starts[0].values()) == {replanned.one}


@pytest.mark.parametrize("name", ["better", "greedy"])
def test_moves_again_where_that_pays(replanned: Replanned, name: str) -> None:
    """A gain of at least the replan gain, by default 5 %, is worth another move."""
    assert replanned.starts[1][name] == replanned.two
    assert replanned.row(name).action is Action.MOVE


def test_moves_are_counted(replanned: Replanned) -> None:
    """The labels tell of the last of three moves, and that there were three."""
    labels = replanned.cases["better"].run().labels()

    assert replanned.starts[2]["better"] == replanned.three
    assert labels["moves"] == 3
    assert labels["slot_start"] == replanned.three.isoformat()
    assert labels["intensity_slot"] == 60


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hardly_better", "gain_too_small"),
        ("once", "moved_often_enough"),
        ("over", "no_forecast"),
    ],
)
def test_stays_at_its_slot(replanned: Replanned, name: str, reason: str) -> None:
    """Less gain than that, too many moves or a forecast that ends too early: it stays."""
    assert replanned.starts[1][name] == replanned.starts[2][name] == replanned.one
    assert (replanned.row(name).action, replanned.row(name).reason) == (Action.KEEP, reason)
    assert replanned.cases[name].run().labels()["moves"] == 1


def test_never_within_the_freeze(replanned: Replanned) -> None:
    """A run that starts within the freeze is left alone, whatever it would gain."""
    assert replanned.starts[1]["frozen"] == replanned.one
    assert replanned.row("frozen").action is Action.LEAVE
    assert replanned.row("frozen").reason == "starts_soon"


def test_back_to_the_nominal_start(replanned: Replanned) -> None:
    """When its slot has become dirtier than the nominal start, the run goes back there."""
    labels = replanned.cases["worse"].run().labels()

    assert replanned.starts[1]["worse"] == replanned.starts[2]["worse"] == replanned.nominal
    assert (labels["slot_start"], labels["moves"]) == (replanned.nominal.isoformat(), 2)
