"""Redeploys while moved runs wait: no occurrence is lost, none starts twice."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from carbonaware_prefect.planner.api import open_api
from carbonaware_prefect.planner.repair.ledger import read_ledger
from carbonaware_prefect.planner.repair.redeploys import put_back
from carbonaware_prefect.planner.report import Action, Report
from tests.prefect_server.runs import Run
from tests.prefect_server.waiting import eventually, now
from tests.prefect_server.world import FLOWS, World
from tests.server.planner.occurrences import (
    SECOND,
    Occurrence,
    Timeline,
    all_moved,
    every_month,
    in_time,
    occur,
    plan,
    row_of,
    scheduled_for,
    sleep_until,
)

_RESTORED = "carbonaware.restored_from"
_CASES = ["deployed", "by_cli", "patched", "again", "untagged", "killed", "new_schedule"]


class Fleet:
    """Deployments whose runs are moved, redeployed while they wait, and mended.

    Attributes:
        cases: by name.
        slot: where the planner puts all runs but the early ones.
        reports: of the passes after the redeploys, in order.
        moved: the runs before the redeploys.
        plans: their labels.
    """

    def __init__(self, world: World) -> None:
        self.world, self.server = world, world.server
        line = Timeline()
        self.nominal, self.slot, self.end = line.at(24), line.at(46), line.at(62)
        dips = {self.slot: 100.0}
        self.cases = {name: occur(world, self.nominal, dips=dips) for name in _CASES}
        for name in ("ahead", "dropped"):
            self.cases[name] = occur(world, line.at(40), dips=dips)
        two = [
            every_month(self.nominal, parameters={"told": told}) for told in ("one", "two")
        ]
        self.cases["two"] = occur(world, self.nominal, dips=dips, schedules=two)
        early, env = {line.at(27): 100.0}, {"CARBONAWARE_EARLIER": "5m"}
        self.cases["early"] = occur(world, line.at(58), dips=early, env=env)
        beside = [
            every_month(line.at(58), parameters={"told": told}, slug=told)
            for told in ("moves", "stays")
        ]
        self.cases["beside"] = occur(
            world, line.at(58), dips=early, env=env, schedules=beside
        )
        for row in self.cases["beside"].rows():
            if row["parameters"]["told"] == "stays":
                self.cases["beside"].set_variables(row["id"], CARBONAWARE_EARLIER="0s")
        all_moved(plan(self.server), len(self.cases) + 1)
        self.moved = {
            name: [Run(self.server, row["id"], case.journal) for row in case.rows()]
            for name, case in self.cases.items()
        }
        self.plans = {
            name: [run.labels() for run in runs] for name, runs in self.moved.items()
        }
        self.reports: list[Report] = []
        self._redeploy_late()
        self._redeploy_early()

    def _redeploy_late(self) -> None:
        """When the nominal start has passed; and "ahead" and "dropped" before that."""
        sleep_until(self.nominal + SECOND)
        by_cli = _start_cli(self.cases["by_cli"], self.world)
        for name in ("deployed", "again", "killed", "two", "ahead"):
            self.cases[name].redeploy()
        self.cases["untagged"].redeploy(tags=[])
        later = every_month(self.nominal + timedelta(days=3))
        self.cases["dropped"].redeploy(schedules=[later])
        self.cases["new_schedule"].redeploy(schedules=[later])
        parameters = self.cases["patched"].settings["parameters"]
        self.cases["patched"].patch(parameters=parameters | {"told": "new"})
        self.cases["patched"].make_runs()
        _die_after_putting_back(self.cases["killed"])
        assert by_cli.wait(60) == 0
        self.reports.append(plan(self.server, planners=2))
        self.cases["again"].redeploy()
        self.reports.append(plan(self.server))
        in_time(self.slot)

    def _redeploy_early(self) -> None:
        """When the runs that were moved before their nominal start have started."""
        for name in ("early", "beside"):
            eventually(self.cases[name].starts, within=20, what=f"{name} starts")
            self.cases[name].redeploy()
        self.reports += [plan(self.server), plan(self.server)]
        in_time(self.cases["early"].nominal)

    def after(self) -> None:
        """Return when nothing more can start."""
        sleep_until(self.end)


def _start_cli(occurrence: Occurrence, world: World) -> subprocess.Popen[bytes]:
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
    return subprocess.Popen(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=folder,
        env=world.server.environment(),
        stdout=(folder / "log").open("wb"),
        stderr=subprocess.STDOUT,
    )


def _die_after_putting_back(occurrence: Occurrence) -> None:
    """What a planner does that is killed before it has written down what it did."""

    async def half_a_pass() -> None:
        async with open_api() as api:
            ledger = await read_ledger(api)
            (entry,) = [
                entry
                for entry in ledger.waiting.values()
                if entry.deployment == occurrence.deployment
            ]
            path = f"/deployments/{occurrence.deployment}"
            deployment = await api.call("GET", path)
            await put_back(api, entry, deployment, now())

    with temporary_settings({PREFECT_API_URL: occurrence.server.api}):
        asyncio.run(half_a_pass())


@pytest.fixture(scope="module")
def fleet(world: World) -> Fleet:
    """All cases, on one server and over the same seconds."""
    world.start_worker()
    return Fleet(world)


def _labels(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = row["labels"]
    return found


@pytest.mark.parametrize("name", _CASES)
def test_what_a_redeploy_deleted_is_put_back_once(fleet: Fleet, name: str) -> None:
    """A run that waits past its nominal start outlives a redeploy, in all its ways."""
    case = fleet.cases[name]
    (old,) = fleet.moved[name]
    case.run().wait_for("Completed", within=60)

    (row,) = case.rows()
    (start,) = case.starts()
    assert row["id"] != old.id
    assert _labels(row)[_RESTORED] == old.id
    assert start >= fleet.slot - SECOND


@pytest.mark.parametrize("name", _CASES)
def test_what_was_put_back_carries_the_record(fleet: Fleet, name: str) -> None:
    """The labels of the deleted run are on the one that stands for it."""
    (before,) = fleet.plans[name]
    after = fleet.cases[name].run().labels()

    assert before.items() <= after.items()
    assert before["decided_by"] == "planner"


def test_what_was_put_back_says_why(fleet: Fleet) -> None:
    """The state of a run that was put back tells where it waits, and that it was lost."""
    first = fleet.cases["deployed"].run().states()[0]

    assert first["name"] == "Scheduled"
    assert "Waiting for cleaner electricity" in first["message"]
    assert "a redeploy had deleted the waiting run" in first["message"]
    assert scheduled_for({"state": first}) == fleet.slot


def test_a_pass_reports_what_it_put_back(fleet: Fleet) -> None:
    """The first pass after a redeploy has a row for the run; the next one has not."""
    first, second = fleet.reports[:2]

    assert row_of(first, fleet.cases["deployed"]).action is Action.PUT_BACK
    assert second.count(Action.PUT_BACK) == 0


def test_changed_parameters_reach_the_run_that_was_put_back(fleet: Fleet) -> None:
    """A changed parameter deletes the run too; it is put back with the new value."""
    fleet.cases["patched"].run().wait_for("Completed", within=60)

    assert fleet.cases["patched"].events() == ["start", "new"]


def test_schedules_at_the_same_time_keep_their_parameters(fleet: Fleet) -> None:
    """Of two schedules with the same start each occurrence is put back with its own."""
    case = fleet.cases["two"]
    for row in case.rows():
        Run(fleet.server, row["id"], case.journal).wait_for("Completed", within=60)

    assert len(case.starts()) == 2
    assert set(case.events()) == {"start", "one", "two"}


def test_redeploy_before_the_nominal_start_is_planned_anew(fleet: Fleet) -> None:
    """What Prefect made anew at its nominal start is moved again, and starts once."""
    case = fleet.cases["ahead"]
    case.run().wait_for("Completed", within=60)

    (start,) = case.starts()
    assert start >= fleet.slot - SECOND
    assert case.run().id != fleet.moved["ahead"][0].id
    assert row_of(fleet.reports[0], case).action is Action.MOVE


def test_schedule_changed_before_the_nominal_start(fleet: Fleet) -> None:
    """An occurrence that the new schedule does not have is not put back."""
    fleet.after()

    assert fleet.cases["dropped"].rows() == []
    assert fleet.cases["dropped"].starts() == []


def test_redeploy_after_an_early_start_runs_nothing_twice(fleet: Fleet) -> None:
    """A run moved before its nominal start has started; its twin is cancelled."""
    case = fleet.cases["early"]
    fleet.after()

    (start,) = case.starts()
    assert start < case.nominal
    assert sorted(row["state_name"] for row in case.rows()) == ["Cancelled", "Completed"]
    (twin,) = [row for row in case.rows() if row["state_name"] == "Cancelled"]
    assert "This occurrence has a run already" in twin["state"]["message"]


def test_the_other_schedule_at_that_time_is_no_twin(fleet: Fleet) -> None:
    """Beside a run that started early, that of another schedule still runs, once."""
    case = fleet.cases["beside"]
    fleet.after()
    eventually(lambda: len(case.starts()) == 2, within=20, what="both have started")

    assert set(case.events()) == {"start", "moves", "stays"}
    assert len(case.starts()) == 2
    assert case.starts()[0] < case.nominal - SECOND <= case.starts()[1]
