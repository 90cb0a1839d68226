"""`prefect flow-run execute` is evicted, as pods and spot machines are, at each moment."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

import pytest

from tests.prefect_server.fleets import each, to_their_slots
from tests.prefect_server.runs import ROUNDED, Run
from tests.prefect_server.server import a_server
from tests.prefect_server.world import World
from tests.server.evict_stories import AT_THE_SLOT, STORIES, WAITING
from tests.server.evicting import Evicted

# After the hour at which the page's example starts by its schedule.
_EVENING = datetime(2026, 1, 13, 21, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The pool of the page's example, with one worker that has the command on its path."""
    folder = tmp_path_factory.mktemp("cluster")
    with a_server(folder, start=_EVENING) as server:
        world = World(server, folder, pool="my-pool")
        world.open_pool()
        try:
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            world.start_worker(PATH=path)
            yield world
        finally:
            world.close()


@pytest.fixture(scope="module")
def stories(
    cluster: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Evicted]]:
    """Runs to which all that was done, when the clock has come to their slots."""
    with ExitStack() as stack:

        def tell(name: str) -> Evicted:
            folder = tmp_path_factory.mktemp(name.replace(" ", "-").replace(",", ""))
            told = Evicted(cluster, folder, stack)
            STORIES[name](told)
            return told

        told = each(tell, STORIES)
        to_their_slots((told[name].run, told[name].run.slot()) for name in WAITING)
        for name, go_on in AT_THE_SLOT.items():
            go_on(told[name])
        yield told


def _works_once_at_its_slot(run: Run, starts: int) -> None:
    """Completed after that many starts, with its work done once and no sooner."""
    run.wait_for("Completed")

    assert run.events().count("work") == 1
    assert run.time_of("work") >= run.slot() - ROUNDED
    assert run.labels()["reason"] == "cleaner_slot"
    assert run.events().count("start") == starts, run.names()
    assert run.names().count("Running") == starts


def _turns(run: Run) -> list[str]:
    """What became of the run, without the names on its way to a process."""
    passed = {"Pending", "Submitting", "Late"}
    return [name for name in run.names() if name not in passed]


def test_documented_example(stories: dict[str, Evicted]) -> None:
    """The page's example is executed so, has no process in the wait, and starts once."""
    told = stories["documented"]
    run = told.run
    run.wait_for("Completed")
    started = [state for state in run.states() if state["name"] == "Running"]

    assert any("prefect flow-run execute" in said for said in told.seen["commands"])
    assert told.seen["then"] == "Scheduled"
    assert len(started) == 2
    assert datetime.fromisoformat(started[1]["timestamp"]) >= run.slot() - ROUNDED
    assert run.labels()["moves"] == 1


def test_evicted_while_deciding(stories: dict[str, Evicted]) -> None:
    """SIGTERM before anything was written: it starts again, decides and waits."""
    run = stories["deciding"].run
    _works_once_at_its_slot(run, starts=3)

    assert _turns(run) == [
        "Scheduled", "Running", "AwaitingRetry", "Running", "Scheduled", "Running",
        "Completed",
    ]  # fmt: skip
    assert run.events().count("deciding") == 2


@pytest.mark.parametrize("moment", ["labels", "move", "accepted"])
def test_evicted_while_moving(stories: dict[str, Evicted], moment: str) -> None:
    """SIGTERM between labels, move and receipt: it starts again and goes to the same slot.

    Its engine, which holds signals back there, cannot agree, so the supervisor puts the
    run to AwaitingRetry and kills it; that is nobody's wish, and the slot holds.
    """
    run = stories[moment].run
    _works_once_at_its_slot(run, starts=3)

    assert "AwaitingRetry" in run.names()
    assert _turns(run)[-4:] == ["Running", "Scheduled", "Running", "Completed"]
    if moment == "accepted":
        assert _turns(run)[:4] == ["Scheduled", "Running", "Scheduled", "AwaitingRetry"]
        assert run.labels()["moves"] == 2


