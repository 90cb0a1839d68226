"""Recovery after redeploys: 10,000 waiting runs, and 1,000 lost ones of 5 deployments.

On SQLite. The waiting runs are made by the server and then put, in its file, to where a
planner had moved them; the lost ones have been deleted, and the ledger has them. One pass
puts them back. Measured too for a tenth of both, which tells how the time grows.
"""

from __future__ import annotations

import asyncio
import json
import math
import sqlite3
import tempfile
import time
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from benchmarks import render
from benchmarks.lab import a_server, another_world, deploy_planned, make_runs
from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.one_pass import one_pass
from carbonaware_prefect.planner.repair.entries import (
    Entry,
    digest_of,
    snapshot_of,
    timetable_of,
)
from carbonaware_prefect.planner.repair.ledger import write_ledger
from carbonaware_prefect.planner.report import Action
from carbonaware_prefect.settings import Settings
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import now
from tests.prefect_server.world import World

__all__ = ["headlines", "main", "run"]

SIZES = ((1_000, 100), (10_000, 1_000))
REDEPLOYED, EACH = 5, 500
AT_MOST = 60
HOUR, EVERY = timedelta(hours=1), timedelta(minutes=5)
RECOVERY = "one pass, SQLite"


def run() -> dict[str, object]:
    """Both sizes."""
    rows = [measured(waiting, lost) for waiting, lost in SIZES]
    small, large = (row["seconds"] for row in rows)
    sizes = SIZES[1][1] / SIZES[0][1]
    return {
        RECOVERY: rows,
        "growth, exponent (1 is linear)": math.log(large / small) / math.log(sizes),
        f"at most {AT_MOST} s": large <= AT_MOST,
    }


def measured(waiting: int, lost: int) -> dict[str, Any]:
    """A pass that puts the lost runs back."""
    with (
        a_server(PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED="false") as server,
        another_world(server) as world,
        tempfile.TemporaryDirectory() as folder,
        temporary_settings({PREFECT_API_URL: server.api}),
    ):
        start = now().replace(minute=0, second=0, microsecond=0)
        source = Path(folder) / "dips.csv"
        lines = [f"{(start + n * HOUR).isoformat()},300" for n in range(-24, 96)]
        source.write_text("\n".join(["start,gco2_per_kwh", *lines]))
        for number in range(max(1, waiting // EACH)):
            key = deploy(world, number, start, source)
            make_runs(server, key, start + HOUR, EACH)
        _as_moved(server)
        redeployed = [deploy(world, 1000 + n, start, source) for n in range(REDEPLOYED)]
        entries = [
            entry
            for number, key in enumerate(redeployed)
            for entry in deleted(server, key, number, lost // REDEPLOYED, start)
        ]
        for number in range(REDEPLOYED):
            deploy(world, 1000 + number, start, source)
        return asyncio.run(recover(entries))


def deploy(world: World, number: int, start: datetime, source: Path) -> str:
    """One of the deployments, or the same once more."""
    first = start + timedelta(seconds=number % 60)
    name = f"deployment-{number}"
    return deploy_planned(world, name, source, EVERY, first, WINDOW="24h", OVERTAKE="1")


def _labels(due: datetime, slot: datetime) -> dict[str, Any]:
    """As a planner writes them."""
    return {
        "carbonaware.nominal_start": due.isoformat(),
        "carbonaware.slot_start": slot.isoformat(),
        "carbonaware.decided_at": now().isoformat(),
        "carbonaware.decided_by": "planner",
        "carbonaware.reason": "cleaner_slot",
        "carbonaware.zone": "DE",
        "carbonaware.source": "file",
        "carbonaware.signal": "average",
        "carbonaware.intensity_nominal": 300.0,
        "carbonaware.intensity_slot": 100.0,
        "carbonaware.moves": 4,
        "carbonaware.allowed_starts": (
            f"{due.isoformat()}/{(due + 24 * HOUR).isoformat()}"
        ),
    }


def _as_moved(server: Server) -> None:
    """Put all runs three hours later, in the server's file, as if they had been moved."""
    file = server.database.removeprefix("sqlite+aiosqlite:///")
    with sqlite3.connect(file, timeout=60) as database:
        rows = database.execute(
            "select r.id, r.labels, r.expected_start_time, s.id, s.state_details "
            "from flow_run r join flow_run_state s on s.id = r.state_id"
        ).fetchall()
        for run, labels, expected, state, details in rows:
            due = datetime.fromisoformat(f"{expected}+00:00")
            slot = due + 3 * HOUR
            told = json.dumps(json.loads(labels or "{}") | _labels(due, slot))
            put = json.dumps(json.loads(details) | {"scheduled_time": slot.isoformat()})
            later = f"{slot:%Y-%m-%d %H:%M:%S.%f}"
            database.execute(
                "update flow_run set labels = ?, next_scheduled_start_time = ? "
                "where id = ?",
                (told, later, run),
            )
            database.execute(
                "update flow_run_state set state_details = ? where id = ?", (put, state)
            )


def deleted(
    server: Server, key: str, number: int, count: int, start: datetime
) -> list[Entry]:
    """What is written down about runs that were due before, and wait for their slots."""
    deployment = server.call("GET", f"/deployments/{key}")
    (schedule,) = deployment["schedules"]
    entries = []
    for n in range(count):
        due = start + timedelta(seconds=number) - (n + 2) * EVERY
        slot = start + 3 * HOUR + (n % 20) * EVERY
        entry = Entry(
            run=str(uuid.uuid4()),
            name=f"run-{number}-{n}",
            deployment=key,
            schedule=str(schedule["id"]),
            nominal_start=due,
            start=slot,
            moved_at=now(),
            origin=("often", digest_of({})),
            timetable=timetable_of(schedule),
            before=snapshot_of(deployment),
            record=_labels(due, slot),
            sentence="Waiting for cleaner electricity",
        )
        entries.append(entry)
    return entries


async def recover(entries: list[Entry]) -> dict[str, Any]:
    """The pass that finds them gone, and the next one."""
    settings = Settings(
        planner_horizon=timedelta(hours=96), cache_dir="", forecast_folder="/"
    )
    async with get_client() as client:
        # As the planner that moved them had done it.
        before = await one_pass(Api(client), settings)
        await write_ledger(Api(client), entries)
        cpu = time.process_time()
        report = await one_pass(Api(client), settings)
        cpu = time.process_time() - cpu
        after = await one_pass(Api(client), settings)
    return {
        "waiting": len(before.outcomes),
        "lost": len(entries),
        "put back": report.count(Action.PUT_BACK),
        "faults": report.faults,
        "left for the next pass": after.count(Action.PUT_BACK),
        "calls": report.calls,
        "seconds": report.seconds,
        "planner CPU": cpu,
        "a pass with nothing to do": after.seconds,
    }


def headlines(results: dict[str, Any]) -> dict[str, str]:
    """What the README says."""
    row = results[RECOVERY][-1]
    return {
        f"Putting back {row['put back']:,} runs after redeploys, beside "
        f"{row['waiting']:,} that wait": f"{row['seconds']:.0f} s"
    }


def main() -> None:
    """Measure and print."""
    print(render(run()))


if __name__ == "__main__":
    main()
