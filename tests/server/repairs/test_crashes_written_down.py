"""Crashes that the planner mends: written down before, looked at once, within bounds."""

from __future__ import annotations

from typing import Any

from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.report import Action
from tests.prefect_server.world import World
from tests.server.repairs.jobs import HOUR, MINUTE, Job, as_time, outcome_of, plan
from tests.server.repairs.test_replacements import moved


def crashed(world: World) -> Job:
    """A job whose run crashed at its slot, before its work began."""
    job = moved(world)
    world.server.clock.move_to(job.slot)
    for kind in ("PENDING", "CRASHED"):
        job.set_state(job.run()["id"], kind)
    world.server.clock.advance(MINUTE)
    return job


def test_deployed_before_its_new_start(world: World) -> None:
    """The deploy deletes what was moved again; it is put back."""
    job = crashed(world)
    assert plan(world.server).count(Action.MOVE_AGAIN) == 1
    again = job.run()
    job.deploy()
    assert job.runs() == []
    report = plan(world.server)

    assert report.count(Action.PUT_BACK) == 1
    assert job.run()["labels"]["carbonaware.restored_from"] == again["id"]
    assert job.run()["id"] in job.polled()


def test_its_first_start_counts_as_one(world: World) -> None:
    """A run that never ran has had no attempt yet."""
    job = crashed(world)
    plan(world.server)

    policy = job.run()["empirical_policy"]
    assert (policy["resuming"], policy["retry_type"]) == (False, None)


def test_beyond_its_bounds_it_is_lost(world: World) -> None:
    """Its window has closed: it stays Crashed, and that is told once."""
    job = crashed(world)
    world.server.clock.move_to(job.due + 7 * HOUR)
    first, second = plan(world.server), plan(world.server)
    outcome = outcome_of(first, job)

    assert outcome is not None
    assert (outcome.action, outcome.reason) == (Action.LOST, "crashed_while_starting")
    assert second.count(Action.LOST) == 0
    assert job.run()["state_name"] == "Crashed"


class _Noting(Api):
    """Keeps whose histories were asked for."""

    asked: list[str] = []  # noqa: RUF012  of the class, since `plan` makes the API

    async def states(self, run: str) -> Any:
        _Noting.asked.append(run)
        return await super().states(run)


def test_each_crash_is_looked_at_once(world: World) -> None:
    """What a pass has looked at, the next ones do not read again."""
    job = crashed(world)
    world.server.clock.move_to(job.due + 7 * HOUR)
    _Noting.asked.clear()
    for _ in range(3):
        plan(world.server, kind=_Noting)

    assert _Noting.asked == [job.run()["id"]]


def test_one_that_could_not_be_moved_is_looked_at_again(world: World) -> None:
    """A server that refuses today may not tomorrow."""

    class Refusing(Api):
        async def set_states(self, *_: Any) -> Any:
            return []

    job = crashed(world)
    assert plan(world.server, kind=Refusing).faults == 1
    assert plan(world.server).count(Action.MOVE_AGAIN) == 1
    assert as_time(job.run()["next_scheduled_start_time"]) >= job.slot
