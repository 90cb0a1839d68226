"""Earlier starts, latest starts, ends, hours kept free, least savings: on the server.

No run of these starts in the test: their nominal start lies hours ahead.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from carbonaware_prefect.planner.report import Action, Outcome, Report
from tests.prefect_server.world import World
from tests.server.planner.occurrences import (
    HOUR,
    MINUTE,
    Occurrence,
    every_month,
    in_whole_minutes,
    occur,
)
from tests.server.planner.passes import plan, row_of

# Half an hour off, so that no whole hour is the same as in UTC; and no summer time.
_KOLKATA = ZoneInfo("Asia/Kolkata")


class Planned:
    """One deployment for each limit, all with the same nominal start and forecast.

    The forecast has dips two hours before the nominal start, and one, two and three
    hours after it, each cleaner than the one before.
    """

    def __init__(self, world: World) -> None:
        self.nominal = in_whole_minutes(world.server.now() + 5 * HOUR)
        self.before, self.one, self.two, self.three = (
            self.nominal + hours * HOUR for hours in (-2, 1, 2, 3)
        )
        self._world = world
        hour = self._between(self.three, self.three + HOUR)
        at_nominal = self._between(self.nominal - HOUR, self.nominal + 20 * MINUTE)
        self.cases = {
            "window": self._occur(),
            "earlier": self._occur(EARLIER="PT3H", WINDOW="PT30M"),
            "latest_start": self._occur(LATEST_START="PT2H30M"),
            "latest_start_clock": self._occur(LATEST_START=self._local(self.two)),
            "finish_by": self._occur(FINISH_BY="PT2H30M"),
            "finish_by_clock": self._occur(FINISH_BY=self._local(self.one + 40 * MINUTE)),
            "not_between": self._occur(NOT_BETWEEN=hour),
            "not_between_utc": self._occur(NOT_BETWEEN=hour, TIME_ZONE="UTC"),
            "nominal_kept_free": self._occur(NOT_BETWEEN=at_nominal, WINDOW="PT30M"),
            "no_start": self._occur(NOT_BETWEEN=at_nominal, FINISH_BY="PT45M"),
            "small": self._occur(MINIMUM_SAVING="20%", WINDOW="PT90M"),
            "just_enough": self._occur(MINIMUM_SAVING="10%", WINDOW="PT90M"),
        }
        self.report: Report = plan(world.server)

    def _occur(self, **settings: str) -> Occurrence:
        dips = {self.before: 290.0, self.one: 250.0, self.two: 200.0, self.three: 150.0}
        return occur(
            self._world,
            self.nominal,
            dips=dips,
            env={f"CARBONAWARE_{name}": value for name, value in settings.items()},
            schedules=[every_month(self.nominal, schedule={"timezone": "Asia/Kolkata"})],
        )

    def _local(self, moment: datetime) -> str:
        return f"{moment.astimezone(_KOLKATA):%H:%M}"

    def _between(self, start: datetime, end: datetime) -> str:
        """These hours, by the clock of the schedule."""
        return f"{self._local(start)}-{self._local(end)}"

    def row(self, name: str) -> Outcome:
        return row_of(self.report, self.cases[name])


@pytest.fixture(scope="module")
def planned(world: World) -> Planned:
    """All of them, after one pass."""
    return Planned(world)


@pytest.mark.parametrize(
    ("name", "slot"),
    [
        ("window", "three"),
        ("earlier", "before"),
        ("latest_start", "two"),
        ("latest_start_clock", "two"),
        ("finish_by", "two"),
        ("finish_by_clock", "one"),
        ("not_between", "two"),
        ("not_between_utc", "three"),
        ("just_enough", "one"),
    ],
)
def test_cleanest_start_that_is_allowed(planned: Planned, name: str, slot: str) -> None:
    """The run is put to the cleanest dip that its limit leaves, by the schedule's clock."""
    assert planned.cases[name].start() == getattr(planned, slot)
    assert planned.row(name).action is Action.MOVE


def test_hours_kept_free_move_a_run_without_a_saving(planned: Planned) -> None:
    """A nominal start that is not allowed is left for the next that is."""
    case = planned.cases["nominal_kept_free"]

    assert case.start() == planned.nominal + 20 * MINUTE
    assert planned.row("nominal_kept_free").reason == "hours_kept_free"
    assert case.run().labels()["reason"] == "hours_kept_free"


def test_no_allowed_start(planned: Planned) -> None:
    """Limits that leave no start leave the nominal one, with the reason."""
    row = planned.row("no_start")

    assert planned.cases["no_start"].start() == planned.nominal
    assert (row.action, row.reason) == (Action.KEEP, "no_allowed_start")
    assert "no start in its window keeps" in row.sentence


def test_a_saving_that_is_too_small(planned: Planned) -> None:
    """17 % are less than the minimum saving of 20 %: the run stays."""
    row = planned.row("small")

    assert planned.cases["small"].start() == planned.nominal
    assert (row.action, row.reason) == (Action.KEEP, "saving_too_small")
    assert "16.7 %" in row.sentence
    assert planned.cases["small"].run().labels() == {}
