"""The planner and delay tasks in the same runs: each waits once, whoever moved it.

And what a delay task moved, and a killed process left Crashed, is moved again, once.
"""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from carbonaware_prefect.planner.report import Action, Report
from tests.prefect_server.proxy import Proxy
from tests.prefect_server.runs import Run
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World
from tests.server.planner.forks import forks
from tests.server.planner.occurrences import (
    ENGINE,
    HOUR,
    SECOND,
    Occurrence,
    in_whole_minutes,
    occur,
    start_worker,
    wait_for_crash,
    wait_until_done,
)
from tests.server.planner.passes import plan

Keys = Sequence[str | None]
_PLACED: dict[str, Keys] = {"no_key": [None, None], "keys": ["a", None, "b"]}
_STARTED_NOW: dict[str, Keys] = {"now": [None, None], "now_key": ["stage"]}
_MOVE = rb"POST /api/flow_runs/[^ ]+/set_state .*Waiting for cleaner"
_STATES = rb"POST /api/flow_runs/bulk_set_state "
# A crash is looked at when it is that old, and a run moved again starts no sooner.
_SETTLED = timedelta(seconds=21)


class Fleet:
    """Runs with delay tasks that the planner placed, or could not place.

    Attributes:
        cases: by name.
        slot: where all of them wait, whoever moved them.
        reports: of the passes.
    """

    def __init__(self, world: World, proxy: Proxy) -> None:
        self.world, self.server, self.proxy = world, world.server, proxy
        self.nominal = in_whole_minutes(self.server.now() + 3 * HOUR)
        self.slot = self.nominal + 4 * HOUR
        self.cases: dict[str, Occurrence] = {}
        self.twice = self._crashed(self.slot)
        self.at_work = self._crashed(self.server.now() - HOUR)
        for name, keys in (_PLACED | _STARTED_NOW).items():
            self._occur(name, keys)
        self.cases["fails"] = occur(
            world,
            self.nominal,
            dips={self.slot: 100.0},
            # Its first process ends before it is Running.
            parameters={"fails_first": True},
        )
        self.reports: list[Report] = [plan(self.server)]
        for name in _STARTED_NOW:
            self.cases[name].put_to(self.server.now())
        self._be_left(world.folder)
        wait_until_done(world)
        self._let_tasks_move()
        self._mend()

    def _occur(self, name: str, keys: Keys, *tags: str, **env: str) -> None:
        self.cases[name] = occur(
            self.world,
            self.nominal,
            dips={self.slot: 100.0},
            flow="nightly.py:delayed",
            parameters={"keys": list(keys)},
            env=env,
            tags=tags or ("carbon-aware",),
            starting=ENGINE,
        )

    def _crashed(self, slot: datetime) -> Run:
        """A run with the history of one that was killed so, in a queue without worker."""
        decided = min(slot, self.server.now()) - HOUR
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
        run = self.world.create(
            deployment,
            state={"type": "SCHEDULED"},
            labels={f"carbonaware.{name}": value for name, value in labels.items()},
        )
        run.set_state(type="RUNNING", force=True)
        details = {"scheduled_time": slot.isoformat()}
        run.set_state(type="SCHEDULED", state_details=details, message="Wait", force=True)
        if slot < self.server.now():
            run.set_state(type="RUNNING", force=True)
        run.set_state(type="CRASHED", force=True)
        return run

    def _be_left(self, folder: Path) -> None:
        """Runs that no pass moves: it dies before, comes too late, or does not look."""
        self._occur("unfinished", [None, None])
        with forks(self.server, folder) as planner:
            assert planner.killed_pass(self.proxy, _STATES)
        self._occur("down", [None])

        def kill() -> bool:
            os.kill(int(self.cases["killed"].notes()[0]["pid"]), signal.SIGKILL)
            return False

        # When the server has just accepted its move.
        self.trap = self.proxy.trap(_MOVE, "after", kill)
        self._occur("killed", [None], "untagged", PREFECT_API_URL=self.proxy.api)

    def _let_tasks_move(self) -> None:
        """What happens at the nominal start, when no pass has moved them."""
        self.server.clock.move_to(self.nominal)
        for name in ("down", "unfinished"):
            assert self.cases[name].run().wait_until_put_back() == self.slot
        eventually(self.trap.sprung.is_set, what="the move is accepted")
        wait_for_crash(self.cases["killed"])

    def _pass_later(self) -> None:
        """A pass when a crash of now is old enough to be looked at."""
        self.server.clock.advance(_SETTLED)
        self.reports.append(plan(self.server))

    def _mend(self) -> None:
        self._pass_later()
        self.twice.set_state(type="CRASHED", force=True)
        self._pass_later()
        self.server.clock.move_to(self.slot)
        wait_until_done(self.world)
        wait_for_crash(self.cases["fails"])
        self._pass_later()
        self.server.clock.advance(_SETTLED)
        wait_until_done(self.world)

    def actions(self, run: Run) -> list[Action]:
        """What the passes did about a run."""
        rows = [row for report in self.reports for row in report.outcomes]
        return [row.action for row in rows if row.run == run.id]


