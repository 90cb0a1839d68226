"""Real nights: those of which clocks take or repeat an hour, and the one between years.

A schedule starts a flow at ten in the evening by a local clock. Its delay task has hours of
that clock to heed, which are more or fewer in such a night than their names say.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.prefect_server.prefects import own_engine
from tests.prefect_server.runs import ROUNDED, Run
from tests.prefect_server.server import a_server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import Engine, World, a_world

HOUR = timedelta(hours=1)
_DURATION = 2 * HOUR


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00+00:00")


@dataclass(frozen=True)
class Night:
    """A night, and when its runs have to start, in UTC.

    Attributes:
        name: of the test.
        zone: of the clock on the wall.
        cron: 22:00 that evening.
        nominal: the same.
        latest: the latest start of two hours that end by 06:00.
        free: from 01:00 until 03:00 by the clock on the wall.
    """

    name: str
    zone: str
    cron: str
    nominal: datetime
    latest: datetime
    free: tuple[datetime, datetime]


# As time goes by.
NIGHTS = [
    Night(
        "New York springs forward",
        zone="America/New_York",
        cron="0 22 7 3 *",
        nominal=_utc("2026-03-08T03:00"),
        latest=_utc("2026-03-08T08:00"),
        free=(_utc("2026-03-08T06:00"), _utc("2026-03-08T07:00")),
    ),
    Night(
        "Berlin springs forward",
        zone="Europe/Berlin",
        cron="0 22 28 3 *",
        nominal=_utc("2026-03-28T21:00"),
        latest=_utc("2026-03-29T02:00"),
        free=(_utc("2026-03-29T00:00"), _utc("2026-03-29T01:00")),
    ),
    Night(
        "Berlin falls back",
        zone="Europe/Berlin",
        cron="0 22 24 10 *",
        nominal=_utc("2026-10-24T20:00"),
        latest=_utc("2026-10-25T03:00"),
        free=(_utc("2026-10-24T23:00"), _utc("2026-10-25T02:00")),
    ),
    Night(
        "New York falls back",
        zone="America/New_York",
        cron="0 22 31 10 *",
        nominal=_utc("2026-11-01T02:00"),
        latest=_utc("2026-11-01T09:00"),
        free=(_utc("2026-11-01T05:00"), _utc("2026-11-01T08:00")),
    ),
    Night(
        "a year ends",
        zone="Europe/Berlin",
        cron="0 22 31 12 *",
        nominal=_utc("2026-12-31T21:00"),
        latest=_utc("2027-01-01T03:00"),
        free=(_utc("2027-01-01T00:00"), _utc("2027-01-01T02:00")),
    ),
]


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server of its own, whose year begins before the first night, with a worker."""
    folder = tmp_path_factory.mktemp("nights")
    with (
        a_server(folder, start=NIGHTS[0].nominal - 24 * HOUR) as server,
        a_world(server, folder, Engine.OWN) as world,
    ):
        world.start_worker()
        yield world


def _forecast(folder: Path, hours: Mapping[datetime, int]) -> str:
    """A forecast file of hours, and the setting that names it."""
    file = folder / f"{uuid.uuid4().hex}.csv"
    lines = [f"{start.isoformat()},{grams}" for start, grams in sorted(hours.items())]
    file.write_text("\n".join(["start,gco2_per_kwh", *lines]) + "\n")
    return f"file:{file}"


def _cleaner_by_the_hour(night: Night) -> dict[datetime, int]:
    """Each hour cleaner than the one before: a run starts as late as it may."""
    return {night.nominal + hour * HOUR: 400 - 10 * hour for hour in range(-2, 20)}


def _cleanest_when_not_allowed(night: Night) -> dict[datetime, int]:
    """Clean in the hours that are to be kept free, less so in the two hours after them."""
    begin, end = night.free
    return {
        at: 100 if begin <= at < end else 200 if end <= at < end + 2 * HOUR else 300
        for at in (night.nominal + hour * HOUR for hour in range(-2, 20))
    }


def _deploy(world: World, night: Night, hours: Mapping[datetime, int], **env: str) -> Run:
    """The run that the scheduler makes for that evening."""
    journal = world.folder / f"{uuid.uuid4().hex}.jsonl"
    told = {
        "CARBONAWARE_SOURCE": _forecast(world.folder, hours),
        "CARBONAWARE_ZONE": "DE",
        "CARBONAWARE_WINDOW": "10h",
        "CARBONAWARE_DURATION": "2h",
    }
    deployment = world.deploy(
        "nights.py:night_flow",
        parameters={"journal": str(journal)},
        schedules=[{"schedule": {"cron": night.cron, "timezone": night.zone}}],
        job_variables={"env": told | env, "command": own_engine()},
    )

    def made() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = world.server.call(
            "POST",
            "/flow_runs/filter",
            json={"deployments": {"id": {"any_": [deployment]}}},
        )
        return found

    (row,) = eventually(made, what="the scheduler makes the run of that evening")
    return Run(world.server, row["id"], journal)


@dataclass(frozen=True)
class Slept:
    """A night, and the two runs of it, which have ended."""

    night: Night
    finishes: Run
    keeps_free: Run


@pytest.fixture(scope="module", params=NIGHTS, ids=lambda night: str(night.name))
def slept(sky: World, request: pytest.FixtureRequest) -> Slept:
    """The night is over."""
    night: Night = request.param
    clock = sky.server.clock
    clock.reach(night.nominal - HOUR)
    finishes = _deploy(
        sky, night, _cleaner_by_the_hour(night), CARBONAWARE_FINISH_BY="06:00"
    )
    keeps_free = _deploy(
        sky,
        night,
        _cleanest_when_not_allowed(night),
        CARBONAWARE_NOT_BETWEEN="01:00-03:00",
    )
    clock.reach(night.nominal)
    for start, run in sorted(
        (run.wait_until_put_back(), run.id) for run in (finishes, keeps_free)
    ):
        clock.reach(start)
        Run(sky.server, run, sky.folder).wait_for("Completed")
    return Slept(night, finishes, keeps_free)


def _started_once_at(run: Run, nominal: datetime, slot: datetime) -> None:
    """Fail if it was not moved from its nominal start to that slot, and worked once."""
    labels = run.labels()

    assert datetime.fromisoformat(run.read()["expected_start_time"]) == nominal
    assert run.slot() == slot
    assert run.events() == ["start", "start", "work"]
    assert run.time_of("start") < slot - ROUNDED <= run.time_of("start", 1)
    assert run.names().count("Running") == 2
    assert (labels["reason"], labels["moves"]) == ("cleaner_slot", 1)


def test_it_has_ended_by_six_on_the_local_clock(slept: Slept) -> None:
    """With `finish_by` it starts as late as its two hours before 06:00 allow."""
    _started_once_at(slept.finishes, slept.night.nominal, slept.night.latest)


def test_it_keeps_hours_of_the_local_clock_free(slept: Slept) -> None:
    """With `not_between` it starts when those hours are over, however many they were."""
    _started_once_at(slept.keeps_free, slept.night.nominal, slept.night.free[1])
