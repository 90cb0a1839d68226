"""What is put back behaves like what it replaces, and keeps to the same bounds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.report import Action
from tests.prefect_server.world import World
from tests.server.repairs.jobs import (
    HOUR,
    MINUTE,
    Job,
    a_job,
    as_time,
    outcome_of,
    plan,
)

_RESTORED = "carbonaware.restored_from"
# Which run it is, and what the API lets nobody say; see docs/carbon-aware-schedules.md.
_OWN = {
    "id", "name", "created", "updated", "state", "state_id", "estimated_start_time_delta",
    "auto_scheduled", "created_by", "idempotency_key", "labels", "tags",
}  # fmt: skip


def moved(world: World, **options: Any) -> Job:
    """A job whose run waits for its slot, and is past its nominal start."""
    job = a_job(world, **options)
    report = plan(world.server)
    outcome = outcome_of(report, job)
    assert outcome is not None
    assert (outcome.action, outcome.start) == (Action.MOVE, job.slot)
    world.server.clock.move_to(job.due + MINUTE)
    return job


def test_it_is_as_the_scheduler_makes_them(world: World) -> None:
    """Due when the lost run was, with its tags, parameters, queue and policy."""
    job = moved(world)
    lost = job.run()
    job.deploy()
    assert job.runs() == []
    report = plan(world.server)
    made = job.run()

    assert report.count(Action.PUT_BACK) == 1
    assert {k: v for k, v in made.items() if k not in _OWN} == {
        k: v for k, v in lost.items() if k not in _OWN
    }
    assert as_time(made["expected_start_time"]) == job.due
    assert as_time(made["next_scheduled_start_time"]) == job.slot
    assert set(made["tags"]) == {"auto-scheduled", "carbon-aware", "team-a"}
    assert made["labels"] == lost["labels"] | {_RESTORED: lost["id"]}
    assert made["name"] == lost["name"]
    assert made["id"] in job.polled()
    # The server marks late what is past its time under the name of Scheduled.
    assert [state["name"] for state in job.state(made["id"])] == ["Restoring", "Scheduled"]


def test_a_pass_with_nothing_new_leaves_it(world: World) -> None:
    """It waits like any other run that was moved."""
    job = moved(world)
    job.deploy()
    plan(world.server)
    made = job.run()
    report = plan(world.server)
    outcome = outcome_of(report, job)

    assert outcome is not None
    assert (outcome.action, outcome.start) == (Action.KEEP, job.slot)
    assert job.run() | {"estimated_start_time_delta": 0} == made | {
        "estimated_start_time_delta": 0
    }


def test_two_planners_put_it_back_once(world: World) -> None:
    """However many try at the same time."""
    job = moved(world)
    job.deploy()
    plan(world.server, planners=3)

    assert as_time(job.run()["next_scheduled_start_time"]) == job.slot
    assert job.run()["id"] in job.polled()


class _DiedError(Exception):
    """This planner makes no more calls."""


class _DiesBeforeTheMove(Api):
    async def set_states(self, *_: Any) -> Any:
        raise _DiedError


class _DiesBeforeItIsShown(Api):
    async def update(self, *_: Any, **__: Any) -> None:
        raise _DiedError


class _DiesBeforeItIsWrittenDown(Api):
    async def update(self, run: str, **fields: Any) -> None:
        await super().update(run, **fields)
        raise _DiedError


@pytest.mark.parametrize("dying", [_DiesBeforeTheMove, _DiesBeforeItIsShown])
def test_no_worker_sees_one_that_is_half_done(world: World, dying: type[Api]) -> None:
    """A planner dies on the way: nothing starts, and the next pass finishes it."""
    job = moved(world)
    job.deploy()
    with pytest.raises(_DiedError):
        plan(world.server, kind=dying)
    half = job.run()
    assert half["id"] not in job.polled()
    report = plan(world.server)

    assert report.count(Action.PUT_BACK) == 1
    assert job.run()["id"] == half["id"]
    assert as_time(job.run()["next_scheduled_start_time"]) == job.slot
    assert half["id"] in job.polled()


def test_one_that_was_not_written_down_is_found(world: World) -> None:
    """A planner dies when all is done but the ledger: it is still that one run."""
    job = moved(world)
    job.deploy()
    with pytest.raises(_DiedError):
        plan(world.server, kind=_DiesBeforeItIsWrittenDown)
    made = job.run()["id"]
    plan(world.server)
    job.deploy()
    plan(world.server)

    # It is not the first any more: the deploy replaced it.
    assert job.run()["id"] != made
    assert as_time(job.run()["next_scheduled_start_time"]) == job.slot


def test_past_its_slot_it_starts_as_soon_as_it_may(world: World) -> None:
    """The window is still open: it starts now, and is due when it was."""
    job = moved(world)
    world.server.clock.move_to(job.slot - MINUTE)
    job.deploy()
    world.server.clock.move_to(job.slot + HOUR)
    report = plan(world.server)
    outcome, made = outcome_of(report, job), job.run()

    assert outcome is not None
    assert outcome.action is Action.PUT_BACK
    start = as_time(made["next_scheduled_start_time"])
    assert job.slot + HOUR <= start <= job.slot + HOUR + MINUTE
    assert as_time(made["expected_start_time"]) == job.due


def test_hours_kept_free_are_kept_free(world: World) -> None:
    """Past its slot, it waits until those hours have passed."""
    server = world.server
    due = server.now().replace(second=0, microsecond=0) + 2 * HOUR
    kept = f"{due + 4.5 * HOUR:%H:%M}-{due + 5 * HOUR:%H:%M}"
    job = moved(world, CARBONAWARE_NOT_BETWEEN=kept)
    server.clock.move_to(job.slot - MINUTE)
    job.deploy()
    server.clock.move_to(job.slot + HOUR)
    plan(server)

    assert as_time(job.run()["next_scheduled_start_time"]) == job.due + 5 * HOUR


@pytest.mark.parametrize("late", [timedelta(minutes=1), timedelta(days=2)])
def test_what_may_not_start_any_more_is_lost(world: World, late: timedelta) -> None:
    """Its window has closed: it is reported, once, and not started."""
    job = moved(world)
    job.deploy()
    world.server.clock.move_to(job.due + 6 * HOUR + late)
    first, second = plan(world.server), plan(world.server)
    outcome = outcome_of(first, job)

    assert outcome is not None
    assert (outcome.action, outcome.reason) == (Action.LOST, "redeployed")
    assert "the starts that its policy allows have passed" in outcome.sentence
    assert outcome_of(second, job) is None or second.count(Action.LOST) == 0
    assert all(as_time(run["expected_start_time"]) != job.due for run in job.runs())


def test_half_done_and_then_too_late(world: World) -> None:
    """What a planner that died had made, and nobody may start any more, is deleted."""
    job = moved(world)
    job.deploy()
    with pytest.raises(_DiedError):
        plan(world.server, kind=_DiesBeforeTheMove)
    half = job.run()["id"]
    world.server.clock.move_to(job.due + 7 * HOUR)
    report = plan(world.server)

    assert report.count(Action.LOST) == 1
    assert half not in {run["id"] for run in job.runs()}


def test_a_deploy_replaces_it(world: World) -> None:
    """Prefect would delete a run of its own, to make it with what was deployed."""
    job = moved(world)
    lost = job.run()["id"]
    job.deploy()
    plan(world.server)
    first = job.run()["id"]
    parameters = job.settings["parameters"] | {"told": "new"}
    job.deploy(parameters=parameters)
    report = plan(world.server)
    made = job.run()

    assert report.count(Action.PUT_BACK) == 1
    assert made["id"] != first
    assert made["parameters"] == parameters
    assert as_time(made["expected_start_time"]) == job.due
    assert as_time(made["next_scheduled_start_time"]) == job.slot
    assert made["labels"][_RESTORED] == lost


@pytest.mark.parametrize("pause", ["paused", "paused and resumed", "switched off"])
def test_a_pause_deletes_it(world: World, pause: str) -> None:
    """Prefect would delete a run of its own; the planner does it in its stead."""
    job = moved(world)
    job.deploy()
    plan(world.server)
    made = job.run()["id"]
    world.server.clock.advance(MINUTE)
    if pause == "switched off":
        job.patch(f"/schedules/{job.schedule_id()}", active=False)
    else:
        job.do("pause_deployment")
    if pause == "paused and resumed":
        job.do("resume_deployment")
    assert made in {run["id"] for run in job.runs()}
    for _ in range(2):
        report = plan(world.server)
        assert report.count(Action.PUT_BACK) == 0

    assert made not in {run["id"] for run in job.runs()}
