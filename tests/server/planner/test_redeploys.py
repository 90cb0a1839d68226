"""Redeploys while moved runs wait: no occurrence is lost, none starts twice."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from carbonaware_prefect.planner.report import Action, Report
from tests.prefect_server.process import Process
from tests.prefect_server.runs import Run
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import FLOWS, World
from tests.server.planner.occurrences import (
    HOUR,
    MINUTE,
    SECOND,
    Occurrence,
    every_month,
    in_whole_minutes,
    occur,
    scheduled_for,
    start_worker,
    wait_until_done,
)
from tests.server.planner.passes import plan, plan_together, row_of
from tests.warm import python

_RESTORED = "carbonaware.restored_from"
_CASES = ["deployed", "by_cli", "patched", "again", "untagged", "new_schedule"]


class Fleet:
    """Deployments whose runs are moved, redeployed while they wait, and mended.

    Attributes:
        cases: by name.
        slot: where the planner puts all runs but the early ones.
        reports: of the passes, in order; the first one before the redeploys.
        moved: the runs before the redeploys.
        plans: their labels.
    """

    def __init__(self, world: World) -> None:
        self.world, self.server = world, world.server
        self.nominal = in_whole_minutes(self.server.now() + 3 * HOUR)
        self.early, self.ahead = self.nominal + 30 * MINUTE, self.nominal + HOUR
        self.slot, self.last = self.nominal + 3 * HOUR, self.nominal + 5 * HOUR
        dips = {self.slot: 100.0}
        self.cases = {name: occur(world, self.nominal, dips=dips) for name in _CASES}
        for name in ("ahead", "dropped"):
            self.cases[name] = occur(world, self.ahead, dips=dips)
        two = [
            every_month(self.nominal, parameters={"told": told}) for told in ("one", "two")
        ]
        self.cases["two"] = occur(world, self.nominal, dips=dips, schedules=two)
        self._occur_early()
        self.reports: list[Report] = [plan(self.server)]
        self.moved = {
            name: [Run(self.server, row["id"], case.journal) for row in case.rows()]
            for name, case in self.cases.items()
        }
        self.plans = {
            name: [run.labels() for run in runs] for name, runs in self.moved.items()
        }
        self._go_to(self.nominal + MINUTE)
        self._redeploy_late()
        for moment in (self.early, self.ahead, self.nominal + 2 * HOUR):
            self._go_to(moment)
        self._redeploy_early()
        for moment in (self.slot, self.last):
            self._go_to(moment)

    def _occur_early(self) -> None:
        """Two deployments with runs that are moved before their nominal start."""
        dips, env = {self.early: 100.0}, {"CARBONAWARE_EARLIER": "12h"}
        self.cases["early"] = occur(self.world, self.last, dips=dips, env=env)
        beside = [
            every_month(self.last, parameters={"told": told}, slug=told)
            for told in ("moves", "stays")
        ]
        case = occur(self.world, self.last, dips=dips, env=env, schedules=beside)
        for row in case.rows():
            if row["parameters"]["told"] == "stays":
                case.set_variables(row["id"], CARBONAWARE_EARLIER="0s")
        self.cases["beside"] = case

    def _go_to(self, moment: datetime) -> None:
        """Let it be that moment, and all that is due by then be done."""
        self.server.clock.move_to(moment)
        wait_until_done(self.world)

    def _redeploy_late(self) -> None:
        """When the nominal start has passed; and "ahead" and "dropped" before that."""
        by_cli = _start_cli(self.cases["by_cli"], self.world)
        for name in ("deployed", "again", "two", "ahead"):
            self.cases[name].redeploy()
        self.cases["untagged"].redeploy(tags=[])
        later = every_month(self.nominal + timedelta(days=3))
        self.cases["dropped"].redeploy(schedules=[later])
        self.cases["new_schedule"].redeploy(schedules=[later])
        parameters = self.cases["patched"].settings["parameters"]
        self.cases["patched"].patch(parameters=parameters | {"told": "new"})
        self.cases["patched"].make_runs()
        eventually(lambda: not by_cli.alive(), what="prefect deploy ends")
        assert by_cli.popen.returncode == 0, by_cli.output()
        self.reports.append(plan_together(self.server, 2)[0])
        self.cases["again"].redeploy()
        self.reports.append(plan(self.server))

    def _redeploy_early(self) -> None:
        """When the hour has passed that some runs were moved to before their nominal."""
        for name in ("early", "beside"):
            self.cases[name].redeploy()
        self.reports += [plan(self.server), plan(self.server)]


def _start_cli(occurrence: Occurrence, world: World) -> Process:
    """`prefect deploy` of the same deployment, as a person runs it in a project."""
    folder = world.folder / "project"
    folder.mkdir()
    for name in ("nightly.py", "journal.py"):
        (folder / name).write_text((FLOWS / name).read_text())
    settings = occurrence.settings
    deployment = {
        "name": settings["name"],
        "entrypoint": "nightly.py:nightly",
        "tags": settings["tags"],
        "parameters": settings["parameters"],
        "schedules": [{"interval": 2592000, "anchor_date": occurrence.nominal.isoformat()}],
        "work_pool": {"name": world.pool, "job_variables": settings["job_variables"]},
    }
    (folder / "prefect.yaml").write_text(json.dumps({"deployments": [deployment]}))
    return Process(
        [python(), "-m", "prefect", "--no-prompt", "deploy", "--all"],
        world.server.environment(),
        folder / "log",
        cwd=folder,
    )


@pytest.fixture(scope="module")
def fleet(world: World) -> Fleet:
    """All cases, on one server and over the same hours, to their end."""
    start_worker(world)
    return Fleet(world)


def _labels(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = row["labels"]
    return found


def test_all_had_been_moved(fleet: Fleet) -> None:
    """Before the redeploys all runs but the one that stays wait for their slots."""
    assert fleet.reports[0].count(Action.MOVE) == len(fleet.cases) + 1


@pytest.mark.parametrize("name", _CASES)
def test_what_a_redeploy_deleted_is_put_back_once(fleet: Fleet, name: str) -> None:
    """A run that waits past its nominal start outlives a redeploy, in all its ways."""
    case = fleet.cases[name]
    (old,) = fleet.moved[name]
    (row,) = case.rows()
    (start,) = case.starts()

    assert row["state_name"] == "Completed"
    assert row["id"] != old.id
    assert _labels(row)[_RESTORED] == old.id
    assert fleet.slot - SECOND <= start < fleet.last


@pytest.mark.parametrize("name", _CASES)
def test_what_was_put_back_carries_the_record(fleet: Fleet, name: str) -> None:
    """The labels of the deleted run are on the one that stands for it."""
    (before,) = fleet.plans[name]
    after = fleet.cases[name].run().labels()

    assert before.items() <= after.items()
    assert before["decided_by"] == "planner"


def test_what_was_put_back_says_why(fleet: Fleet) -> None:
    """The state of a run that was put back tells where it waits, and that it was lost."""
    made, *states = fleet.cases["deployed"].run().states()
    # Of two planners at once the other may say the same.
    moved = [state for state in states if state["name"] == "Scheduled"]

    assert (made["name"], scheduled_for({"state": made})) == ("Restoring", fleet.nominal)
    assert 1 <= len(moved) <= 2
    # Never Late, although its nominal start had passed.
    assert states[: len(moved)] == moved
    for state in moved:
        assert "Waiting for cleaner electricity" in state["message"]
        assert "a redeploy had deleted the waiting run" in state["message"]
        assert scheduled_for({"state": state}) == fleet.slot


def test_a_pass_reports_what_it_put_back(fleet: Fleet) -> None:
    """The first pass after a redeploy has a row for the run; the next one has not."""
    _, first, second = fleet.reports[:3]

    assert row_of(first, fleet.cases["deployed"]).action is Action.PUT_BACK
    assert row_of(second, fleet.cases["deployed"]).action is Action.KEEP


def test_changed_parameters_reach_the_run_that_was_put_back(fleet: Fleet) -> None:
    """A changed parameter deletes the run too; it is put back with the new value."""
    assert fleet.cases["patched"].events() == ["start", "new"]


def test_schedules_at_the_same_time_keep_their_parameters(fleet: Fleet) -> None:
    """Of two schedules with the same start each occurrence is put back with its own."""
    case = fleet.cases["two"]

    assert {row["state_name"] for row in case.rows()} == {"Completed"}
    assert len(case.starts()) == 2
    assert set(case.events()) == {"start", "one", "two"}


def test_redeploy_before_the_nominal_start_is_planned_anew(fleet: Fleet) -> None:
    """What Prefect made anew at its nominal start is moved again, and starts once."""
    case = fleet.cases["ahead"]
    (start,) = case.starts()

    assert start >= fleet.slot - SECOND
    assert case.run().id != fleet.moved["ahead"][0].id
    assert row_of(fleet.reports[1], case).action is Action.MOVE


def test_schedule_changed_before_the_nominal_start(fleet: Fleet) -> None:
    """An occurrence that the new schedule does not have is not put back."""
    assert fleet.cases["dropped"].rows() == []
    assert fleet.cases["dropped"].starts() == []


def test_redeploy_after_an_early_start_runs_nothing_twice(fleet: Fleet) -> None:
    """A run moved before its nominal start has started; its twin is cancelled."""
    case = fleet.cases["early"]
    (start,) = case.starts()
    (twin,) = [row for row in case.rows() if row["state_name"] == "Cancelled"]

    assert fleet.early - SECOND <= start < fleet.ahead
    assert sorted(row["state_name"] for row in case.rows()) == ["Cancelled", "Completed"]
    assert "This occurrence has a run already" in twin["state"]["message"]


def test_the_other_schedule_at_that_time_is_no_twin(fleet: Fleet) -> None:
    """Beside a run that started early, that of another schedule still runs, once."""
    case = fleet.cases["beside"]
    first, second = case.starts()

    assert set(case.events()) == {"start", "moves", "stays"}
    assert first < fleet.ahead
    assert second >= fleet.last - SECOND
