"""Nights on which the clocks change, and one that a year ends in, with cron schedules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.prefect_server.server import a_server
from tests.prefect_server.world import World, a_world
from tests.server.planner.occurrences import (
    HOUR,
    MINUTE,
    SECOND,
    Occurrence,
    as_time,
    occur,
    scheduled_for,
    start_worker,
    wait_until_done,
    withdraw,
)
from tests.server.planner.passes import plan


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


@dataclass(kw_only=True)
class Night:
    """Three nightly schedules by the clock on the wall, on one night.

    Attributes:
        zone: of the schedules.
        noon: when their runs are planned; all times in UTC.
        finish_by: nominal start at 22:30, and the slot of two hours that ends at 6:00.
        not_between: nominal start at 0:30, and 5:00, until when hours are kept free.
        cron: of the third.
        at_that_hour: nominal start in the hour that is changed, and the cleanest hour.
            In spring there is no 2:30; Prefect starts it an hour later.
    """

    zone: str
    noon: str
    finish_by: tuple[str, str]
    not_between: tuple[str, str]
    cron: str
    at_that_hour: tuple[str, str]
    cases: dict[str, Occurrence] = field(default_factory=dict)
    planned: dict[str, dict[str, Any]] = field(default_factory=dict)
    done: dict[str, dict[str, Any]] = field(default_factory=dict)

    def times(self, name: str) -> tuple[datetime, datetime]:
        """Nominal start and slot."""
        nominal, slot = getattr(self, name)
        return _utc(nominal), _utc(slot)

    def pass_by(self, world: World) -> None:
        """Plan at noon, and go through the night to the last start."""
        clock = world.server.clock
        clock.move_to(_utc(self.noon))
        self._deploy(world)
        plan(world.server)
        self.planned = {name: case.run().read() for name, case in self.cases.items()}
        times = [self.times(name) for name in self.cases]
        moments = {nominal + MINUTE for nominal, _ in times} | {slot for _, slot in times}
        for moment in sorted(moments):
            clock.move_to(moment)
            wait_until_done(world)
        self.done = {name: case.run().read() for name, case in self.cases.items()}
        withdraw(world)

    def _deploy(self, world: World) -> None:
        nominal, _ = self.times("finish_by")
        # The later, the cleaner.
        falling = {nominal + n * HOUR: 290.0 - 10 * n for n in range(12)}
        env = {"WINDOW": "PT12H", "DURATION": "PT2H", "FINISH_BY": "06:00"}
        self._occur("finish_by", world, "30 22 * * *", falling, env)
        nominal, slot = self.times("not_between")
        # The hours that are kept free are the cleanest, and those that follow the next.
        dips = {slot - n * HOUR: 100.0 for n in range(1, (slot - nominal) // HOUR + 1)}
        dips |= {slot + n * HOUR: 200.0 for n in range(4)}
        env = {"NOT_BETWEEN": "01:00-05:00", "WINDOW": "PT8H"}
        self._occur("not_between", world, "30 0 * * *", dips, env)
        _, slot = self.times("at_that_hour")
        self._occur("at_that_hour", world, self.cron, {slot: 100.0}, {})

    def _occur(
        self,
        name: str,
        world: World,
        cron: str,
        dips: dict[datetime, float],
        env: dict[str, str],
    ) -> None:
        nominal, _ = self.times(name)
        schedule = {"cron": cron, "timezone": self.zone}
        self.cases[name] = occur(
            world,
            nominal,
            dips=dips,
            env={f"CARBONAWARE_{variable}": value for variable, value in env.items()},
            schedules=[{"active": True, "schedule": schedule}],
        )


_NIGHTS = {
    "New York, spring": Night(
        zone="America/New_York",
        noon="2026-03-07 17:00",
        finish_by=("2026-03-08 03:30", "2026-03-08 08:00"),
        not_between=("2026-03-08 05:30", "2026-03-08 09:00"),
        cron="30 2 * * *",
        at_that_hour=("2026-03-08 07:30", "2026-03-08 11:00"),
    ),
    "Berlin, spring": Night(
        zone="Europe/Berlin",
        noon="2026-03-28 11:00",
        finish_by=("2026-03-28 21:30", "2026-03-29 02:00"),
        not_between=("2026-03-28 23:30", "2026-03-29 03:00"),
        cron="30 2 * * *",
        at_that_hour=("2026-03-29 01:30", "2026-03-29 05:00"),
    ),
    "Berlin, autumn": Night(
        zone="Europe/Berlin",
        noon="2026-10-24 10:00",
        finish_by=("2026-10-24 20:30", "2026-10-25 03:00"),
        not_between=("2026-10-24 22:30", "2026-10-25 04:00"),
        cron="30 2 * * *",
        at_that_hour=("2026-10-25 00:30", "2026-10-25 06:00"),
    ),
    "New York, autumn": Night(
        zone="America/New_York",
        noon="2026-10-31 16:00",
        finish_by=("2026-11-01 02:30", "2026-11-01 09:00"),
        not_between=("2026-11-01 04:30", "2026-11-01 10:00"),
        cron="30 1 * * *",
        at_that_hour=("2026-11-01 05:30", "2026-11-01 11:00"),
    ),
    "Berlin, the year's end": Night(
        zone="Europe/Berlin",
        noon="2026-12-31 11:00",
        finish_by=("2026-12-31 21:30", "2027-01-01 03:00"),
        not_between=("2026-12-31 23:30", "2027-01-01 04:00"),
        cron="59 23 * * *",
        at_that_hour=("2026-12-31 22:59", "2027-01-01 00:00"),
    ),
}
_CASES = ["finish_by", "not_between", "at_that_hour"]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Night]]:
    """All of them, on one server that goes through the year."""
    folder = tmp_path_factory.mktemp("nights")
    start = _utc("2026-03-07 12:00")
    with a_server(folder, start=start) as server, a_world(server, folder) as world:
        start_worker(world)
        for night in _NIGHTS.values():
            night.pass_by(world)
        yield _NIGHTS


@pytest.mark.parametrize("case", _CASES)
@pytest.mark.parametrize("name", _NIGHTS)
def test_put_to_its_slot(nights: dict[str, Night], name: str, case: str) -> None:
    """The planner puts the run to the slot that holds by the clock on the wall."""
    nominal, slot = nights[name].times(case)
    run = nights[name].planned[case]

    assert as_time(run["expected_start_time"]) == nominal
    assert run["state_name"] == "Scheduled"
    assert scheduled_for(run) == slot
    assert run["labels"]["carbonaware.nominal_start"] == nominal.isoformat()
    assert run["labels"]["carbonaware.slot_start"] == slot.isoformat()


@pytest.mark.parametrize("case", _CASES)
@pytest.mark.parametrize("name", _NIGHTS)
def test_starts_once_at_its_slot(nights: dict[str, Night], name: str, case: str) -> None:
    """The run starts then, once, and not at its nominal start."""
    _, slot = nights[name].times(case)
    occurrence = nights[name].cases[case]
    (start,) = occurrence.starts()

    assert occurrence.events() == ["start", "work"]
    assert slot - SECOND <= start < slot + HOUR
    assert nights[name].done[case]["state_name"] == "Completed"


@pytest.mark.parametrize("name", _NIGHTS)
def test_by_the_clock_on_the_wall(nights: dict[str, Night], name: str) -> None:
    """Two hours of work are done by 6:00, and nothing runs from 1:00 to 5:00, locally."""
    night = nights[name]
    zone = ZoneInfo(night.zone)
    (late,), (early,) = (night.cases[case].starts() for case in _CASES[:2])

    assert (late + SECOND).astimezone(zone).hour == 4
    assert (early + SECOND).astimezone(zone).hour == 5
