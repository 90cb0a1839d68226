"""The clock of a Prefect server, its worker, and the flow runs that this one starts."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World

pytestmark = pytest.mark.server
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def test_date_of_an_answer(server: Server) -> None:
    """The first answer after a move has the new time in its Date."""
    server.client.get("/health")
    moved = server.clock.advance(HOUR)
    date = parsedate_to_datetime(server.client.get("/health").headers["date"])

    assert moved - SECOND < date <= server.clock.now()


def test_what_the_database_writes_and_asks(server: Server, world: World) -> None:
    """Defaults of columns and queries for what is past have the clock's time."""
    moved = server.clock.advance(HOUR)
    deployment = world.deploy("plain.py:tick", paused=True)
    row = server.call("GET", f"/deployments/{deployment}")
    run = world.create(deployment, state={"type": "PENDING"})
    server.clock.advance(HOUR)
    lateness = server.call(
        "POST", "/flow_runs/lateness", json={"flow_runs": {"id": {"any_": [run.id]}}}
    )

    assert moved <= datetime.fromisoformat(row["created"]) <= server.clock.now()
    assert lateness >= HOUR.total_seconds()


def test_a_run_and_its_own_subprocess(server: Server, world: World) -> None:
    """A run of 4.7 h hence starts when the clock is moved there, and so do its children."""
    due = server.clock.now() + 4.7 * HOUR
    run = world.run("telling.py:telling_flow", due=due)
    assert run.state() == "Scheduled"
    server.clock.move_to(due)
    run.wait_for("Completed")
    end = server.clock.now()
    times = [datetime.fromtimestamp(note["time"], due.tzinfo) for note in run.notes()]

    assert run.events() == ["start", "child", "end"]
    assert due <= times[0] < times[1] < times[2] <= end
    assert datetime.fromisoformat(run.read()["end_time"]) <= end


def test_a_run_is_late_by_the_clock(server: Server, world: World) -> None:
    """The server marks a run Late that no worker takes while hours pass."""
    deployment = world.deploy("plain.py:tick", work_pool_name=None)
    run = world.create(deployment)
    server.clock.advance(HOUR)

    eventually(lambda: run.state() == "Late", what="the run is late")
