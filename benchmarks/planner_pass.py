"""A pass of the planner on a real server: its own time beside the server's.

Twenty deployments with a hundred scheduled runs each; the forecast moves those of half of
them. Then the runs are put back, and the very same calls are made again by a bare HTTP
client, in the same order: that is the server's time. The planner's own is all the CPU
time of its process, the HTTP client's share included. A second pass has nothing to do,
and its calls are counted.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from benchmarks import render
from benchmarks.lab import a_server, another_world, deploy_planned, make_runs
from carbonaware_prefect.planner.api import BATCH, Api
from carbonaware_prefect.planner.one_pass import one_pass
from carbonaware_prefect.planner.report import Action, Report
from carbonaware_prefect.settings import Settings
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import now
from tests.prefect_server.world import World

__all__ = ["headlines", "main", "run"]

DEPLOYMENTS, RUNS = 20, 100
# In six of seven hours of the forecast another hour is cleaner.
MOVING = 12
EVERY = timedelta(minutes=15)
TARGET = 20
PASSES = "a pass over 2,000 scheduled runs"
TIMES = "time of the pass that moves"
OWN = "the planner's CPU time, % of the server's time for the state changes"


class Recording(Api):
    """The planner's API, with every call kept."""

    def __init__(self, client: PrefectClient) -> None:
        super().__init__(client)
        self.kept: list[tuple[str, str, Any]] = []

    async def call(
        self, method: str, path: str, body: Any = None, *, about: int = 1
    ) -> Any:
        """Keep it, then make it."""
        self.kept.append((method, path, body))
        return await super().call(method, path, body, about=about)


def run() -> dict[str, object]:
    """Make the runs, plan them, put them back, and make the same calls bare."""
    with (
        # The runs are made here; none shall come on the way.
        a_server(PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED="false") as server,
        another_world(server) as world,
        tempfile.TemporaryDirectory() as folder,
        temporary_settings({PREFECT_API_URL: server.api}),
    ):
        fill(world, Path(folder))
        return asyncio.run(measure(server))


def fill(world: World, folder: Path) -> None:
    """The deployments and their runs."""
    start = now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    files = {False: folder / "flat.csv", True: folder / "dips.csv"}
    for moves, file in files.items():
        lines = ["start,gco2_per_kwh"]
        for hour in range(-2, 60):
            at = start + timedelta(hours=hour)
            grams = 100 if moves and hour % 7 == 0 else 300
            lines.append(f"{at.isoformat()},{grams}")
        file.write_text("\n".join(lines))
    for i in range(DEPLOYMENTS):
        key = deploy_planned(
            world,
            f"deployment-{i}",
            files[i < MOVING],
            EVERY,
            start + timedelta(seconds=i),
            DURATION="30m",
            # As many moves as there can be.
            OVERTAKE="1",
        )
        make_runs(world.server, key, start, RUNS)


async def measure(server: Server) -> dict[str, object]:
    """The passes, and the calls of the first one made bare."""
    settings = Settings(
        planner_horizon=timedelta(hours=48), cache_dir="", forecast_folder="/"
    )
    async with get_client() as client:
        api = Recording(client)
        cpu = time.process_time()
        first = await one_pass(api, settings)
        cpu = time.process_time() - cpu
        kept = api.kept
        again = await one_pass(Recording(client), settings)
        await put_back(api, first)
    reads, writes = await replay(server, kept)
    share = 100 * cpu / writes
    return {
        PASSES: [row("moves", first), row("nothing to do", again)],
        TIMES: [
            {"what": "the pass", "seconds": first.seconds},
            {"what": "of it waiting for the API", "seconds": first.api_seconds},
            {"what": "the planner's process, CPU", "seconds": cpu},
            {"what": "the same reads, made bare", "seconds": reads},
            {"what": "the same state changes, made bare", "seconds": writes},
        ],
        OWN: share,
        f"at most {TARGET} %": share <= TARGET,
    }


def row(name: str, report: Report) -> dict[str, object]:
    """A pass in numbers."""
    runs = len(report.outcomes)
    return {
        "pass": name,
        "runs": runs,
        "moved": report.count(Action.MOVE),
        "faults": report.faults,
        "calls": report.calls,
        "calls for 200 runs": 200 * report.calls / runs,
        "seconds": report.seconds,
    }


async def put_back(api: Api, report: Report) -> None:
    """Every moved run to its nominal start."""
    groups: dict[datetime, list[str]] = defaultdict(list)
    for each in report.outcomes:
        if each.action is Action.MOVE:
            groups[each.nominal_start].append(each.run)
    for nominal, runs in groups.items():
        state = {
            "type": "SCHEDULED",
            "name": "Scheduled",
            "state_details": {"scheduled_time": nominal.isoformat()},
        }
        for at in range(0, len(runs), BATCH):
            await api.set_states({"id": {"any_": runs[at : at + BATCH]}}, state)


async def replay(server: Server, kept: list[tuple[str, str, Any]]) -> tuple[float, float]:
    """Seconds of the same calls by a bare client: reading, and changing."""
    spent = {True: 0.0, False: 0.0}
    async with httpx.AsyncClient(base_url=server.api, timeout=120) as client:
        for method, path, body in kept:
            begun = time.perf_counter()
            answer = await client.request(method, path, json=body)
            answer.raise_for_status()
            changes = method == "PATCH" or path.endswith("bulk_set_state")
            spent[changes] += time.perf_counter() - begun
    return spent[False], spent[True]


def headlines(results: dict[str, Any]) -> dict[str, str]:
    """What the README says."""
    first, again = results[PASSES]
    return {
        f"A planner pass that moves {first['moved']:,} of {first['runs']:,} runs": (
            f"{first['seconds']:.0f} s"
        ),
        "Its CPU time, against the server's time for the same state changes": (
            f"{results[OWN]:.0f} %"
        ),
        "API calls for 200 runs when there is nothing to do": (
            f"{again['calls for 200 runs']:.1f}"
        ),
    }


def main() -> None:
    """Measure and print."""
    print(render(run()))


if __name__ == "__main__":
    main()
