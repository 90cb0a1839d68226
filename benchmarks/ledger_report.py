"""The report on 50,000 past runs: time, and memory as their number grows.

On SQLite. The runs are written into the server's file. One in a hundred was retried, so
that its history has to be read; of the others one page of the API tells all. The command
runs as a process of its own and settles all of them by a file.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psutil

from benchmarks import render
from benchmarks.lab import FLOWS, PLAIN, a_server, another_world
from tests.prefect_server.server import Server
from tests.reports.scripted import Told, labels, write_runs

__all__ = ["headlines", "main", "run"]

SIZES = (5_000, 50_000)
DEPLOYMENTS = 50
AT_MOST = 60
FIRST = datetime(2025, 1, 1, tzinfo=timezone.utc)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
REPORT = "report as CSV, SQLite"
_PEAK = re.compile(r"peak (\d+)")
_COMMAND = """
import resource, sys
from carbonaware_prefect.cli import main
try:
    main()
finally:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print("peak", peak, file=sys.stderr)
"""


def run() -> dict[str, object]:
    """Both sizes."""
    rows = [measured(size) for size in SIZES]
    return {REPORT: rows, f"at most {AT_MOST} s": rows[-1]["seconds"] <= AT_MOST}


def measured(size: int) -> dict[str, Any]:
    """One report on so many runs."""
    with (
        a_server(PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED="false") as server,
        another_world(server) as world,
        tempfile.TemporaryDirectory() as folder,
    ):
        each = size // DEPLOYMENTS
        for number in range(DEPLOYMENTS):
            key = world.deploy(PLAIN, path=str(FLOWS), name=f"deployment-{number}")
            write_runs(server, key, runs(number, each))
        trace = Path(folder) / "measured.csv"
        hours = [(FIRST + n * HOUR, 200 + 7 * n % 24) for n in range(each + 48)]
        lines = [f"{start:%Y-%m-%dT%H:%MZ},{grams}" for start, grams in hours]
        trace.write_text("\n".join(["start,gco2_per_kwh", *lines]))
        return {"runs": size} | reported(server, trace, Path(folder) / "report.csv")


def runs(number: int, count: int) -> Iterator[Told]:
    """Runs due every hour, each moved by three."""
    for n in range(count):
        due = FIRST + n * HOUR + number * MINUTE
        slot = due + 3 * HOUR
        record = labels(
            nominal_start=due,
            slot_start=slot,
            decided_at=due - HOUR,
            decided_by="planner",
            reason="cleaner_slot",
            zone="DE",
            source="electricity_maps",
            signal="average",
            intensity_nominal=300.0,
            intensity_slot=200.0,
            saving_percent=33.3,
            moves=1,
        )
        states = [(slot, "RUNNING"), (slot + 50 * MINUTE, "COMPLETED")]
        if n % 100 == 0:
            states[1:1] = [
                (slot + 20 * MINUTE, "SCHEDULED:AwaitingRetry"),
                (slot + 30 * MINUTE, "RUNNING"),
            ]
        yield Told(f"run-{number}-{n}", due, states, record)


def reported(server: Server, trace: Path, path: Path) -> dict[str, Any]:
    """The time and memory of the command."""
    arguments = [
        sys.executable, "-c", _COMMAND, "report", "--since", f"{FIRST:%Y-%m-%d}",
        "--history", f"DE={trace}", "--format", "csv", "--out", str(path),
    ]  # fmt: skip
    api = _process_of(server)
    before, served = resource.getrusage(resource.RUSAGE_CHILDREN), _cpu(api)
    begun = time.monotonic()
    done = subprocess.run(
        arguments, env=server.environment(), capture_output=True, text=True, check=True
    )
    seconds = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    (peak,) = _PEAK.findall(done.stderr)
    with path.open(encoding="utf-8") as file:
        settled = sum(",measured," in line for line in file)
    return {
        "settled": settled,
        "seconds": seconds,
        "CPU seconds of the command": after.ru_utime - before.ru_utime,
        "of the server": _cpu(api) - served,
        "peak memory, MB": int(peak) / 1024,
    }


def _process_of(server: Server) -> psutil.Process:
    """Whoever listens on its port: the server may be the child of what was started."""
    for each in psutil.net_connections("inet"):
        here = each.laddr and each.laddr.port == server.port
        if here and each.status == psutil.CONN_LISTEN:
            return psutil.Process(each.pid)
    msg = "nobody listens on the port of the server"
    raise LookupError(msg)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def headlines(results: dict[str, Any]) -> dict[str, str]:
    """What the README says."""
    small, large = results[REPORT]
    return {
        f"A report on {large['runs']:,} past runs": f"{large['seconds']:.0f} s",
        f"Its memory / that for {small['runs']:,} runs": (
            f"{large['peak memory, MB']:.0f} MB / {small['peak memory, MB']:.0f} MB"
        ),
    }


def main() -> None:
    """Measure and print."""
    print(render(run()))


if __name__ == "__main__":
    main()
