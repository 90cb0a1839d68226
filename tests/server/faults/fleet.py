"""Many scheduled runs that come due within seconds, a planner for them, and the promise.

The promise, which nothing may break: each occurrence starts exactly once, within its
window or at its nominal time. It is checked from outside, by what the flows noted and
by the server's history of their runs.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from carbonaware_prefect.planner.repair.ledger import KEY
from tests.prefect_server.process import Process
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import PATIENCE, eventually, now

HERE = Path(__file__).parent
SECOND = timedelta(seconds=1)
# SQLite has one writer: now and then the server answers nobody for a minute. Where runs
# were put to is read from their history, to the second.
_LATE = 100 * SECOND
# After this nobody starts a run a second time.
_SETTLE = 3.0


class QuickServer(Server):
    """A server whose scheduler looks every second, one occurrence ahead.

    Attributes:
        start_seconds: what it took to start, of which half is to make its database.
        pass_seconds: what a pass with nothing to do takes here, with its process.
    """

    start_seconds = 0.0
    pass_seconds = 0.0

    def measure(self) -> None:
        """Start for the first time, and find out how busy the machine is."""
        begun = time.monotonic()
        self.start()
        self.start_seconds = time.monotonic() - begun
        Planner(["plan", "--json"], self.environment(), self.home).report()
        self.pass_seconds = time.monotonic() - begun - self.start_seconds

    def environment(self, **more: str) -> dict[str, str]:
        services = "PREFECT_SERVER_SERVICES"
        # These only write, and SQLite has one writer.
        idle = ("FOREMAN", "LATE_RUNS", "TASK_RUN_RECORDER", "PAUSE_EXPIRATIONS")
        return super().environment(
            **{f"{services}_{name}_ENABLED": "false" for name in idle},
            **{
                f"{services}_SCHEDULER_LOOP_SECONDS": "1",
                f"{services}_SCHEDULER_MIN_RUNS": "1",
                # It looks for all time zones of the machine whenever it reads a schedule.
                "PYTHONTZPATH": "",
            },
            **more,
        )


@dataclass(frozen=True)
class Occurrence:
    """One start that a schedule promises."""

    key: str
    deployment: str
    nominal: datetime
    earliest: datetime
    latest: datetime


@dataclass(frozen=True)
class Ran:
    """How an occurrence ran: which run, where that was put to, and when it started."""

    run: str
    put_to: datetime
    started: datetime


class Planner:
    """A planner's process."""

    def __init__(self, arguments: Sequence[str], env: dict[str, str], folder: Path) -> None:
        name = uuid.uuid4().hex[:8]
        self._out, self._err = folder / f"{name}.out", folder / f"{name}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "carbonaware_prefect", *arguments],
                env=env,
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def kill(self) -> bool:
        """End it at once, and what it has just sent with it."""
        os.kill(self.popen.pid, signal.SIGKILL)
        self.popen.wait(10)
        return False

    def status(self, within: float = 60) -> int:
        return self.popen.wait(within * PATIENCE)

    def report(self) -> dict[str, Any]:
        """What the command printed, once it ended."""
        self.status()
        assert self.out, self.err
        document: dict[str, Any] = json.loads(self.out)
        return document


