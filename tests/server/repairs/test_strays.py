"""A run that Prefect's scheduler makes for a schedule that was deleted meanwhile."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from typing import Any

from carbonaware_prefect.planner.report import Action
from tests.prefect_server.world import World
from tests.server.repairs.jobs import Job, a_job, as_time, plan

_PLACE = "sqlite+aiosqlite:///"


def make_stray(job: Job, schedule: str) -> str:
    """Write it into the server's file, as the scheduler does; its id.

    That finds out what to make in one transaction and makes it in the next. No call can
    be put between the two.
    """
    run, state = str(uuid.uuid4()), str(uuid.uuid4())
    with closing(sqlite3.connect(job.server.database.removeprefix(_PLACE))) as database:
        database.execute("pragma busy_timeout = 60000")

        def copy(table: str, key: str, **changes: Any) -> None:
            like = f"select * from {table} where id = ?"  # noqa: S608  names of our own
            database.execute(f"create temp table made as {like}", [key])
            for name, value in changes.items():
                database.execute(f"update made set {name} = ?", [value])  # noqa: S608
            database.execute(f"insert into {table} select * from made")  # noqa: S608
            database.execute("drop table made")

        with database:
            (like,) = job.runs()
            own = {"id": run, "name": "stray", "idempotency_key": run, "labels": "{}"}
            copy("flow_run", like["id"], **own, state_id=None)
            copy("flow_run_state", like["state_id"], id=state, flow_run_id=run)
            database.execute(
                "update flow_run_state set state_details = "
                "json_set(state_details, '$.scheduled_time', ?) where id = ?",
                [like["expected_start_time"], state],
            )
            database.execute(
                "update flow_run set state_id = ?, "
                "next_scheduled_start_time = expected_start_time, "
                "created_by = json_set(created_by, '$.id', ?) where id = ?",
                [state, schedule, run],
            )
    return run


def test_the_run_that_counts_is_moved_alone(world: World) -> None:
    """The stray is cancelled, and says why."""
    job = a_job(world)
    schedule = job.schedule_id()
    job.deploy()
    fresh = job.run()["id"]
    stray = make_stray(job, schedule)
    report = plan(world.server)
    again = plan(world.server)
    runs = {run["id"]: run for run in job.runs()}

    assert (report.count(Action.CANCEL), report.count(Action.MOVE)) == (1, 1)
    assert report.faults == again.faults == again.count(Action.CANCEL) == 0
    assert runs[stray]["state_name"] == "Cancelled"
    assert "schedule of this one was deleted" in runs[stray]["state"]["message"]
    assert as_time(runs[fresh]["next_scheduled_start_time"]) == job.slot


def test_a_stray_that_comes_after_the_move(world: World) -> None:
    """The run that counts keeps its slot."""
    job = a_job(world)
    schedule = job.schedule_id()
    job.deploy()
    fresh = job.run()["id"]
    plan(world.server)
    stray = make_stray(job, schedule)
    report = plan(world.server)
    runs = {run["id"]: run for run in job.runs()}

    assert report.count(Action.CANCEL) == 1
    assert runs[stray]["state_name"] == "Cancelled"
    assert as_time(runs[fresh]["next_scheduled_start_time"]) == job.slot
