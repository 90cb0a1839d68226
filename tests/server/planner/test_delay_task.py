"""The planner and delay tasks in the same runs: each waits once, whoever moved it.

And what a delay task moved, and a killed process left Crashed, is moved again, once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.labels import PLANNER, labels_for
from carbonaware_prefect.planner.api import open_api
from carbonaware_prefect.planner.report import Action, Report
from tests.prefect_server.proxy import Proxy
from tests.prefect_server.runs import Run
from tests.prefect_server.waiting import eventually, now
from tests.prefect_server.world import World
from tests.server.planner.occurrences import (
    ENGINE,
    SECOND,
    Occurrence,
    Timeline,
    all_moved,
    in_time,
    occur,
    plan,
    row_of,
    sleep_until,
)

Keys = Sequence[str | None]
_PLACED: dict[str, Keys] = {
    "no_key": [None],
    "key": ["stage"],
    "two": [None, None],
    "keys": ["a", "b"],
}
_STARTED_NOW: dict[str, Keys] = {
    "now": [None],
    "now_key": ["stage"],
    "now_two": [None, None],
}
_MOVE = rb"POST /api/flow_runs/[^ ]+/set_state .*Waiting for cleaner"
# A crash is looked at when it is that old, and a run moved again starts no sooner.
_SETTLED = timedelta(seconds=21)


class Fleet:
    """Runs with delay tasks that the planner placed, or could not place.

    Attributes:
        cases: by name.
        slot: where the planner puts those that it places in time.
        planned: the slot on the labels of the run that the planner could not move.
        reports: of the passes.
    """

    def __init__(self, world: World, proxy: Proxy) -> None:
        self.world, self.server = world, world.server
        line = self.line = Timeline()
        self.slot, self.planned, self.again = line.at(34), line.at(52), line.at(62)
        self.cases: dict[str, Occurrence] = {}
        self._be_killed(proxy)
        self.twice, self.at_work = self._crashed(10 * 60), self._crashed(-60)
        for name, keys in _PLACED.items():
            self._occur(name, line.at(24), self.slot, keys)
        for name, keys in _STARTED_NOW.items():
            self._occur(name, line.at(300), line.at(330), keys)
        self.cases["fails"] = occur(
            world,
            line.at(24),
            dips={self.slot: 100.0},
            # Its first process ends before it is Running.
            parameters={"fails_first": True},
        )
        self.reports: list[Report] = [plan(self.server)]
        all_moved(self.reports[0], len(_PLACED) + len(_STARTED_NOW) + 1)
        for name in _STARTED_NOW:
            self.cases[name].put_to(now())
        for name, keys in {"down": [None], "unfinished": [None, None]}.items():
            self._occur(name, line.at(30), self.planned, keys)
        self._die_before_moving(self.cases["unfinished"])
        in_time(line.at(24))
        self._mend()

    def _occur(
        self,
        name: str,
        nominal: datetime,
        dip: datetime,
        keys: Keys,
        **env: str,
    ) -> None:
        tags = () if name == "killed" else ("carbon-aware",)
        self.cases[name] = occur(
            self.world,
            nominal,
            dips={dip: 100.0},
            flow="nightly.py:delayed",
            parameters={"keys": list(keys)},
            env=env,
            tags=tags,
            starting=ENGINE,
        )

    def _be_killed(self, proxy: Proxy) -> None:
        """A run whose process is killed when the server has just accepted its move."""

        def kill() -> bool:
            os.kill(int(self.cases["killed"].notes()[0]["pid"]), signal.SIGKILL)
            return False

        self.trap = proxy.trap(_MOVE, "after", kill)
        api = {"PREFECT_API_URL": proxy.api}
        self._occur("killed", self.line.at(8), self.again, [None], **api)

    def _crashed(self, slot_in: float) -> Run:
        """A run with the history of one that was killed so, in a queue without worker."""
        slot = now() + timedelta(seconds=slot_in)
        decided = slot - timedelta(hours=1)
        labels = {
            "reason": "cleaner_slot",
            "decided_by": "task",
            "decided_at": decided.isoformat(),
            "nominal_start": decided.isoformat(),
            "slot_start": slot.isoformat(),
            "moves": 1,
        }
        deployment = self.world.deploy("nightly.py:nightly", work_pool_name=None)
        self.world.deployments[uuid.uuid4().hex] = deployment
        created = self.server.call(
            "POST",
            f"/deployments/{deployment}/create_flow_run",
            json={
                "state": {"type": "SCHEDULED"},
                "labels": {f"carbonaware.{name}": value for name, value in labels.items()},
            },
        )
        run = Run(self.server, created["id"], self.world.folder / "nobody.jsonl")
        run.set_state(type="RUNNING", force=True)
        details = {"scheduled_time": slot.isoformat()}
        run.set_state(type="SCHEDULED", state_details=details, message="Wait", force=True)
        if slot_in < 0:
            run.set_state(type="RUNNING", force=True)
        run.set_state(type="CRASHED", force=True)
        return run

    def _die_before_moving(self, case: Occurrence) -> None:
        """What a planner does that is killed between the labels and the move."""
        decision = row_of(plan(self.server, dry_run=True), case).decision
        assert decision is not None
        labels = labels_for(
            decision, key=None, decided_at=utc_now(), decided_by=PLANNER, moves=1
        )

        async def half_a_move() -> None:
            async with open_api() as api:
                await api.label(case.run().id, dict(labels))

        with temporary_settings({PREFECT_API_URL: self.server.api}):
            asyncio.run(half_a_move())

    def _mend(self) -> None:
        """Passes when the crashes are old enough to be looked at."""
        assert self.trap.sprung.wait(60)
        self.cases["killed"].run().wait_for("Crashed", within=30)
        sleep_until(now() + _SETTLED)
        down = self.cases["down"].run()
        eventually(lambda: down.labels().get("moves"), within=30, what="its task moves it")
        self.reports.append(plan(self.server))
        in_time(self.again)
        self.twice.set_state(type="CRASHED", force=True)
        sleep_until(now() + _SETTLED)
        self.reports.append(plan(self.server))

    def rows(self, run: Run) -> list[Any]:
        """What the passes did about a run."""
        rows = [row for report in self.reports for row in report.outcomes]
        return [row.action for row in rows if row.run == run.id]


@pytest.fixture(scope="module")
def fleet(world: World) -> Iterator[Fleet]:
    """All cases, on one server and over the same seconds."""
    world.start_worker()
    with Proxy(world.server.port) as proxy:
        yield Fleet(world, proxy)


@pytest.mark.parametrize("name", _PLACED)
def test_what_the_planner_placed_does_not_wait_again(fleet: Fleet, name: str) -> None:
    """At its slot the run goes through all its delay tasks, whatever their keys."""
    case = fleet.cases[name]
    run = case.run()
    run.wait_for("Completed", within=90)

    assert case.events() == ["start", "work"]
    assert case.starts()[0] >= fleet.slot - SECOND
    assert run.read()["run_count"] == 1
    assert run.labels()["decided_by"] == "planner"


@pytest.mark.parametrize("name", _STARTED_NOW)
def test_run_now_is_not_delayed_by_the_task(fleet: Fleet, name: str) -> None:
    """A person starts what the planner placed: none of its delay tasks waits."""
    case = fleet.cases[name]
    case.run().wait_for("Completed", within=60)

    assert case.events() == ["start", "work"]
    assert case.run().labels()["reason"] == "overridden"


def test_without_the_planner_the_task_delays(fleet: Fleet) -> None:
    """No pass in time: the task moves the run, and a later pass leaves it alone."""
    case = fleet.cases["down"]
    run = case.run()
    run.wait_for("Completed", within=90)

    assert case.events() == ["start", "start", "work"]
    assert case.starts()[1] >= fleet.planned - 2 * SECOND
    assert run.labels()["decided_by"] == "task"
    assert fleet.rows(run) == [Action.LEAVE] * len(fleet.rows(run))


def test_a_plan_that_was_not_carried_out(fleet: Fleet) -> None:
    """The planner wrote its labels and died: the task moves the run to the same slot."""
    case = fleet.cases["unfinished"]
    run = case.run()
    run.wait_for("Completed", within=90)

    assert case.events() == ["start", "start", "work"]
    assert run.labels()["slot_start"] == fleet.planned.isoformat()
    assert case.starts()[1] >= fleet.planned - 2 * SECOND


def test_crashed_after_its_move_is_moved_again(fleet: Fleet) -> None:
    """Killed between acceptance and receipt, the run starts at its slot all the same."""
    case = fleet.cases["killed"]
    run = case.run()
    run.wait_for("Completed", within=90)

    assert case.events() == ["start", "start", "work"]
    assert case.starts()[1] >= fleet.again - 2 * SECOND
    assert fleet.rows(run) == [Action.MOVE_AGAIN]
    assert run.names().index("Crashed") < run.names().index("Completed")


def test_crashed_at_its_start_is_moved_again(fleet: Fleet) -> None:
    """A run whose process ends before it is Running starts again, and works once."""
    case = fleet.cases["fails"]
    run = case.run()

    def moved_again() -> bool:
        fleet.reports.append(plan(fleet.server))
        return Action.MOVE_AGAIN in fleet.rows(run)

    eventually(moved_again, within=60, every=4, what="a pass finds the crash")
    run.wait_for("Completed", within=60)

    assert case.events() == ["fails", "start", "work"]
    assert run.names().count("Running") == 1
    assert run.names().index("Crashed") < run.names().index("Running")


def test_second_crash_is_left(fleet: Fleet) -> None:
    """What crashes again after it was moved again stays Crashed."""
    assert fleet.rows(fleet.twice) == [Action.MOVE_AGAIN]
    assert fleet.twice.state() == "Crashed"


def test_crash_at_work_is_left(fleet: Fleet) -> None:
    """A run that crashed when it had started at its slot is nothing for the planner."""
    assert fleet.rows(fleet.at_work) == []
    assert fleet.at_work.state() == "Crashed"