@dataclass
class Fleet:
    """Deployments, their planners and one worker, on one pool of a server."""

    server: QuickServer
    folder: Path
    pool: str = field(default_factory=lambda: f"pool-{uuid.uuid4().hex[:8]}")
    deployments: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    planners: list[Planner] = field(default_factory=list)
    worker: Process | None = None

    def after(self, passes: int) -> datetime:
        """A time that leaves room for the scheduler, so many passes and the look-ahead."""
        return now() + timedelta(seconds=13 + passes * (0.5 + self.server.pass_seconds))

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"

    def open(self) -> None:
        self.journal.touch()
        pool = {"name": self.pool, "type": "quick", "base_job_template": {}}
        self.server.call("POST", "/work_pools/", json=pool)
        self.worker = Process(
            [sys.executable, str(HERE / "quick_worker.py"), self.pool],
            self.server.environment(),
            self.folder / "worker.log",
        )

    def close(self) -> None:
        for planner in self.planners:
            if planner.popen.poll() is None:
                planner.kill()
        if self.worker is not None:
            self.worker.popen.terminate()
            self.worker.popen.wait(60)
        for deployment in self.deployments:
            self.server.client.delete(f"/deployments/{deployment}")

    def forecast(self, *dips: datetime, name: str | None = None) -> str:
        """A source: 300 g/kWh, but 100 for six seconds from each of these times."""
        path = self.folder / f"{name or uuid.uuid4().hex[:8]}.csv"
        lines = ["start,intensity", f"{(now() - timedelta(hours=1)).isoformat()},300"]
        for dip in sorted(dips):
            lines += [f"{dip.isoformat()},100", f"{(dip + 6 * SECOND).isoformat()},300"]
        lines.append(f"{(now() + timedelta(hours=2)).isoformat()},300")
        written = path.with_suffix(".new")
        written.write_text("\n".join(lines) + "\n")
        written.replace(path)
        return f"file:{path}"

    def deploy(
        self,
        count: int,
        nominal: datetime,
        *,
        source: str,
        each: int = 8,
        window: timedelta = timedelta(minutes=2),
        earlier: timedelta = timedelta(0),
        env: dict[str, Any] | None = None,
        **fields: Any,
    ) -> list[Occurrence]:
        """Deployments with ``each`` schedules, due half a second after one another."""
        flow = self.server.call("POST", "/flows/", json={"name": "occurrence"})["id"]
        found = []
        for _ in range(count):
            name = uuid.uuid4().hex[:8]
            keys = {f"{name}-{i}": nominal + i * SECOND / 2 for i in range(each)}
            body = {
                "name": name,
                "flow_id": flow,
                "entrypoint": "flows.py:occurrence",
                "work_pool_name": self.pool,
                "enforce_parameter_schema": False,
                "tags": ["carbon-aware"],
                "job_variables": {
                    "env": {
                        "CARBONAWARE_SOURCE": source,
                        "CARBONAWARE_ZONE": "DE",
                        "CARBONAWARE_WINDOW": f"{window.total_seconds():.0f}s",
                        "CARBONAWARE_EARLIER": f"{earlier.total_seconds():.0f}s",
                        "CARBONAWARE_DURATION": "1s",
                    }
                    | (env or {})
                },
                "schedules": [self._schedule(key, at) for key, at in keys.items()],
            }
            self.bodies.append(body | fields)
            created = self.server.call("POST", "/deployments/", json=self.bodies[-1])
            deployment = created["id"]
            self.deployments.append(deployment)
            found += [
                Occurrence(key, deployment, at, at - earlier, at + window)
                for key, at in keys.items()
            ]
        return found

    def _schedule(self, key: str, at: datetime) -> dict[str, Any]:
        # So far apart that each schedule has one occurrence within a planner's horizon.
        return {
            "slug": key,
            "active": True,
            "schedule": {"interval": 3 * 86400, "anchor_date": at.isoformat()},
            "parameters": {"occurrence": key, "journal": str(self.journal)},
        }

    def redeploy(self) -> None:
        """Deploy all again, unchanged."""
        for body in self.bodies:
            self.server.call("POST", "/deployments/", json=body)

    def wait_for(self, moment: datetime) -> None:
        time.sleep(max(0.0, (moment - now()).total_seconds()))

    def runs(self, occurrences: Sequence[Occurrence]) -> dict[str, list[dict[str, Any]]]:
        """All runs there are of these occurrences, by key."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        deployments = sorted({each.deployment for each in occurrences})
        soon = max(each.latest for each in occurrences) + timedelta(days=1)
        for at in range(0, len(deployments), 10):
            filters = {
                "deployment_id": {"any_": deployments[at : at + 10]},
                "expected_start_time": {"before_": soon.isoformat()},
            }
            body = {"flow_runs": filters, "limit": 200}
            for run in self.server.call("POST", "/flow_runs/filter", json=body):
                found[run["parameters"]["occurrence"]].append(run)
        return found

    def wait_until_scheduled(
        self, occurrences: Sequence[Occurrence]
    ) -> list[dict[str, Any]]:
        """Their runs, once the scheduler has made them all."""
        wanted = {each.key for each in occurrences}
        eventually(
            lambda: wanted <= set(self.runs(occurrences)),
            within=30,
            what="the scheduler makes the runs",
        )
        return [run for found in self.runs(occurrences).values() for run in found]

    def planner(
        self, *arguments: str, api: str | None = None, **environment: str
    ) -> Planner:
        """A planner's process, on its way."""
        env = self.server.environment(CARBONAWARE_FREEZE="0s", **environment)
        if api is not None:
            env["PREFECT_API_URL"] = api
        planner = Planner(arguments, env, self.folder)
        self.planners.append(planner)
        return planner

    def plan(self, *, api: str | None = None, **environment: str) -> dict[str, Any]:
        """One pass, to its end."""
        return self.planner("plan", "--json", api=api, **environment).report()

    def starts(self, occurrences: Sequence[Occurrence]) -> dict[str, datetime]:
        """Where the one run of each occurrence waits now, by key."""
        found = {}
        for key, runs in self.runs(occurrences).items():
            (run,) = runs
            found[key] = _time(run["state"]["state_details"]["scheduled_time"])
        return found

    def wait_until_all_start_at(
        self, occurrences: Sequence[Occurrence], start: datetime
    ) -> None:
        eventually(
            lambda: set(self.starts(occurrences).values()) == {start},
            within=30,
            what=f"all wait for {start}",
        )

    def _waiting(self, occurrences: Sequence[Occurrence]) -> list[datetime]:
        """When those start that have not started yet."""
        runs = [run for found in self.runs(occurrences).values() for run in found]
        times = [run["next_scheduled_start_time"] for run in runs]
        return [_time(at) for at in times if at is not None]

    def notes(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for line in self.journal.read_text().splitlines():
            note = json.loads(line)
            found[note["occurrence"]].append(note)
        return found

    def keeps_its_promise(
        self, occurrences: Sequence[Occurrence], late: timedelta = _LATE
    ) -> dict[str, Ran]:
        """Wait for the last start; each started once, in its window or at its nominal."""
        keys = {each.key for each in occurrences}
        last = max([now(), *self._waiting(occurrences)]) + late
        while now() < last and not keys <= set(self.notes()):
            time.sleep(0.3)
        time.sleep(_SETTLE)
        notes, runs = self.notes(), self.runs(occurrences)
        missing = {key: runs.get(key) for key in keys - set(notes)}
        assert not missing, f"never started: {missing}\n{self._told()}"
        twice = {key: found for key, found in notes.items() if len(found) > 1}
        assert not twice, f"started more than once: {twice}"
        return {each.key: self._ran(each, notes, runs, late) for each in occurrences}

    def _ran(
        self,
        occurrence: Occurrence,
        notes: dict[str, list[dict[str, Any]]],
        runs: dict[str, list[dict[str, Any]]],
        late: timedelta,
    ) -> Ran:
        (note,) = notes[occurrence.key]
        started = datetime.fromtimestamp(note["time"], now().tzinfo)
        put_to = self._put_to(note["run"])
        inside = occurrence.earliest - SECOND <= put_to <= occurrence.latest + SECOND
        assert inside or abs(put_to - occurrence.nominal) <= SECOND, (occurrence, put_to)
        assert put_to - SECOND <= started <= put_to + late, (occurrence, put_to, started)
        others = [r for r in runs[occurrence.key] if r["id"] != note["run"]]
        assert {r["state_type"] for r in others} <= {"CANCELLED"}, others
        return Ran(note["run"], put_to, started)

    def _told(self) -> str:
        """What the planners said and wrote down, for a test that fails."""
        said = [planner.err for planner in self.planners]
        body = {"artifacts": {"key": {"any_": [KEY]}}, "limit": 20, "sort": "CREATED_DESC"}
        written = self.server.call("POST", "/artifacts/filter", json=body)
        return "\n".join(
            [*said, *(f"{each['created']} {each['data']}" for each in written)]
        )

    def _put_to(self, run: str) -> datetime:
        """The start that the run was last given."""
        path = f"/flow_run_states/?flow_run_id={run}"
        states = sorted(self.server.call("GET", path), key=lambda s: str(s["timestamp"]))
        times = [s["state_details"]["scheduled_time"] for s in states]
        return _time([at for at in times if at][-1])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@contextmanager
def a_fleet(server: QuickServer, folder: Path) -> Iterator[Fleet]:
    """A fleet with its worker, all gone with the block."""
    fleet = Fleet(server, folder)
    fleet.open()
    try:
        yield fleet
    finally:
        fleet.close()
