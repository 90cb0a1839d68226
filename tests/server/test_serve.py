"""Flows that are served without a work pool: the delay, the wait, stops of all kinds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone

import pytest

from tests.prefect_server.fleets import each, to_their_slots
from tests.prefect_server.runs import ROUNDED, Run
from tests.prefect_server.server import a_server
from tests.server.serve_stories import STORIES, Story, served_anew

# After the hour at which the page's example starts by its schedule.
_EVENING = datetime(2026, 1, 13, 21, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Story]]:
    """Runs to which all that was done, when the clock has come to their slots."""
    folder = tmp_path_factory.mktemp("serving")
    with a_server(folder, start=_EVENING) as server, ExitStack() as stack:

        def tell(name: str) -> Story:
            place = folder / name.replace(" ", "-")
            place.mkdir()
            story = Story(server, place, stack)
            STORIES[name](story)
            return story

        told = each(tell, STORIES)
        server.clock.reach(told["planned"].seen["nominal"] + timedelta(seconds=1))
        served_anew(told["planned"])
        lingering = told["lingering"].runs.values()
        for slot in sorted(run.slot() for run in lingering):
            # They are ended a minute before a process looks for them.
            server.clock.reach(slot - timedelta(seconds=75))
        for run in lingering:
            run.wait_until_put_back()
        to_their_slots(
            (run, story.seen.get("slot") or run.slot())
            for story in told.values()
            for run in story.runs.values()
            if "slot" in story.seen or "slot_start" in run.labels()
        )
        yield told


def _starts_once_at_its_slot(run: Run) -> None:
    """Completed in a second process, which did the work once and no sooner."""
    run.wait_for("Completed")

    assert [event for event in run.events() if event in {"start", "work", "end"}] == [
        "start", "start", "work", "end",
    ]  # fmt: skip
    assert run.time_of("start", 1) >= run.slot() - ROUNDED
    assert run.labels()["moves"] == 1
    assert run.names().count("Running") == 2


def test_documented_example(stories: dict[str, Story]) -> None:
    """The page's example leaves its process, its server lives on, and it starts once."""
    told = stories["documented"]
    run = told.runs["run"]
    run.wait_for("Completed")
    started = [state for state in run.states() if state["name"] == "Running"]

    assert told.seen == {"alive": True, "then": "Scheduled"}
    assert len(started) == 2
    assert datetime.fromisoformat(started[1]["timestamp"]) >= run.slot() - ROUNDED
    assert (run.labels()["reason"], run.labels()["zone"]) == ("cleaner_slot", "DE")
    assert run.read()["run_count"] == 1


def test_limit_is_free_during_the_wait(stories: dict[str, Story]) -> None:
    """With serve(limit=1) a second run works while the first one waits."""
    told = stories["limited"]

    assert told.seen["first, then"] == "Scheduled"
    assert told.runs["second"].events().count("work") == 1
    _starts_once_at_its_slot(told.runs["first"])


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_served_anew(stories: dict[str, Story], how: str) -> None:
    """SIGTERM and SIGKILL to the serving process cost no run that waits."""
    _starts_once_at_its_slot(stories[how].runs["waiting"])


def test_killed_while_deciding(stories: dict[str, Story]) -> None:
    """The flow's process goes on; served anew, the run starts once, at its slot."""
    _starts_once_at_its_slot(stories["killed"].runs["deciding"])


def test_stopped_while_deciding(stories: dict[str, Story]) -> None:
    """SIGTERM to the serving process cancels the run, as it does without a delay."""
    run = stories["stopped"].runs["deciding"]

    assert run.state() == "Cancelled"
    assert run.events() == ["start", "deciding"]
    assert run.labels() == {}


@pytest.mark.parametrize("whose", ["by hand", "by schedule"])
def test_ctrl_c_during_the_wait(stories: dict[str, Story], whose: str) -> None:
    """Ctrl-C pauses the deployment; a run that its delay task moved waits on and starts."""
    told = stories["paused"]

    assert told.seen["paused"]
    assert {row["id"] for row in told.seen["rows"]} == {
        run.id for run in told.runs.values()
    }
    _starts_once_at_its_slot(told.runs[whose])


@pytest.mark.parametrize("how", ["all interrupted", "all killed"])
def test_all_processes_end_right_after_the_move(
    stories: dict[str, Story], how: str
) -> None:
    """A signal to server and flow when the move was just accepted loses nothing.

    Not even a SIGKILL: nobody is left who could report Crashed.
    """
    _starts_once_at_its_slot(stories[how].runs["moving"])


def test_all_processes_stopped_right_after_the_move(stories: dict[str, Story]) -> None:
    """By SIGTERM Prefect cancels what it executes, unless the flow has told of its move."""
    run = stories["all stopped"].runs["moving"]

    if run.state() == "Cancelled":
        assert "work" not in run.events()
    else:
        _starts_once_at_its_slot(run)


@pytest.mark.parametrize("how", ["all stopped", "all interrupted"])
def test_all_processes_end_while_deciding(stories: dict[str, Story], how: str) -> None:
    """SIGTERM and Ctrl-C to a flow before the move end it, as without a delay.

    After SIGTERM it depends on which of the two processes reports first.
    """
    run = stories[how].runs["deciding"]
    run.wait_for(*{"all stopped": ("Cancelled", "Crashed")}.get(how, ("Crashed",)))

    assert run.events() == ["start", "deciding"]
    assert run.labels() == {}


def test_all_processes_killed_while_deciding(stories: dict[str, Story]) -> None:
    """What Prefect makes impossible: nobody reports, and the run stays Running."""
    told = stories["all killed"]
    # By then the process that serves anew has started what there was to start.
    told.runs["moving"].wait_for("Completed")
    run = told.runs["deciding"]

    assert run.state() == "Running"
    assert run.events() == ["start", "deciding"]


@pytest.mark.parametrize("how", ["held", "interrupted"])
def test_process_that_will_not_end(stories: dict[str, Story], how: str) -> None:
    """A process held by user code is ended before the slot; Ctrl-C there does no harm."""
    run = stories["lingering"].runs[how]
    _starts_once_at_its_slot(run)

    assert run.events()[:3] == ["start", "deciding", "leaving"]
    assert "Crashed" not in run.names()


@pytest.mark.parametrize("which", ["kept", "anew"])
def test_planner_moves_a_served_run(stories: dict[str, Story], which: str) -> None:
    """A scheduled run moves before any process starts, and starts once.

    Serving anew is a redeploy: Prefect deletes the run that waits. The planner's next
    pass puts it back.
    """
    told = stories["planned"]
    run, slot = told.runs[which], told.seen["slot"]
    first = told.seen["moved"][which]
    run.wait_for("Completed")

    assert datetime.fromisoformat(first["state"]["state_details"]["scheduled_time"]) == slot
    assert (run.id == first["id"]) == (which == "kept")
    assert run.events() == ["start", "work"]
    assert run.time_of("start") >= slot - ROUNDED
    assert run.labels()["decided_by"] == "planner"
