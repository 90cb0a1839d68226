"""Each kind of limit: its slot is free during the wait, and taken again at the slot."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually, now
from tests.prefect_server.world import World, a_world
from tests.server.limits import (
    Contest,
    Slots,
    Wait,
    is_not_taken,
    waits_inside,
    was_moved,
)
from tests.server.planner.occurrences import ENGINE, Timeline, occur, plan, withdraw

pytestmark = pytest.mark.slow

_DIP_IN = 35.0
_AWAITING = "AwaitingConcurrencySlot"
_STARTED, _MOVED = ["Scheduled", "Pending", "Running"], ["Scheduled"]
_AGAIN = ["Pending", "Running", "Completed"]
# What happens to a run under each limit: its states, and what its flow notes.
_LIMITS = {
    "planner": ([*_MOVED, _AWAITING, *_AGAIN], ["start", "work", "end"]),
    "pool": ([*_STARTED, *_MOVED, *_AGAIN], ["start", "start", "work", "end"]),
    "queue": ([*_STARTED, *_MOVED, *_AGAIN], ["start", "start", "work", "end"]),
    "deployment": (
        [*_STARTED, *_MOVED, _AWAITING, *_AGAIN],
        ["start", "start", "work", "end"],
    ),
    "within": ([*_STARTED, *_MOVED, *_AGAIN], ["start", "start", "work", "end"]),
    "around": (
        [*_STARTED, *_MOVED, *_AGAIN],
        ["start", "holds", "start", "holds", "work", "end"],
    ),
    "cancel_new": ([*_STARTED, *_MOVED, "Cancelled"], ["start"]),
}
_FLOW = "limits.py:limited_flow"


class Limits:
    """Starts a contest, or a wait, for each kind of limit."""

    def __init__(self, world: World, narrow: World) -> None:
        self.world, self.narrow, self.server = world, narrow, world.server

    def start(self, name: str) -> Contest | Wait:
        answer: Contest | Wait = getattr(self, f"_{name}")()
        return answer

    def _slots(self, path: str, *inside: str) -> Slots:
        def count() -> int:
            found = self.server.call("GET", path)
            for key in inside:
                found = found[key]
            return int(found["active_slots"])

        return count

    def _pool(self) -> Contest:
        slots = self._slots(f"/work_pools/{self.narrow.pool}")
        return self._contest(self.narrow, _FLOW, slots)

    def _queue(self) -> Contest:
        name = uuid.uuid4().hex
        queues = f"/work_pools/{self.world.pool}/queues"
        self.server.call("POST", queues, json={"name": name, "concurrency_limit": 1})
        deployment = self.world.deploy(_FLOW, work_queue_name=name)
        slots = self._slots(f"{queues}/{name}")
        return self._contest(self.world, _FLOW, slots, deployment=deployment)

    def _deployment(self, **settings: Any) -> Contest:
        deployment = self.world.deploy(_FLOW, concurrency_limit=1, **settings)
        contest = self._contest(
            self.world,
            _FLOW,
            self._slots(f"/deployments/{deployment}", "global_concurrency_limit"),
            deployment=deployment,
        )
        contest.beaten = lambda run: run.state() == _AWAITING
        return contest

    def _cancel_new(self) -> Contest:
        contest = self._deployment(concurrency_options={"collision_strategy": "CANCEL_NEW"})
        contest.beaten = lambda run: run.state() == "Cancelled"
        return contest

    def _planner(self) -> Contest:
        line = Timeline()
        occurrence = occur(
            self.world,
            line.at(20),
            dips={line.at(55): 100.0},
            flow=_FLOW,
            parameters={"dip_in": 0},
            starting=ENGINE,
            concurrency_limit=1,
        )
        plan(self.server)

        def stays(run: Run) -> bool:
            """Another pass leaves a run alone that waits for its slot."""
            before = run.read()["state"]
            if before["name"] != _AWAITING:
                return False
            plan(self.server)
            return bool(run.read()["state"]["id"] == before["id"])

        path = f"/deployments/{occurrence.deployment}"
        return Contest(
            occurrence.run(),
            self._slots(path, "global_concurrency_limit"),
            partial(self.world.run, _FLOW, deployment=occurrence.deployment, delays=False),
            stays,
        )

    def _limit(self, prefix: str = "") -> str:
        name = f"{prefix}limit-{uuid.uuid4().hex}"
        self.server.call("POST", "/v2/concurrency_limits/", json={"name": name, "limit": 1})
        return name

    def _within(self, flow: str = "within") -> Contest:
        limit = self._limit()
        slots = self._slots(f"/v2/concurrency_limits/{limit}")
        contest = self._contest(self.world, f"limits.py:{flow}_flow", slots, limit=limit)
        contest.beaten = waits_inside
        return contest

    def _around(self) -> Contest:
        return self._within("around")

    def _contest(self, world: World, flow: str, slots: Slots, **options: Any) -> Contest:
        return Contest(
            world.run(flow, dip_in=_DIP_IN, **options),
            slots,
            partial(world.run, flow, delays=False, **options),
            is_not_taken,
        )

    def _tag_moved(self, wait: str = "auto") -> Wait:
        limit = self._limit("tag:")
        tag = limit.removeprefix("tag:")
        slots = self._slots(f"/v2/concurrency_limits/{limit}")
        run = self.world.run("limits.py:tagged_flow", dip_in=_DIP_IN, tag=tag, wait=wait)
        return Wait(run, slots, lambda run: was_moved(run) and slots() == 0)

    def _tag_in_process(self) -> Wait:
        wait = self._tag_moved("in_process")
        # Well between the decision and the slot.
        wait.waits = lambda run: (
            run.events() == ["start"]
            and now().timestamp() > run.note("start")["time"] + _DIP_IN / 2
        )
        return wait


@pytest.fixture(scope="module")
def limits(
    world: World, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Limits]:
    """Every limit by itself; that of a pool takes a pool of its own."""
    with a_world(server, tmp_path_factory.mktemp("narrow"), concurrency_limit=1) as narrow:
        narrow.start_worker()
        yield Limits(world, narrow)
        withdraw(world)


def _all_done(cases: dict[str, Contest | Wait]) -> None:
    """Let all of them come to their ends, if they do; each has a test of its own."""
    deadline = time.monotonic() + 240
    pending = list(cases.values())
    while pending and time.monotonic() < deadline:
        pending = [case for case in pending if not case.go_on()]
        time.sleep(0.2)


@pytest.fixture(scope="module")
def fleet(limits: Limits) -> dict[str, Contest | Wait]:
    """A contest or wait for each kind of limit, all at once."""
    cases = {name: limits.start(name) for name in [*_LIMITS, "tag_moved", "tag_in_process"]}
    _all_done(cases)
    return cases


@pytest.fixture
def cases(
    request: pytest.FixtureRequest, limits: Limits, fleet: dict[str, Contest | Wait]
) -> dict[str, Contest | Wait]:
    """The fleet; on a second try of a test, a case of its own."""
    if getattr(request.node, "execution_count", 1) > 1:
        name = request.node.callspec.params["name"]
        fleet = {name: limits.start(name)}
        _all_done(fleet)
    return fleet


@pytest.mark.parametrize("name", _LIMITS)
def test_slot_is_free_during_the_wait_and_taken_again(
    cases: dict[str, Contest | Wait], name: str
) -> None:
    """During the wait another run takes the slot; with it the moved one starts, once."""
    contest = cases[name]
    assert isinstance(contest, Contest)
    states, events = _LIMITS[name]
    run = contest.run
    run.wait_for(states[-1], within=10)

    assert contest.in_time, "too busy a machine: the other run came after the slot"
    works = {"working": 1} if "work" in events else {}
    assert contest.seen == {"waiting": 0, "rival": 1} | works
    assert run.events() == events
    # One state after another of the same name tells no more: a longer wait.
    names = [name for name in run.names() if name not in {"Submitting", "Late"}]
    assert [a for a, b in zip(names, [*names[1:], ""], strict=True) if a != b] == states
    labels = run.labels()
    assert (labels["reason"], labels["moves"]) == ("cleaner_slot", 1)
    if works:
        eventually(
            lambda: "the time that was chosen for this run is here" in run.logs(),
            within=20,
            what="the delay goes on",
        )


@pytest.mark.parametrize(("name", "taken"), [("tag_moved", 0), ("tag_in_process", 1)])
def test_limited_tag_on_the_delay_task(
    cases: dict[str, Contest | Wait], name: str, taken: int
) -> None:
    """A tag's slot is free while the run is moved, and taken while it waits in process."""
    wait = cases[name]
    assert isinstance(wait, Wait)
    wait.run.wait_for("Completed", within=10)

    assert wait.seen == taken
    assert wait.run.events()[-2:] == ["work", "end"]
