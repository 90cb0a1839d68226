"""Three machines and two planners on one PostgreSQL server, with faults."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from tests.fleet.machines import Fleet, soon
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually

EACH, LIMIT = 10, 4
# The server rounds a start up to half a second early.
EARLY = timedelta(seconds=1)


@pytest.fixture(scope="module")
def fleet(
    postgres_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """Sixty runs that have gone through the loss of a machine and of the server."""
    fleet = Fleet(postgres_server, tmp_path_factory.mktemp("fleet"))
    try:
        fleet.open()
        for name in ("machine-1", "machine-2", "machine-3"):
            fleet.start_machine(name, limit=LIMIT)
        fleet.deploy_and_schedule(EACH, soon(20))
        for name in ("planner-1", "planner-2"):
            fleet.start_planner(name, "7s")
        lose_and_replace(fleet)
        # Not only ended: a planner may be about to move one that is Crashed.
        eventually(
            lambda: fleet.ended({"Completed"}) == len(fleet.jobs),
            within=300,
            every=2,
            what="all are Completed",
        )
        yield fleet
    finally:
        fleet.close()


def lose_and_replace(fleet: Fleet) -> None:
    """Kill one machine and restart the server while runs wait, start and work.

    Prefect's process of a run that is starting in that moment ends, and its run is
    Crashed; the planners start those again.
    """
    count = len(fleet.jobs)
    eventually(lambda: fleet.moved() == count, within=150, every=1, what="all are moved")
    eventually(lambda: fleet.ended() >= 4, within=300, every=1, what="the first runs end")
    fleet.lose_machine("machine-1")
    fleet.start_machine("machine-4", limit=LIMIT)
    fleet.server.stop()
    time.sleep(3)
    fleet.server.start()


def test_each_run_works_exactly_once(fleet: Fleet) -> None:
    """Nothing is lost and nothing is doubled."""
    assert len(fleet.jobs) == 6 * EACH
    runs = fleet.read()

    assert Counter(runs[job.id]["state_name"] for job in fleet.jobs) == {
        "Completed": 6 * EACH
    }
    for job in fleet.jobs:
        events = [str(note["event"]).partition(" by ")[0] for note in fleet.notes(job)]
        assert events == ["work", "end"], job


def test_no_run_starts_before_its_slot_or_after_its_window(fleet: Fleet) -> None:
    """Every run was moved, and worked between its slot and the end of its window."""
    runs = fleet.read()
    for job in fleet.jobs:
        labels = runs[job.id]["labels"]
        slot = datetime.fromisoformat(labels["carbonaware.slot_start"])
        nominal = datetime.fromisoformat(labels["carbonaware.nominal_start"])
        worked = datetime.fromtimestamp(fleet.notes(job)[0]["time"], timezone.utc)

        assert labels["carbonaware.reason"] == "cleaner_slot"
        decided_by = "planner" if job.by_planner else "task"
        assert labels["carbonaware.decided_by"] == decided_by
        assert nominal < slot
        assert slot - EARLY <= worked <= nominal + job.window, job


def test_a_planned_run_starts_one_process(fleet: Fleet) -> None:
    """Runs that the planner moved start once; those of a delay task twice."""
    starts: Counter[tuple[bool, int]] = Counter()
    for job in fleet.jobs:
        history = fleet.server.call(
            "GET", "/flow_run_states/", params={"flow_run_id": job.id}
        )
        running = sum(state["type"] == "RUNNING" for state in history)
        starts[job.by_planner, running] += 1

    assert starts == {(True, 1): 3 * EACH, (False, 2): 3 * EACH}


def test_all_machines_took_part(fleet: Fleet) -> None:
    """The work is spread, also to the machine that came in place of the lost one."""
    machines = {
        str(note["event"]).partition(" by ")[2]
        for job in fleet.jobs
        for note in fleet.notes(job)
        if str(note["event"]).startswith("work by")
    }

    assert machines >= {"machine-2", "machine-3", "machine-4"}


def test_planners_outlive_the_server(fleet: Fleet) -> None:
    """Both planners still run and end cleanly."""
    for name, planner in fleet.planners.items():
        assert planner.alive(), f"{name}: {planner.output()}"
        os.kill(planner.pid, signal.SIGTERM)
        assert planner.popen.wait(60) == 0, planner.output()