@pytest.fixture(scope="module")
def fleet(world: World) -> Iterator[Fleet]:
    """All cases, on one server and over the same hours, to their end."""
    start_worker(world, quiet=False)
    with Proxy(world.server.port) as proxy:
        yield Fleet(world, proxy)


@pytest.mark.parametrize("name", _PLACED)
def test_what_the_planner_placed_does_not_wait_again(fleet: Fleet, name: str) -> None:
    """At its slot the run goes through all its delay tasks, whatever their keys."""
    case = fleet.cases[name]
    run = case.run()

    assert fleet.actions(run)[0] is Action.MOVE
    assert case.events() == ["start", "work"]
    assert case.starts()[0] >= fleet.slot - SECOND
    assert (run.state(), run.read()["run_count"]) == ("Completed", 1)
    assert run.labels()["decided_by"] == "planner"


@pytest.mark.parametrize("name", _STARTED_NOW)
def test_run_now_is_not_delayed_by_the_task(fleet: Fleet, name: str) -> None:
    """A person starts what the planner placed: none of its delay tasks waits."""
    case = fleet.cases[name]

    assert fleet.actions(case.run())[0] is Action.MOVE
    assert case.events() == ["start", "work"]
    assert case.starts()[0] < fleet.nominal
    assert case.run().state() == "Completed"
    assert case.run().labels()["reason"] == "overridden"


@pytest.mark.parametrize("name", ["down", "unfinished"])
def test_without_the_planner_the_task_delays(fleet: Fleet, name: str) -> None:
    """No pass in time, or one that died before its move: the task moves it, no other."""
    case = fleet.cases[name]
    run = case.run()

    assert case.events() == ["start", "start", "work"]
    assert case.starts()[0] < fleet.slot - HOUR
    assert case.starts()[1] >= fleet.slot - 2 * SECOND
    assert run.state() == "Completed"
    assert (run.labels()["slot_start"], run.labels()["decided_by"]) == (
        fleet.slot.isoformat(),
        {"down": "task", "unfinished": "planner"}[name],
    )
    assert set(fleet.actions(run)) == {Action.LEAVE}


def test_crashed_after_its_move_is_moved_again(fleet: Fleet) -> None:
    """Killed between acceptance and receipt, the run starts at its slot all the same."""
    case = fleet.cases["killed"]
    run = case.run()

    assert case.events() == ["start", "start", "work"]
    assert case.starts()[1] >= fleet.slot - 2 * SECOND
    assert fleet.actions(run) == [Action.MOVE_AGAIN]
    assert run.state() == "Completed"
    assert "Crashed" in run.names()


def test_crashed_at_its_start_is_moved_again(fleet: Fleet) -> None:
    """A run whose process ends before it is Running starts again, and works once."""
    case = fleet.cases["fails"]
    run = case.run()

    assert case.events() == ["fails", "start", "work"]
    assert fleet.actions(run).count(Action.MOVE_AGAIN) == 1
    assert run.state() == "Completed"
    assert run.names().count("Running") == 1
    assert run.names().index("Crashed") < run.names().index("Running")


def test_second_crash_is_left(fleet: Fleet) -> None:
    """What crashes again after it was moved again stays Crashed."""
    assert fleet.actions(fleet.twice) == [Action.MOVE_AGAIN]
    assert fleet.twice.state() == "Crashed"


def test_crash_at_work_is_left(fleet: Fleet) -> None:
    """A run that crashed when it had started at its slot is nothing for the planner."""
    assert fleet.actions(fleet.at_work) == []
    assert fleet.at_work.state() == "Crashed"
