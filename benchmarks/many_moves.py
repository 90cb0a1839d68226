"""A pass that moves 5,000 of 10,000 upcoming runs in 500 deployments, on PostgreSQL.

Several calls are under way at once there. Beside the time: the planner's own CPU time as a
share of that of the server's process, and how many calls the pace came to.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from benchmarks import render
from benchmarks.lab import another_world, deploy_planned, make_runs
from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.one_pass import one_pass
from carbonaware_prefect.planner.report import Action
from carbonaware_prefect.settings import Settings
from tests.clock.real_time import RealTime
from tests.fleet.postgres import a_database, why_no_postgres
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import now
from tests.prefect_server.world import World

__all__ = ["headlines", "main", "run"]

DEPLOYMENTS, RUNS = 500, 20
AT_MOST = 120
HOUR = timedelta(hours=1)
PASS = f"{DEPLOYMENTS * RUNS:,} upcoming runs of {DEPLOYMENTS} deployments, PostgreSQL"


def run() -> dict[str, object]:
    """Make the runs, and plan them."""
    if reason := why_no_postgres():
        return {"not measured": reason}
    off = {"PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false"}
    with (
        a_database() as database,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
    ):
        server = Server(
            Path(folder) / "server", database, start=RealTime.BENCHMARKS, settings=off
        )
        try:
            server.start()
            with (
                another_world(server) as world,
                temporary_settings({PREFECT_API_URL: server.api}),
            ):
                fill(world, Path(folder))
                return asyncio.run(measure(server))
        finally:
            server.close()


def fill(world: World, folder: Path) -> None:
    """The deployments and their runs: one an hour, of which every other one moves."""
    start = now().replace(minute=0, second=0, microsecond=0) + 2 * HOUR
    source = folder / "dips.csv"
    lines = [
        f"{(start + n * HOUR).isoformat()},{100 if n % 2 else 300}" for n in range(-4, 60)
    ]
    source.write_text("\n".join(["start,gco2_per_kwh", *lines]))
    for number in range(DEPLOYMENTS):
        name = f"deployment-{number}"
        key = deploy_planned(world, name, source, HOUR, start, WINDOW="2h", DURATION="30m")
        make_runs(world.server, key, start, RUNS)


async def measure(server: Server) -> dict[str, object]:
    """The pass, and what it took of two processes."""
    assert server.process is not None  # noqa: S101  started above
    process = psutil.Process(server.process.pid)
    settings = Settings(
        planner_horizon=timedelta(hours=48), cache_dir="", forecast_folder="/"
    )
    async with get_client() as client:
        api = Api(client)
        cpu, theirs = time.process_time(), _spent(process)
        report = await one_pass(api, settings)
        cpu, theirs = time.process_time() - cpu, _spent(process) - theirs
    row = {
        "runs": len(report.outcomes),
        "moved": report.count(Action.MOVE),
        "faults": report.faults,
        "calls": report.calls,
        "seconds": report.seconds,
        "planner CPU": cpu,
        "server CPU": theirs,
        "planner's share, %": 100 * cpu / theirs,
        "calls at once": api.at_once,
    }
    return {PASS: [row], f"at most {AT_MOST} s": report.seconds <= AT_MOST}


def _spent(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return float(spent.user + spent.system)


def headlines(results: dict[str, Any]) -> dict[str, str]:
    """What the README says."""
    if PASS not in results:
        return {}
    (row,) = results[PASS]
    return {
        f"A planner pass that moves {row['moved']:,} of {row['runs']:,} runs, PostgreSQL": (
            f"{row['seconds']:.0f} s"
        )
    }


def main() -> None:
    """Measure and print."""
    print(render(run()))


if __name__ == "__main__":
    main()
