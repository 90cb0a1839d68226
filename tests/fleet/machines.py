"""Workers as machines of their own, planners, and 2 x n runs for them."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from carbonaware_prefect.planner.api import TAG
from tests.prefect_server.process import Process
from tests.prefect_server.runs import TERMINAL
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually, now
from tests.prefect_server.world import FLOWS

__all__ = ["Fleet", "Job"]

DURATION = timedelta(seconds=10)
# Window and dip of three deployments, in seconds from the first nominal start.
SHAPES = ((360, 150), (480, 195), (600, 240))


@dataclass(frozen=True)
class Job:
    """One run, and the window it has."""

    id: str
    by_planner: bool
    window: timedelta


@dataclass
class Fleet:
    """A server, its machines and its runs.

    Attributes:
        server: that all share, and nothing else.
        folder: for logs, journals and forecasts.
        pool: work pool.
        machines, planners: processes, by name.
        jobs: all runs.
    """

    server: Server
    folder: Path
    pool: str = field(default_factory=lambda: f"fleet-{uuid.uuid4().hex[:8]}")
    machines: dict[str, Process] = field(default_factory=dict)
    planners: dict[str, Process] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)

    def open(self) -> None:
        """Make the pool and the folder of journals."""
        self.journals.mkdir(parents=True, exist_ok=True)
        self.server.call(
            "POST", "/work_pools/", json={"name": self.pool, "type": "process"}
        )

    @property
    def journals(self) -> Path:
        """Where runs note what they do."""
        return self.folder / "journals"

    def start_machine(self, name: str, *, limit: int, **environment: str) -> None:
        """A worker with a home and a working directory of its own."""
        home = self.folder / name
        home.mkdir()
        arguments = [
            sys.executable, "-m", "prefect", "worker", "start", "--pool", self.pool,
            "--type", "process", "--name", name, "--limit", str(limit),
            "--install-policy", "never",
        ]  # fmt: skip
        own = {
            "PREFECT_HOME": str(home / "prefect"),
            "MACHINE": name,
            "CARBONAWARE_CACHE_DIR": str(home / "forecasts"),
        }
        settings = self.server.environment(**(own | environment))
        self.machines[name] = Process(arguments, settings, home / "log", cwd=home)

    def lose_machine(self, name: str) -> None:
        """SIGKILL to a worker that is not just starting a run; what it has started goes on.

        With Prefect alone, a run that is Pending when its worker dies stays so for ever.
        """
        lost = self.machines[name]

        def starts_nothing() -> bool:
            os.kill(lost.pid, signal.SIGSTOP)
            # What it has asked for is answered by then.
            time.sleep(0.5)
            if any(run["state_type"] == "PENDING" for run in self.read().values()):
                os.kill(lost.pid, signal.SIGCONT)
                return False
            return True

        eventually(starts_nothing, within=120, every=0.3, what=f"{name} starts nothing")
        os.kill(lost.pid, signal.SIGKILL)

    def start_planner(self, name: str, interval: str, **environment: str) -> None:
        """A planner with a home of its own."""
        home = self.folder / name
        home.mkdir()
        arguments = [
            sys.executable, "-m", "carbonaware_prefect", "planner", "start",
            "--interval", interval,
        ]  # fmt: skip
        own = {
            "PREFECT_HOME": str(home / "prefect"),
            "CARBONAWARE_FREEZE": "0s",
            "CARBONAWARE_CACHE_DIR": str(home / "forecasts"),
        }
        settings = self.server.environment(**(own | environment))
        self.planners[name] = Process(arguments, settings, home / "log", cwd=home)

    def deploy_and_schedule(self, each: int, first: datetime, stretch: int = 1) -> None:
        """Three deployments for the planner and three with a delay task, each with runs.

        Args:
            each: runs of each of the six.
            first: first nominal start; two seconds lie between two runs.
            stretch: how many times longer windows and waits are.
        """
        for i, shape in enumerate(SHAPES):
            window, dip = (stretch * seconds for seconds in shape)
            env = {
                "CARBONAWARE_SOURCE": self._forecast(i, first + timedelta(seconds=dip)),
                "CARBONAWARE_ZONE": "DE",
                "CARBONAWARE_WINDOW": f"{window}s",
                "CARBONAWARE_DURATION": f"{DURATION.total_seconds():g}s",
                "CARBONAWARE_MINIMUM_WAIT": "0s",
                # They are due two seconds apart, and shall gather where it is clean.
                "CARBONAWARE_OVERTAKE": "1",
                # A line on its console ends a run whose worker was killed.
                "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
            }
            for flow in ("planned", "delayed"):
                # Planners need a while; delay tasks decide when they start.
                start = first if flow == "delayed" else first + timedelta(seconds=60)
                deployment = self._deploy(flow, i, env, start)
                self._schedule(deployment, each, start)
                self.jobs += [
                    Job(str(run["id"]), flow == "planned", timedelta(seconds=window))
                    for run in self._runs(deployment)
                ]

    def _forecast(self, number: int, dip: datetime) -> str:
        hour = timedelta(hours=1)
        points = ((dip - hour, 300), (dip, 100), (dip + DURATION, 300), (dip + hour, 300))
        lines = [f"{at.isoformat()},{grams}" for at, grams in points]
        file = self.folder / f"forecast-{number}.csv"
        file.write_text("\n".join(["start,gco2_per_kwh", *lines]))
        return f"file:{file}"

    def _deploy(self, flow: str, number: int, env: dict[str, str], start: datetime) -> str:
        created = self.server.call("POST", "/flows/", json={"name": flow})
        deployment = self.server.call(
            "POST",
            "/deployments/",
            json={
                "name": f"{flow}-{number}-{uuid.uuid4().hex[:6]}",
                "flow_id": created["id"],
                "entrypoint": f"fleet.py:{flow}",
                "path": str(FLOWS),
                "work_pool_name": self.pool,
                "parameters": {"folder": str(self.journals)},
                "enforce_parameter_schema": False,
                "tags": [TAG] if flow == "planned" else [],
                "job_variables": {"env": env},
                "schedules": [
                    {
                        "schedule": {"interval": 2, "anchor_date": start.isoformat()},
                        "active": True,
                    }
                ],
            },
        )
        return str(deployment["id"])

    def _schedule(self, deployment: str, runs: int, start: datetime) -> None:
        """Just these runs: the server's own scheduler is switched off."""
        end = start + timedelta(seconds=2 * runs - 1)
        self.server.call(
            "POST",
            f"/deployments/{deployment}/schedule",
            json={
                "start_time": start.isoformat(),
                "end_time": end.isoformat(),
                "min_runs": runs,
                "max_runs": runs,
            },
        )

    def _runs(self, deployment: str) -> list[dict[str, Any]]:
        body = {"flow_runs": {"deployment_id": {"any_": [deployment]}}, "limit": 200}
        found: list[dict[str, Any]] = self.server.call(
            "POST", "/flow_runs/filter", json=body
        )
        return found

    def read(self) -> dict[str, dict[str, Any]]:
        """All runs, by id."""
        found: dict[str, dict[str, Any]] = {}
        ids = [job.id for job in self.jobs]
        for at in range(0, len(ids), 200):
            body = {"flow_runs": {"id": {"any_": ids[at : at + 200]}}, "limit": 200}
            for run in self.server.call("POST", "/flow_runs/filter", json=body):
                found[str(run["id"])] = run
        return found

    def ended(self, names: Container[str] = TERMINAL) -> int:
        """How many runs have ended, in one of these states."""
        return sum(run["state_name"] in names for run in self.read().values())

    def moved(self) -> int:
        """How many runs have been moved."""
        return sum("carbonaware.moves" in run["labels"] for run in self.read().values())

    def notes(self, job: Job) -> list[dict[str, Any]]:
        """What a run noted."""
        file = self.journals / f"{job.id}.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        """End all processes; those of runs end with their machine's group."""
        for process in [*self.machines.values(), *self.planners.values()]:
            process.kill()


def soon(seconds: float) -> datetime:
    """A full second some time ahead."""
    return now().replace(microsecond=0) + timedelta(seconds=seconds)
