"""The events of a pass: what happened to which run, once, in one call."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from carbonaware_prefect.planner.one_pass import one_pass
from carbonaware_prefect.planner.repair.documents import pack
from carbonaware_prefect.planner.repair.entries import Entry
from carbonaware_prefect.planner.repair.ledger import KEY
from carbonaware_prefect.planner.report import Action, Report
from carbonaware_prefect.settings import Settings
from tests.planner.hostile.healthy import (
    CRASHED,
    DIP,
    DUE,
    ENV,
    HOUR,
    LOST,
    PLAIN,
    a_deployment,
    a_forecast,
    a_run,
    a_state,
    ours,
    peace,
)
from tests.planner.hostile.server import NOW, Json, Prefect

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A planner that offers a folder of forecasts."""
    folder = tmp_path_factory.mktemp("forecasts")
    a_forecast(folder)
    return Settings(cache_dir="", typical_dir="", detect=False, forecast_folder=str(folder))


def a_pass(world: Prefect, own: Settings) -> Report:
    """One pass over the world."""
    return asyncio.run(one_pass(world.api(), own))


def a_world(*, env: Json | None = None, **fields: Any) -> Prefect:
    """One deployment with one run."""
    deployment = a_deployment(0, job_variables={"env": ENV | (env or {})})
    world = Prefect(deployments=[deployment])
    world.runs.append(a_run(PLAIN, deployment, **fields))
    return world


def names(world: Prefect) -> list[str]:
    """Of the events that were sent."""
    return [each["event"].removeprefix("carbonaware.run.") for each in world.sent]


def test_a_moved_run(own: Settings) -> None:
    """The record of the run is the payload; run and deployment are related."""
    world = a_world()
    a_pass(world, own)
    a_pass(world, own)

    (event,) = world.sent
    assert event["event"] == "carbonaware.run.moved"
    assert event["payload"]["slot_start"] == DIP.isoformat()
    assert event["payload"]["moves"] == 1
    assert event["payload"]["saving_percent"] == pytest.approx(66.7)
    assert event["payload"]["sentence"].startswith("Waiting for cleaner electricity")
    assert [each["prefect.resource.id"] for each in event["related"]] == [
        f"prefect.flow-run.{PLAIN}",
        f"prefect.deployment.{world.deployments[0]['id']}",
    ]


def test_what_is_put_back_or_moved_again(own: Settings) -> None:
    """A redeploy and a crash: the run that waits now has the event."""
    world = peace()
    report = a_pass(world, own)
    told = Counter(each["related"][0]["prefect.resource.id"] for each in world.sent)

    assert set(names(world)) == {"moved"}
    assert report.count(Action.PUT_BACK) == report.count(Action.MOVE_AGAIN) == 1
    assert told[f"prefect.flow-run.{CRASHED}"] == 1
    assert told[f"prefect.flow-run.{LOST}"] == 0
    assert sum(told.values()) == report.count(Action.MOVE) + 2
    assert set(told.values()) == {1}


@pytest.mark.parametrize(
    ("starts_in", "told"), [(16 * MINUTE, ["no_forecast"]), (17 * MINUTE, []), (HOUR, [])]
)
def test_no_forecast(own: Settings, starts_in: timedelta, told: list[str]) -> None:
    """It is told when the next pass comes too late, and not for an outage before that."""
    nominal = NOW + starts_in
    world = a_world(
        env={"CARBONAWARE_SOURCE": "file:missing.csv"},
        expected_start_time=nominal.isoformat(),
        state=a_state(nominal, (NOW - HOUR).isoformat()),
    )
    a_pass(world, own)

    assert names(world) == told


def test_the_last_look_comes_twice(own: Settings) -> None:
    """Of two passes that both may be the last one, the server keeps one event."""
    nominal = NOW + 14 * MINUTE
    world = a_world(
        env={"CARBONAWARE_ZONE": "XX", "CARBONAWARE_SOURCE": "typical"},
        expected_start_time=nominal.isoformat(),
        state=a_state(nominal, (NOW - HOUR).isoformat()),
    )
    a_pass(world, own)
    a_pass(world, own)

    assert names(world) == ["no_forecast"] * 2
    assert len({each["id"] for each in world.sent}) == 1


def test_a_person_wins(own: Settings) -> None:
    """Who gives a moved run another start overrides it, once."""
    world = a_world()
    a_pass(world, own)
    world.run(PLAIN)["state"] = a_state(DUE + HOUR, (NOW + MINUTE).isoformat())
    for _ in range(2):
        # Here the clock stands still; what was written down is older than what will be.
        for written in world.artifacts:
            earlier = datetime.fromisoformat(written["created"]) - MINUTE
            written["created"] = earlier.isoformat()
        a_pass(world, own)

    assert names(world) == ["moved", "overridden"]
    assert world.sent[1]["payload"]["slot_start"] == DIP.isoformat()


@pytest.mark.parametrize(
    ("started", "told"),
    [(timedelta(0), ["placed"]), (-MINUTE, ["overridden"]), (None, [])],
)
def test_a_run_that_has_started(
    own: Settings, started: timedelta | None, told: list[str]
) -> None:
    """At its slot, or before it because somebody said so; or it was cancelled."""
    slot, nominal = NOW - 10 * MINUTE, NOW - 2 * HOUR
    at = None if started is None else (slot + started).isoformat()
    world = a_world(
        expected_start_time=nominal.isoformat(),
        labels=ours(nominal, slot),
        start_time=at,
        state={"type": "COMPLETED", "name": "Completed", "timestamp": NOW.isoformat()},
    )
    entry = Entry(
        run=PLAIN,
        name="happy-heron",
        deployment=world.deployments[0]["id"],
        schedule=None,
        nominal_start=nominal,
        start=slot,
        moved_at=NOW - 3 * HOUR,
        record=ours(nominal, slot),
        sentence="Waiting",
    )
    _remember(world, entry, NOW - 3 * HOUR)
    for _ in range(2):
        a_pass(world, own)

    assert names(world) == told


def _remember(world: Prefect, entry: Entry, at: datetime) -> None:
    data = pack([(entry, at)])
    world.artifacts.append(
        {"id": str(uuid.uuid4()), "key": KEY, "created": at.isoformat(), "data": data}
    )


def test_one_call_for_many(own: Settings) -> None:
    """Fifty moves cost one call more for events; without news there is none."""
    world = a_world(env={"CARBONAWARE_OVERTAKE": "true"})
    (deployment,) = world.deployments
    world.runs += [a_run(str(uuid.uuid4()), deployment) for _ in range(49)]
    calls: list[str] = []

    class Counting(Prefect):
        """Takes down what is called."""

        def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
            calls.append(path)
            return super().answer(method, path, body)

    counting = Counting(deployments=world.deployments, runs=world.runs)
    a_pass(counting, own)
    a_pass(counting, own)

    assert calls.count("/events") == 1
    assert len(counting.sent) == 50


def test_events_that_cannot_be_sent(
    own: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """The run is moved, and the planner's log says what is missing."""

    class Deaf(Prefect):
        """Takes no events."""

        def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
            if path == "/events":
                return 500, {}
            return super().answer(method, path, body)

    world = a_world()
    deaf = Deaf(deployments=world.deployments, runs=world.runs)
    with caplog.at_level(logging.WARNING):
        report = a_pass(deaf, own)

    assert (report.count(Action.MOVE), report.faults) == (1, 0)
    assert "events could not be sent" in caplog.text
