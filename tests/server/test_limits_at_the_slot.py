"""Each kind of limit: its slot is free during the wait, and taken again at the slot."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.prefect_server.prefects import own_engine
from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server, a_server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import Engine, World, a_world
from tests.server.limits import Contest, Slots, is_late, let_end, waits_inside
from tests.warm import python

_HOUR = timedelta(hours=1)
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
# The process of a run renews the lease of its slot for five minutes of real time; nobody
# takes that back when the clock is moved beyond them.
_LEASES = {"PREFECT_SERVER_SERVICES_REPOSSESSOR_ENABLED": "false"}
_BEFORE = timedelta(minutes=30)
# After its slot a run counts as late, and asks again for one that it did not get.
_AFTER = timedelta(minutes=1)


class Limits:
    """Starts a contest for each kind of limit."""

    def __init__(self, world: World, narrow: World) -> None:
        self.world, self.narrow, self.server = world, narrow, world.server

    def start(self, name: str) -> Contest:
        """The contest of that kind."""
        answer: Contest = getattr(self, f"_{name}")()
        return answer

    def slots(self, path: str, *inside: str) -> Slots:
        """How many slots of a limit are taken, by what the API tells of it."""

        def count() -> int:
            found = self.server.call("GET", path)
            for key in inside:
                found = found[key]
            return int(found["active_slots"])

        return count

    def _pool(self) -> Contest:
        slots = self.slots(f"/work_pools/{self.narrow.pool}")
        return self._contest(self.narrow, _FLOW, slots)

    def _queue(self) -> Contest:
        name = uuid.uuid4().hex
        queues = f"/work_pools/{self.world.pool}/queues"
        self.server.call("POST", queues, json={"name": name, "concurrency_limit": 1})
        deployment = self.world.deploy(_FLOW, work_queue_name=name)
        slots = self.slots(f"{queues}/{name}")
        return self._contest(self.world, _FLOW, slots, deployment=deployment)

    def _deployment(self, **settings: Any) -> Contest:
        deployment = self.world.deploy(_FLOW, concurrency_limit=1, **settings)
        contest = self._contest(
            self.world,
            _FLOW,
            self.slots(f"/deployments/{deployment}", "global_concurrency_limit"),
            deployment=deployment,
        )
        contest.beaten = lambda run: run.state() == _AWAITING
        return contest

    def _cancel_new(self) -> Contest:
        contest = self._deployment(concurrency_options={"collision_strategy": "CANCEL_NEW"})
        contest.beaten = lambda run: run.state() == "Cancelled"
        return contest

    def _planner(self) -> Contest:
        run = _planned(self.world)
        deployment = str(run.read()["deployment_id"])

        def stays(run: Run) -> bool:
            """Another pass leaves a run alone that waits for its slot."""
            before = run.read()["state"]
            if before["name"] != _AWAITING:
                return False
            _plan(self.server)
            return bool(run.read()["state"]["id"] == before["id"])

        return Contest(
            run,
            self.slots(f"/deployments/{deployment}", "global_concurrency_limit"),
            partial(self.world.run, _FLOW, deployment=deployment, delays=False),
            stays,
        )

    def limit(self, prefix: str = "") -> str:
        """A new global limit of one, by its name."""
        name = f"{prefix}limit-{uuid.uuid4().hex}"
        self.server.call("POST", "/v2/concurrency_limits/", json={"name": name, "limit": 1})
        return name

    def _within(self, flow: str = "within") -> Contest:
        limit = self.limit()
        slots = self.slots(f"/v2/concurrency_limits/{limit}")
        contest = self._contest(self.world, f"limits.py:{flow}_flow", slots, limit=limit)
        contest.beaten = waits_inside
        return contest

    def _around(self) -> Contest:
        return self._within("around")

    def _contest(self, world: World, flow: str, slots: Slots, **options: Any) -> Contest:
        return Contest(
            world.run(flow, **options),
            slots,
            partial(world.run, flow, delays=False, **options),
            is_late,
        )


def _planned(world: World) -> Run:
    """A run that the planner has moved before it ever started."""
    now = world.server.clock.now().replace(microsecond=0)
    nominal, dip = now + _HOUR, now + 3 * _HOUR
    journal, forecast = world.folder / "planned.jsonl", world.folder / "planned.csv"
    hours = {now - _HOUR: 300, dip: 100, dip + _HOUR: 300, dip + 48 * _HOUR: 300}
    lines = [f"{start.isoformat()},{grams}" for start, grams in hours.items()]
    forecast.write_text("\n".join(["start,gco2_per_kwh", *lines]) + "\n")
    schedule = {"interval": 30 * 86400, "anchor_date": nominal.isoformat()}
    deployment = world.deploy(
        _FLOW,
        tags=["carbon-aware"],
        concurrency_limit=1,
        parameters={"dip_in": 0, "journal": str(journal)},
        schedules=[{"active": True, "schedule": schedule}],
        job_variables={
            "env": {
                "CARBONAWARE_SOURCE": f"file:{forecast}",
                "CARBONAWARE_ZONE": "DE",
                "CARBONAWARE_DURATION": "1h",
            },
            "command": own_engine(),
        },
    )
    world.server.call("POST", f"/deployments/{deployment}/schedule", json={})
    _plan(world.server)
    (row,) = world.server.call(
        "POST",
        "/flow_runs/filter",
        json={
            "deployments": {"id": {"any_": [deployment]}},
            "flow_runs": {
                "expected_start_time": {"before_": (nominal + _HOUR).isoformat()}
            },
        },
    )
    return Run(world.server, row["id"], journal)


def _plan(server: Server) -> None:
    """A pass of the planner, in a process of its own."""
    subprocess.run(
        [python(), "-m", "carbonaware_prefect", "plan"],
        env=server.environment(),
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def limits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limits]:
    """Two pools of a server of its own; that with a limit is there for the pool's case."""
    folder = tmp_path_factory.mktemp("limits")
    with (
        a_server(folder, settings=_LEASES) as server,
        a_world(server, Path(server.home), Engine.OWN) as world,
        a_world(server, folder, Engine.OWN, concurrency_limit=1) as narrow,
    ):
        world.start_worker()
        narrow.start_worker()
        yield Limits(world, narrow)


