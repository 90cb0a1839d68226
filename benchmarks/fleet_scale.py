"""How a fleet grows: 30, 100 and 300 delayed runs on three workers and PostgreSQL.

Half of the runs are moved by a planner before they start, half by their delay task. All
processes reach the API through one proxy that counts. What a run holds while it waits is
read off its states: the time in Pending and Running before its slot; beside it what a
wait in the process would have held. ``python -m benchmarks fleet_scale`` takes half an
hour or more on 2 cores, so it is no part of ``make bench``.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil

from benchmarks import render
from tests.clock.real_time import RealTime
from tests.fleet.machines import Fleet, Job, soon
from tests.fleet.postgres import a_database, why_no_postgres
from tests.prefect_server.proxy import Proxy
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually

__all__ = ["headlines", "main", "run"]

SIZES = (30, 100, 300)
MACHINES, LIMIT = 3, 4
GROWTH = "fleets on three workers with --limit 4, PostgreSQL"
LATE = "start of the work after the slot, seconds"


def run() -> dict[str, object]:
    """One fleet after the other, each on a server of its own."""
    if reason := why_no_postgres():
        return {"not measured": reason}
    growth: list[dict[str, object]] = []
    late: list[dict[str, object]] = []
    for size in SIZES:
        with a_fleet(size) as (fleet, proxy, server):
            runs = fleet.read()
            growth.append(costs(fleet, runs, proxy, server))
            late += [lateness(fleet, runs, planned) for planned in (True, False)]
    return {GROWTH: growth, LATE: late}


@contextlib.contextmanager
def a_fleet(size: int) -> Iterator[tuple[Fleet, Proxy, psutil.Process]]:
    """A fleet whose runs have all ended."""
    with (
        a_database() as database,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        contextlib.ExitStack() as stack,
    ):
        off = {"PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false"}
        server = Server(
            Path(folder) / "server", database, start=RealTime.BENCHMARKS, settings=off
        )
        stack.callback(server.close)
        server.start()
        assert server.process is not None  # noqa: S101  started above
        proxy = stack.enter_context(Proxy(server.port))
        fleet = Fleet(server, Path(folder))
        stack.callback(fleet.close)
        fleet.open()
        for i in range(MACHINES):
            fleet.start_machine(f"machine-{i}", limit=LIMIT, PREFECT_API_URL=proxy.api)
        stretch = max(1, round(size / 75))
        fleet.deploy_and_schedule(-(-size // 6), soon(20), stretch)
        fleet.start_planner("planner", "15s", PREFECT_API_URL=proxy.api)
        eventually(
            lambda: fleet.ended() == len(fleet.jobs),
            within=1200 * stretch,
            every=5,
            what="all runs end",
        )
        yield fleet, proxy, psutil.Process(server.process.pid)


def costs(
    fleet: Fleet, runs: dict[str, dict[str, Any]], proxy: Proxy, server: psutil.Process
) -> dict[str, object]:
    """What the fleet took."""
    count = len(fleet.jobs)
    held = {job.id: held_before_slot(fleet, job, runs[job.id]) for job in fleet.jobs}
    planned = [held[job.id][0] for job in fleet.jobs if job.by_planner]
    delayed = [held[job.id] for job in fleet.jobs if not job.by_planner]
    spent = server.cpu_times()
    return {
        "runs": count,
        "completed": sum(run["state_name"] == "Completed" for run in runs.values()),
        "held, planner (s/run)": sum(planned) / len(planned),
        "held, task (s/run)": sum(own for own, _ in delayed) / len(delayed),
        "asleep it would be": sum(asleep for _, asleep in delayed) / len(delayed),
        "API calls/run": len(proxy.requests) / count,
        "server CPU (s/run)": (spent.user + spent.system) / count,
    }


def held_before_slot(fleet: Fleet, job: Job, run: dict[str, Any]) -> tuple[float, float]:
    """Seconds of a worker that the run held before its slot; and if it had slept."""
    slot = datetime.fromisoformat(run["labels"]["carbonaware.slot_start"])
    history = sorted(
        (datetime.fromisoformat(state["timestamp"].replace("Z", "+00:00")), state["type"])
        for state in fleet.server.call(
            "GET", "/flow_run_states/", params={"flow_run_id": job.id}
        )
    )
    held, first = 0.0, None
    for (begun, kind), (ended, _) in pairwise(history):
        if kind in {"PENDING", "RUNNING"} and begun < slot:
            first = first or begun
            held += (min(ended, slot) - begun).total_seconds()
    return held, 0.0 if first is None else (slot - first).total_seconds()


def lateness(
    fleet: Fleet, runs: dict[str, dict[str, Any]], by_planner: bool
) -> dict[str, object]:
    """How long after their slots runs began to work."""
    late = sorted(
        fleet.notes(job)[0]["time"]
        - datetime.fromisoformat(
            runs[job.id]["labels"]["carbonaware.slot_start"]
        ).timestamp()
        for job in fleet.jobs
        if job.by_planner is by_planner
    )
    cuts = quantiles(late, n=10, method="inclusive")
    return {
        "moved by": "planner" if by_planner else "task",
        "runs": len(fleet.jobs),
        "p10": cuts[0],
        "median": cuts[4],
        "p90": cuts[8],
        "longest": late[-1],
    }


def headlines(results: dict[str, Any]) -> dict[str, str]:
    """What the README says."""
    if GROWTH not in results:
        return {}
    largest = results[GROWTH][-1]
    return {
        f"Worker seconds held by a wait, {largest['runs']} runs: "
        "planner / task / asleep in the process": (
            f"{largest['held, planner (s/run)']:.1f} / "
            f"{largest['held, task (s/run)']:.1f} / {largest['asleep it would be']:.0f}"
        ),
    }


def main() -> None:
    """Measure and print."""
    print(render(run()))


if __name__ == "__main__":
    main()
