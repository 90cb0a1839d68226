"""Runs that are late, short of time, or due before the next one of their schedule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import DIP_IN, Engine, World, a_world

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_LATE = 3 * _HOUR
_SCHEDULED = {"in_order": {}, "overtaking": {"CARBONAWARE_OVERTAKE": "1"}}


def _hourly(world: World, name: str, due: datetime) -> Run:
    """The first run of a deployment that is due every hour from then on."""
    journal = world.folder / f"journal-{name}.jsonl"
    deployment = world.deploy(
        "late.py:late_flow",
        parameters={"dip_in": DIP_IN, "journal": str(journal)},
        job_variables={"env": _SCHEDULED[name]},
        schedules=[{"schedule": {"interval": 3600, "anchor_date": due.isoformat()}}],
    )
    world.deployments[name] = deployment

    def look() -> str | None:
        found = world.server.call(
            "POST",
            "/flow_runs/filter",
            json={
                "flow_runs": {"deployment_id": {"any_": [deployment]}},
                "sort": "EXPECTED_START_TIME_ASC",
            },
        )
        return str(found[0]["id"]) if found else None

    return Run(world.server, eventually(look, what="the schedule made a run"), journal)


def _start(world: World, now: datetime) -> dict[str, Run]:
    """Runs of every kind; those of schedules are due in ten minutes."""
    run, late = world.run, now - _LATE
    passed = {"finish_by": f"{now - 5 * _MINUTE:%H:%M}", "time_zone": "UTC"}
    hour = "late.py:hour_flow"
    return {
        "window_passed": run("late.py:late_flow", due=late, policy={"window": 3600}),
        "deadline_passed": run("late.py:late_flow", due=late, policy=passed),
        "window_left": run("late.py:late_flow", due=late),
        "second_delay": run("late.py:twice_late_flow", due=late),
        "hour_in_process": run(hour, wait="in_process"),
        "hour_moved": run(hour, wait="auto"),
        "brief_task": run("late.py:brief_task_flow"),
        "decorated": run("late.py:decorated_flow"),
    } | {name: _hourly(world, name, now + 10 * _MINUTE) for name in _SCHEDULED}


_MOVED = ["window_left", "second_delay", "hour_moved", *_SCHEDULED]
# Of the delays that move their runs, where it is not the first one.
_KEYS = {"second_delay": "call-2."}
_AT_ONCE = ["window_passed", "deadline_passed", "brief_task", "decorated"]


@pytest.fixture(scope="module")
def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A worker that starts three runs at a time: more only stand in one another's way."""
    with a_world(server, tmp_path_factory.mktemp("late"), Engine.OWN) as world:
        world.start_worker("--limit", "3")
        yield world


@pytest.fixture(scope="module")
def fleet(world: World) -> dict[str, Any]:
    """All runs, finished together."""
    clock = world.server.clock
    begun = clock.now()
    runs = _start(world, begun)
    for name in _AT_ONCE:
        runs[name].wait_for("Completed")
    runs["hour_in_process"].wait_for_note("start")
    clock.move_to(begun + 10 * _MINUTE)
    slots = {name: runs[name].wait_until_put_back(_KEYS.get(name, "")) for name in _MOVED}
    for name in _SCHEDULED:
        path = f"/deployments/{world.deployments[name]}/pause_deployment"
        world.server.call("POST", path)
    for slot in sorted({slots["in_order"], max(slots.values())}):
        clock.move_to(slot)
    for name in (*_MOVED, "hour_in_process"):
        runs[name].wait_for("Completed")
    return runs | {"begun": begun}


def _told(run: Run, what: str) -> str:
    """What it noted first about its decision."""
    return next(e for e in run.events() if e.startswith(f"{what} ")).split(" ", 1)[1]


def _moment(run: Run, label: str) -> datetime:
    return datetime.fromisoformat(run.labels()[label])


def test_a_window_that_has_passed_is_closed(fleet: dict[str, Any]) -> None:
    """Due three hours ago with a window of one, it starts at once and says why."""
    run = fleet["window_passed"]

    assert _told(run, "reason") == "window_closed"
    assert _told(run, "sentence").startswith("Starting now: the window closed at ")
    assert run.names().count("Running") == 1


def test_a_deadline_that_has_passed_has_passed(fleet: dict[str, Any]) -> None:
    """A finish-by of five minutes ago does not become tomorrow's."""
    run = fleet["deadline_passed"]

    assert _told(run, "reason") == "window_closed"
    assert run.names().count("Running") == 1


def test_a_late_run_has_the_rest_of_its_window(fleet: dict[str, Any]) -> None:
    """Its saving counts from when it was picked up: when it would have started."""
    run = fleet["window_left"]

    assert run.names().count("Running") == 2
    assert _moment(run, "nominal_start") >= fleet["begun"]
    assert datetime.fromisoformat(run.read()["expected_start_time"]) < fleet["begun"]
    assert run.labels()["intensity_nominal"] == 300


def test_a_second_delay_counts_from_its_call(fleet: dict[str, Any]) -> None:
    """The first one's window has passed; the second one's begins when it is called."""
    run = fleet["second_delay"]

    assert run.labels()["reason"] == "window_closed"
    assert run.labels()["call-2.reason"] == "cleaner_slot"
    assert run.names().count("Running") == 2


def test_a_wait_in_process_fits_into_the_timeout(fleet: dict[str, Any]) -> None:
    """Of a flow with an hour it takes the cleanest start that leaves the work its time."""
    run = fleet["hour_in_process"]

    assert _told(run, "reason") == "cleaner_slot"
    assert "would not end within timeout_seconds=3600 of flow 'hour-flow')" in (
        _told(run, "sentence")
    )
    assert run.labels()["intensity_slot"] == 280
    assert run.names().count("Running") == 1


def test_a_move_starts_the_timeout_anew(fleet: dict[str, Any]) -> None:
    """What leaves its process may wait for longer than its time-out."""
    run = fleet["hour_moved"]

    assert run.labels()["intensity_slot"] == 100
    assert run.events()[-1] == "work"


@pytest.mark.parametrize("name", ["brief_task", "decorated"])
def test_a_timeout_that_the_work_needs_itself(fleet: dict[str, Any], name: str) -> None:
    """The delay task's own, or that of a task around it, lets the run start at once."""
    run = fleet[name]

    assert run.labels()["reason"] == "timeout_too_short"
    assert run.events()[-1] == "work"


def test_a_run_starts_before_the_next_one_is_due(fleet: dict[str, Any]) -> None:
    """Due every hour, it waits ten minutes for a little, and not three hours for more."""
    run = fleet["in_order"]
    due = fleet["begun"] + 10 * _MINUTE

    assert run.labels()["intensity_slot"] == 280
    assert run.slot() <= due + _HOUR
    messages = [state["message"] or "" for state in run.states()]
    told = f"(no start after {due + _HOUR:%H:%M:%S} UTC: the next run of its schedule"
    assert any(told in message for message in messages)


def test_overtaking_can_be_allowed(fleet: dict[str, Any]) -> None:
    """With CARBONAWARE_OVERTAKE=1 it waits for the cleanest hour of its window."""
    assert fleet["overtaking"].labels()["intensity_slot"] == 100