def test_told_to_end_it_does_not_move(stories: dict[str, Evicted]) -> None:
    """An engine that agreed to end moves the run no more, when that has started again.

    Its late move would put the second start back to Scheduled, and a third one would run
    at the same slot.
    """
    run = stories["slow answer"].run
    _works_once_at_its_slot(run, starts=3)

    assert _turns(run) == [
        "Scheduled", "Running", "AwaitingRetry", "Running", "Scheduled", "Running",
        "Completed",
    ]  # fmt: skip


@pytest.mark.parametrize("moment", ["leaving", "ended"])
def test_evicted_after_the_move(stories: dict[str, Evicted], moment: str) -> None:
    """SIGTERM to a process that leaves already changes nothing: the run keeps its slot."""
    run = stories[moment].run
    _works_once_at_its_slot(run, starts=2)

    assert _turns(run) == ["Scheduled", "Running", "Scheduled", "Running", "Completed"]
    assert run.labels()["moves"] == 1


@pytest.mark.parametrize("which", ["work", "work, both"])
def test_evicted_at_work(stories: dict[str, Evicted], which: str) -> None:
    """SIGTERM at work after the slot: it starts again at once, and waits no second time.

    Also when the whole machine goes down, and the engine gets SIGTERM by itself.
    """
    run = stories[which].run
    run.wait_for("Completed")
    notes = [event for event in run.events() if event in {"start", "work", "end"}]

    assert notes == ["start", "start", "work", "start", "work", "end"]
    assert run.time_of("work") >= run.slot() - ROUNDED
    assert _turns(run)[2] == "Scheduled"
    assert _turns(run).count("Scheduled") == 2
    assert "AwaitingRetry" in _turns(run)
    assert (run.labels()["reason"], run.labels()["moves"]) == ("cleaner_slot", 1)


def test_killed_while_deciding(stories: dict[str, Evicted]) -> None:
    """SIGKILL to supervisor and engine before the move: Crashed, as by any kill."""
    run = stories["killed deciding"].run
    run.wait_for("Crashed")

    assert run.events() == ["start", "deciding"]
    assert run.labels() == {}


def test_killed_right_after_the_move(stories: dict[str, Evicted]) -> None:
    """What Prefect makes impossible: the worker reports Crashed over Scheduled.

    It knows nothing but the exit status; the receipt went to the supervisor. The run's
    labels and states tell a planner what is to be mended.
    """
    run = stories["killed accepted"].run
    run.wait_for("Crashed")

    assert _turns(run) == ["Scheduled", "Running", "Scheduled", "Crashed"]
    assert run.labels()["reason"] == "cleaner_slot"
    assert run.events().count("start") == 1


def test_killed_and_nobody_looks(stories: dict[str, Evicted]) -> None:
    """What Prefect makes impossible: without a worker that reports, it stays Running."""
    run = stories["killed unseen"].run

    assert run.state() == "Running"
    assert run.events() == ["start", "deciding"]


def test_evicted_with_nothing_set(stories: dict[str, Evicted]) -> None:
    """Without the setting SIGTERM ends the supervisor alone, and the worker says Crashed.

    Even after the move, because the receipt goes to the supervisor.
    """
    run = stories["unset"].run
    run.wait_for("Crashed")

    assert _turns(run) == ["Scheduled", "Running", "Scheduled", "Crashed"]
    assert run.labels()["reason"] == "cleaner_slot"


def test_relinquished_while_deciding(stories: dict[str, Evicted]) -> None:
    """With `relinquish` the platform starts it again, and it decides and leaves."""
    told = stories["relinquished deciding"]

    assert told.seen == {"status": 1, "state": "Running", "again": 0}
    assert _turns(told.run) == ["Scheduled", "Running", "Running", "Scheduled"]
    assert told.run.labels()["moves"] == 1


def test_relinquished_right_after_the_move(stories: dict[str, Evicted]) -> None:
    """What Prefect makes impossible: a failed exit although the run waits for its slot.

    A platform that starts containers again then has one that waits inside, and a worker
    starts another at the slot.
    """
    told = stories["relinquished accepted"]

    assert told.seen == {"status": 1, "state": "Scheduled"}
    assert told.run.labels()["reason"] == "cleaner_slot"
