"""What the planner's memory takes: read, written and stored, with 10,000 waiting runs.

A real server and the planner's own code, without the runs: each pass reads the ledger, puts
a hundred runs elsewhere, settles and adds some, and tidies. The server's clock goes on by
five minutes with each pass, for a day and more. Counted are the bytes of JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from benchmarks import render
from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.repair.artifacts import newest
from carbonaware_prefect.planner.repair.entries import Entry, Snapshot
from carbonaware_prefect.planner.repair.ledger import read_ledger, tidy, write_ledger
from carbonaware_prefect.planner.repair.older import TABLE
from carbonaware_prefect.planner.repair.table import publish
from tests.prefect_server.server import Server, a_server

__all__ = ["headlines", "main", "run"]

WAITING, CHANGES, PASSES = 10_000, 100, 300
DEPLOYMENTS = 500
EVERY, MINUTE = timedelta(minutes=5), timedelta(minutes=1)
MEGABYTE = 1e6
# What a planner that runs for years may ask of a small server.
MOST = {"read by a pass": 10.0, "written by a pass": 2.0, "stored": 100.0}
SIZES = f"{WAITING:,} waiting runs, {PASSES} passes in which {CHANGES} change, MB"


class Counting(Api):
    """The planner's API, with the bytes of what goes to and fro."""

    read = written = 0

    async def call(
        self, method: str, path: str, body: Any = None, *, about: int = 1
    ) -> Any:
        """Make the call, and count."""
        answer = await super().call(method, path, body, about=about)
        if not path.endswith("/filter"):
            self.written += len(json.dumps(body)) if body is not None else 0
        else:
            self.read += len(json.dumps(answer))
        return answer


def run() -> dict[str, object]:
    """A day of passes."""
    with (
        tempfile.TemporaryDirectory() as folder,
        a_server(Path(folder)) as server,
        temporary_settings({PREFECT_API_URL: server.api}),
        server.clock.here(),
    ):
        return asyncio.run(measure(server))


async def measure(server: Server) -> dict[str, object]:
    """The largest pass, and what is stored at the end."""
    dice = random.Random(1)
    entries = {
        each.run: each for each in (entry(dice, server.now()) for _ in range(WAITING))
    }
    read, written = [], []
    async with get_client() as client:
        await write_ledger(Api(client), list(entries.values()))
        cpu = time.process_time()
        for _ in range(PASSES):
            server.clock.advance(EVERY)
            api = Counting(client)
            await a_pass(api, server.now(), entries, dice)
            read.append(api.read)
            written.append(api.written)
        cpu = (time.process_time() - cpu) / PASSES
        stored = Counting(client)
        everything = {"limit": 200}
        await stored.call("POST", "/artifacts/filter", everything)
        await stored.call("POST", "/artifacts/latest/filter", everything)
    largest = {
        "read by a pass": max(read) / MEGABYTE,
        "written by a pass": max(written) / MEGABYTE,
        "stored": stored.read / MEGABYTE,
    }
    rows = [
        {
            "what": what,
            "largest": size,
            "mean": mean / MEGABYTE,
            "at most": MOST[what],
            "kept": size <= MOST[what],
        }
        for (what, size), mean in zip(
            largest.items(),
            (sum(read) / PASSES, sum(written) / PASSES, stored.read),
            strict=True,
        )
    ]
    return {SIZES: rows, "CPU seconds of the planner for its memory, a pass": cpu}


async def a_pass(
    api: Api, now: datetime, entries: dict[str, Entry], dice: random.Random
) -> None:
    """Some runs go elsewhere, some are done, and as many come."""
    ledger = await read_ledger(api)
    assert ledger.waiting.keys() == entries.keys()  # noqa: S101  nothing is lost
    moved = dice.sample(sorted(entries), CHANGES // 2)
    news = [replace(entries[run], start=entries[run].start + MINUTE) for run in moved]
    done = dice.sample(sorted(entries.keys() - set(moved)), CHANGES // 2)
    settled = [entries.pop(run).settled("it is Completed") for run in done]
    news += [entry(dice, now) for _ in done]
    entries |= {each.run: each for each in news}
    await write_ledger(api, [*news, *settled], now)
    await tidy(api, ledger, now)
    there = await newest(api, [TABLE])
    await publish(api, entries.values(), {}, there.get(TABLE))


def entry(dice: random.Random, now: datetime) -> Entry:
    """A run that waits, as the planner writes it down."""
    number = dice.randrange(DEPLOYMENTS)
    deployment = str(uuid.UUID(int=number + 2**120))
    due = now + dice.randrange(36 * 60) * MINUTE
    start = due + dice.randrange(6 * 60) * MINUTE
    before, after = 300 * dice.random() + 100, 100 * dice.random()
    saving = 100 * (1 - after / before)
    window = f"{due.isoformat()}/{(due + 6 * 60 * MINUTE).isoformat()}"
    record = {
        "nominal_start": due.isoformat(),
        "slot_start": start.isoformat(),
        "decided_at": now.isoformat(),
        "decided_by": "planner",
        "reason": "cleaner_slot",
        "zone": "DE",
        "source": "electricity_maps",
        "signal": "average",
        "intensity_nominal": round(before, 1),
        "intensity_slot": round(after, 1),
        "saving_percent": round(saving, 1),
        "moves": 1,
        "allowed_starts": window,
    }
    told = f"{before:.0f} -> {after:.0f} gCO2/kWh (-{saving:.0f} %), zone DE"
    return Entry(
        run=str(uuid.UUID(int=dice.getrandbits(128))),
        name=f"{dice.getrandbits(36):09x}-{dice.choice(['lynx', 'heron', 'otter'])}",
        deployment=deployment,
        schedule=str(uuid.UUID(int=number + 2**121)),
        nominal_start=due,
        start=start,
        moved_at=now,
        origin=("nightly", f"{number:016x}"),
        timetable=f"{number % 24:016x}",
        before=Snapshot(
            updated=now.replace(minute=0, second=0, microsecond=number).isoformat(),
            schedules={str(uuid.UUID(int=number + 2**121)): now.date().isoformat()},
            content=f"{number:016x}",
        ),
        record={f"carbonaware.{name}": value for name, value in record.items()},
        sentence=f"Waiting for cleaner electricity: {start:%H:%M} UTC, {told}",
    )


def headlines(results: dict[str, Any]) -> dict[str, str]:
    """What the README says."""
    rows = {row["what"]: row for row in results[SIZES]}
    return {
        f"The planner's memory of {WAITING:,} waiting runs: "
        "read / written by a pass / stored": " / ".join(
            f"{rows[what]['largest']:.1f} MB" for what in MOST
        )
    }


def main() -> None:
    """Measure and print."""
    print(render(run()))


if __name__ == "__main__":
    main()
