"""Flows that are served without a work pool: the delay, the wait, stops of all kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime

import pytest

from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server
from tests.server.serve_stories import HELD_SECONDS, STORIES, Story
from tests.server.stories import Stories

pytestmark = [
    pytest.mark.infra,
    # The first test waits for what all stories start together.
    pytest.mark.timeout(400),
]


@pytest.fixture(scope="module")
def stories(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stories[Story]]:
    """All stories at once: most of their time is waiting."""
    with ExitStack() as stack:

        def tell(name: str) -> Story:
            folder = tmp_path_factory.mktemp(name.replace(" ", "-"))
            story = Story(server, folder, stack)
            STORIES[name](story)
            return story

        with Stories(tell, STORIES) as stories:
            yield stories


def _slot(run: Run) -> float:
    return datetime.fromisoformat(run.labels()["slot_start"]).timestamp()


def _starts_once_at_its_slot(run: Run, within: float = 120) -> None:
    """Completed in a second process, which did the work once and no sooner."""
    run.wait_for("Completed", within=within)

    assert [event for event in run.events() if event in {"start", "work", "end"}] == [
        "start", "start", "work", "end",
    ]  # fmt: skip
    assert run.note("work")["time"] >= _slot(run) - 2
    assert run.labels()["moves"] == 1
    assert run.names().count("Running") == 2


def test_documented_example(story: Callable[[str], Story]) -> None:
    """The page's example leaves its process, its server lives on, and it starts once."""
    told = story("documented")
    run = told.runs["run"]
    run.wait_for("Completed", within=120)
    started = [state for state in run.states() if state["name"] == "Running"]

    assert told.seen == {"alive": True, "then": "Scheduled"}
    assert len(started) == 2
    assert datetime.fromisoformat(started[1]["timestamp"]).timestamp() >= _slot(run) - 2
    assert (run.labels()["reason"], run.labels()["zone"]) == ("cleaner_slot", "DE")
    assert run.read()["run_count"] == 1


def test_limit_is_free_during_the_wait(story: Callable[[str], Story]) -> None:
    """With serve(limit=1) a second run works while the first one waits."""
    told = story("limited")

    assert told.seen["first, then"] == "Scheduled"
    assert told.runs["second"].events().count("work") == 1
    _starts_once_at_its_slot(told.runs["first"])


@pytest.mark.parametrize("how", ["stopped", "killed"])
@pytest.mark.parametrize("when", ["waiting", "deciding"])
def test_served_anew(story: Callable[[str], Story], how: str, when: str) -> None:
    """SIGTERM and SIGKILL to the serving process cost no run that waits or decides.

    The flow's process goes on without it; served anew, the run starts once, at its slot.
    """
    _starts_once_at_its_slot(story(how).runs[when])


@pytest.mark.parametrize("whose", ["by hand", "by schedule"])
def test_ctrl_c_during_the_wait(story: Callable[[str], Story], whose: str) -> None:
    """Ctrl-C pauses the deployment; a run that its delay task moved waits on and starts."""
    told = story("paused")

    assert told.seen["paused"]
    assert {row["id"] for row in told.seen["rows"]} == {
        run.id for run in told.runs.values()
    }
    _starts_once_at_its_slot(told.runs[whose])


@pytest.mark.parametrize("how", ["all stopped", "all interrupted", "all killed"])
def test_all_processes_end_right_after_the_move(
    story: Callable[[str], Story], how: str
) -> None:
    """A signal to server and flow when the move was just accepted loses nothing.

    Not even a SIGKILL: nobody is left who could report Crashed.
    """
    _starts_once_at_its_slot(story(how).runs["moving"])


@pytest.mark.parametrize("how", ["all stopped", "all interrupted"])
def test_all_processes_end_while_deciding(story: Callable[[str], Story], how: str) -> None:
    """SIGTERM and Ctrl-C to a flow before the move: Crashed, as without a delay."""
    run = story(how).runs["deciding"]
    run.wait_for("Crashed", within=60)

    assert run.events() == ["start", "deciding"]
    assert run.labels() == {}


def test_all_processes_killed_while_deciding(story: Callable[[str], Story]) -> None:
    """What Prefect makes impossible: nobody reports, and the run stays Running."""
    told = story("all killed")
    # By then the process that serves anew has started what there was to start.
    told.runs["moving"].wait_for("Completed", within=120)
    run = told.runs["deciding"]

    assert run.state() == "Running"
    assert run.events() == ["start", "deciding"]


@pytest.mark.parametrize("how", ["held", "interrupted"])
def test_process_that_will_not_end(story: Callable[[str], Story], how: str) -> None:
    """A process held by user code is ended before the slot; Ctrl-C there does no harm."""
    run = story("lingering").runs[how]
    _starts_once_at_its_slot(run)

    assert run.events()[:3] == ["start", "deciding", "leaving"]
    # Sooner than the user's code lets go.
    assert run.note("start", 1)["time"] < run.note("leaving")["time"] + HELD_SECONDS
    assert "Crashed" not in run.names()


@pytest.mark.parametrize("which", ["kept", "anew"])
def test_planner_moves_a_served_run(story: Callable[[str], Story], which: str) -> None:
    """A scheduled run moves before any process starts, and starts once.

    Serving anew is a redeploy: Prefect deletes the run that waits. The planner's next
    pass puts it back.
    """
    told = story("planned")
    run, slot = told.runs[which], told.seen["slot"]
    first = told.seen["moved"][which]
    run.wait_for("Completed", within=120)

    assert datetime.fromisoformat(first["state"]["state_details"]["scheduled_time"]) == slot
    assert (run.id == first["id"]) == (which == "kept")
    assert run.events() == ["start", "work"]
    assert run.note("start")["time"] >= slot.timestamp() - 1
    assert run.labels()["decided_by"] == "planner"
