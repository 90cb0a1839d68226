"""`planner start`: two planners through an outage and a redeploy, and an evicted one."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest

from tests.prefect_server.process import Process
from tests.prefect_server.proxy import Proxy
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World
from tests.server.faults.promise import kept, upcoming
from tests.server.planner.occurrences import (
    HOUR,
    MINUTE,
    in_whole_minutes,
    occur,
    wait_until_done,
    write_forecast,
)
from tests.warm import python

_STATES = rb"\APOST /api/flow_runs/bulk_set_state "
_NOBODY = "http://127.0.0.1:9/api"


class Planner:
    """A planner's process, with a file that says how it is."""

    def __init__(self, world: World, api: str, name: str) -> None:
        self._health = world.folder / name / "health.json"
        arguments = ["start", "--interval", "1s", "--health-file", str(self._health)]
        self.process = _command(world, api, name, "planner", *arguments)

    def health(self) -> dict[str, Any]:
        """What the file says; it is never seen half written."""
        if not self._health.exists():
            return {}
        found: dict[str, Any] = json.loads(self._health.read_text())
        return found

    def wait_until(self, status: str) -> None:
        """Return when it says so."""

        def says_so() -> bool:
            assert self.process.alive(), self.process.output()
            return self.health().get("status") == status

        eventually(says_so, what=f"the planner is {status}")

    def evict(self) -> None:
        """Ask it to end."""
        os.kill(self.process.pid, signal.SIGTERM)


def _command(world: World, api: str, name: str, *arguments: str) -> Process:
    return Process(
        [python(), "-m", "carbonaware_prefect", *arguments],
        world.server.environment(PREFECT_API_URL=api),
        world.folder / f"{name}.log",
    )


class Lives:
    """The planners, from their beginnings to their ends.

    Attributes:
        cases: the runs that they plan.
        first, better: slots of two forecasts, one after the other.
        evicted: was asked to end in the middle of its first pass.
        planners: two that outlive the server.
        alone: a pass that finds no server.
        ends: exit statuses of these four.
        told: what the health files said while the server was away.
    """

    def __init__(self, world: World, proxy: Proxy) -> None:
        self.world, self.server, self.proxy = world, world.server, proxy
        nominal = in_whole_minutes(self.server.now() + 2 * HOUR)
        self.first, self.better = nominal + 3 * HOUR, nominal + 5 * HOUR
        self.alone = _command(world, _NOBODY, "alone", "plan")
        self.cases = [occur(world, nominal, dips={self.first: 200.0}) for _ in range(3)]
        self.evicted = Planner(world, proxy.api, "evicted")
        proxy.trap(_STATES, "before", self._evict)
        assert self.evicted.process.popen.wait() == 0, self.evicted.process.output()
        self._all_start_at(self.first)
        self.planners = [Planner(world, proxy.api, f"planner-{n}") for n in range(2)]
        self._outlive_the_server()
        self.server.clock.move_to(nominal + MINUTE)
        for case in self.cases:
            case.redeploy()
        self._all_start_at(self.better)
        for planner in self.planners:
            planner.evict()
        processes = [self.evicted.process, *(each.process for each in self.planners)]
        self.ends = [each.popen.wait() for each in (*processes, self.alone)]
        self.server.clock.move_to(self.better)
        wait_until_done(world)

    def _evict(self) -> bool:
        self.evicted.evict()
        return True

    def _outlive_the_server(self) -> None:
        """It goes away when one of them is about to move all to better slots."""
        for planner in self.planners:
            planner.wait_until("ok")

        def go_away() -> bool:
            self.server.stop()
            return False

        trap = self.proxy.trap(_STATES, "before", go_away)
        for case in self.cases:
            dips = {self.first: 200.0, self.better: 100.0}
            write_forecast(case.forecast, dips, self.server.now())
        for planner in self.planners:
            planner.wait_until("failing")
        assert trap.sprung.is_set()
        self.told = [planner.health() for planner in self.planners]
        self.server.start()
        for planner in self.planners:
            planner.wait_until("ok")
        self._all_start_at(self.better)

    def _all_start_at(self, slot: Any) -> None:
        def they_do() -> bool:
            return all(upcoming(case) == [slot] for case in self.cases)

        eventually(they_do, what=f"all wait for {slot}")


@pytest.fixture(scope="module")
def lives(world: World, proxy: Proxy) -> Lives:
    """All of them, to their ends and those of the runs."""
    return Lives(world, proxy)


def test_once_through_all_that(lives: Lives) -> None:
    """Moves, an outage, a forecast that changes its mind and a redeploy: once each."""
    assert kept(lives.cases, lives.better) == 3


def test_evicted_in_a_pass(lives: Lives) -> None:
    """SIGTERM in the middle of a pass: that is finished, and the planner ends with 0."""
    assert lives.ends[0] == 0
    assert lives.evicted.health() == {}


def test_outlives_the_server_and_ends_cleanly(lives: Lives) -> None:
    """While the server is away it says so and tries again; it ends with 0 on SIGTERM."""
    assert lives.ends[1:3] == [0, 0]
    for planner, told in zip(lives.planners, lives.told, strict=True):
        assert told["failed_passes"] > 0
        assert "trying again" in planner.process.output()
        assert planner.health() == {}


def test_a_server_that_is_away_is_told(lives: Lives) -> None:
    """Nobody listens: exit status 1, and a sentence that says what to do."""
    assert lives.ends[3] == 1
    assert "the Prefect server could not be read" in lives.alone.output()
    assert "PREFECT_API_URL" in lives.alone.output()
