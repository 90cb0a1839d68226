"""A redeploy's doing or a person's: told by what they leave behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from carbonaware_prefect.planner.report import Action
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World
from tests.server.repairs.jobs import HOUR, MINUTE, Job, as_time, outcome_of, plan
from tests.server.repairs.test_replacements import moved


def _pause_and_resume(job: Job) -> None:
    job.do("pause_deployment")
    job.server.clock.advance(20 * MINUTE)
    job.do("resume_deployment")


def _switch_off_and_on(job: Job) -> None:
    for active in (False, True):
        job.patch(f"/schedules/{job.schedule_id()}", active=active)
        job.server.clock.advance(20 * MINUTE)
    job.make_runs()


def _deploy_and_pause(job: Job) -> None:
    job.deploy()
    job.server.clock.advance(20 * MINUTE)
    _pause_and_resume(job)


def _deploy_while_paused(job: Job) -> None:
    """As the command does, a deploy says that the deployment is not paused."""
    job.do("pause_deployment")
    job.server.clock.advance(20 * MINUTE)
    job.deploy(paused=False)
    resource = f"prefect.deployment.{job.id}"
    asked = {"filter": {"resource": {"id": [resource]}}}
    eventually(
        lambda: any(
            "paused" in event["payload"].get("updates", {})
            for event in job.server.call("POST", "/events/filter", json=asked)["events"]
        ),
        what="the server keeps the event",
    )


@pytest.mark.parametrize(
    "act",
    [_pause_and_resume, _switch_off_and_on, _deploy_and_pause, _deploy_while_paused],
)
@pytest.mark.parametrize("passes", [0, 1], ids=["before a pass", "after a pass"])
def test_a_pause_is_no_redeploy(
    world: World, act: Callable[[Job], None], passes: int
) -> None:
    """What was suppressed does not come back, also when no pass came in between."""
    job = moved(world)
    for _ in range(passes):
        plan(world.server)
    act(job)
    report = plan(world.server)
    outcome = outcome_of(report, job)
    again = plan(world.server)

    assert outcome is not None
    assert (outcome.action, outcome.reason) == (Action.LEAVE, "paused")
    assert outcome.sentence.startswith("Not put back: ")
    assert outcome_of(again, job) is None
    assert job.runs() == []


def test_a_planner_that_was_down_for_days(world: World) -> None:
    """A pause and a resume long ago are still what they were."""
    job = moved(world)
    _pause_and_resume(job)
    world.server.clock.advance(50 * HOUR)
    report = plan(world.server)

    assert (report.count(Action.PUT_BACK), report.count(Action.LOST)) == (0, 0)
    assert all(as_time(run["expected_start_time"]) > job.due for run in job.runs())


@pytest.mark.parametrize("slug", ["nightly", None])
def test_a_deploy_is_a_redeploy(world: World, slug: str | None) -> None:
    """With and without slugs, also some time before the pass."""
    job = moved(world, slug=slug)
    job.deploy()
    world.server.clock.advance(20 * MINUTE)

    assert plan(world.server).count(Action.PUT_BACK) == 1
    assert as_time(job.run()["next_scheduled_start_time"]) == job.slot


def test_a_deploy_as_the_command_sends_it(world: World) -> None:
    """It changes the schedules that have the same slug, and keeps their ids."""
    job = moved(world)
    before = job.schedule_id()
    (schedule,) = job.settings["schedules"]
    job.patch(schedules=[schedule], paused=False)
    job.make_runs()

    assert job.schedule_id() == before
    assert plan(world.server).count(Action.PUT_BACK) == 1


def test_changed_parameters_are_a_redeploy(world: World) -> None:
    """The deployment says something else since; it was no mere pause."""
    job = moved(world)
    parameters = job.settings["parameters"] | {"told": "new"}
    job.patch(parameters=parameters)

    assert plan(world.server).count(Action.PUT_BACK) == 1
    assert job.run()["parameters"] == parameters