@pytest.fixture(scope="module")
def contests(limits: Limits) -> dict[str, Contest]:
    """A contest for each kind of limit, all at once, with its end."""
    contests = {name: limits.start(name) for name in _LIMITS}
    clock = limits.server.clock
    starts = [contest.wait() for contest in contests.values()]
    clock.reach(min(starts) - _BEFORE)
    for contest in contests.values():
        contest.let_the_rival_work()
    assert clock.now() < min(starts)
    clock.reach(max(starts) + _AFTER)
    for contest in contests.values():
        contest.lose()
    clock.advance(_AFTER)
    for contest in contests.values():
        contest.win()
    return contests


@pytest.mark.parametrize("name", _LIMITS)
def test_slot_is_free_during_the_wait_and_taken_again(
    contests: dict[str, Contest], name: str
) -> None:
    """During the wait another run takes the slot; with it the moved one starts, once."""
    contest = contests[name]
    states, events = _LIMITS[name]
    run = contest.run
    works = "work" in events

    assert contest.seen == {"waiting": 0, "rival": 1} | ({"working": 1} if works else {})
    assert run.events() == events
    # One state after another of the same name tells no more: a longer wait.
    names = [name for name in run.names() if name not in {"Submitting", "Late"}]
    assert [a for a, b in zip(names, [*names[1:], ""], strict=True) if a != b] == states
    labels = run.labels()
    assert (labels["reason"], labels["moves"]) == ("cleaner_slot", 1)
    if works:
        assert contest.other is not None
        assert run.time_of("work") >= contest.other.time_of("end")
        eventually(
            lambda: "the time that was chosen for this run is here" in run.logs(),
            what="the delay goes on",
        )


def _tagged(limits: Limits, wait: str) -> tuple[Run, Slots]:
    """A run whose delay task has a tag with a limit of one, and how many are taken."""
    limit = limits.limit("tag:")
    run = limits.world.run(
        "limits.py:tagged_flow", tag=limit.removeprefix("tag:"), wait=wait
    )
    let_end(run)
    return run, limits.slots(f"/v2/concurrency_limits/{limit}")


def test_limited_tag_on_the_delay_task(limits: Limits) -> None:
    """A tag's slot is free while the run is moved, and taken while it waits in process."""
    (moved, free), (inside, taken) = _tagged(limits, "auto"), _tagged(limits, "in_process")
    slots: list[datetime] = [moved.wait_until_put_back(), inside.wait_until_inside()]
    eventually(lambda: free() == 0, what="the tag's slot is given back")

    assert taken() == 1
    limits.server.clock.reach(max(slots))
    for run in (moved, inside):
        run.wait_for("Completed")
        assert run.events()[-2:] == ["work", "end"]
