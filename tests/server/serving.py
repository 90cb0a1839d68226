"""Deployments that a process serves without a work pool, for tests."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from tests.prefect_server.process import Process
from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import DIP_IN, FLOWS, World
from tests.warm import fork_of, python

# As a user would write it, but that a run may start within seconds.
_QUICK = {"PREFECT_RUNNER_POLL_FREQUENCY": "1"}


@dataclass
class Served:
    """A deployment, and the processes that served it one after the other.

    Attributes:
        server: of the deployment.
        folder: for journals and logs.
        script: what to run, with its arguments.
        flow: name of its flow.
        name: of the deployment.
        processes: the last one serves.
    """

    server: Server
    folder: Path
    script: list[str]
    flow: str
    name: str
    processes: list[Process] = field(default_factory=list)

    @classmethod
    def of_tests(
        cls, server: Server, folder: Path, flow: str, *options: str, name: str | None = None
    ) -> Served:
        """``file.py:function`` in the tests' folder of flows."""
        name = name or f"served-{uuid.uuid4().hex[:8]}"
        script = [str(FLOWS / "served.py"), flow, name, *options]
        return cls(server, folder, script, flow.split(":")[1].replace("_", "-"), name)

    @property
    def process(self) -> Process:
        return self.processes[-1]

    def start(self, **environment: str) -> None:
        """Serve, also again after a stop."""
        log = self.folder / f"{self.name}-{len(self.processes)}.log"
        environment = self.server.environment(**_QUICK | environment)
        self.processes.append(Process([python(), *self.script], environment, log))

    def deployment(self) -> dict[str, Any]:
        """The deployment; it is there once it is served."""

        def look() -> dict[str, Any] | None:
            path = f"/deployments/name/{self.flow}/{self.name}"
            response = self.server.client.get(path)
            return response.json() if response.is_success else None

        try:
            return eventually(look, what=f"{self.name} is served")
        except AssertionError as error:
            message = f"{error}\n{self.process.output()}"
            raise AssertionError(message) from None

    def run(self, *, dip_in: float = DIP_IN, **parameters: Any) -> Run:
        """Start its flow, whose forecast dips ``dip_in`` seconds after its first start."""
        deployment = str(self.deployment()["id"])
        world = World(self.server, self.folder)
        return world.run(self.flow, dip_in=dip_in, deployment=deployment, **parameters)

    def flow_processes(self) -> list[int]:
        """The processes in which the serving process executes flow runs now."""
        found = []
        for child in psutil.Process(fork_of(self.process.pid)).children():
            with contextlib.suppress(psutil.Error):
                # The other one that multiprocessing has tracks its resources.
                if "spawn_main" in " ".join(child.cmdline()):
                    found.append(child.pid)
        return found

    def stop(self, number: int, *, all_processes: bool = False) -> None:
        """A signal to the serving process, or to its flow runs' processes too.

        A terminal sends Ctrl-C to all of them, and so does a service manager that stops
        a service.
        """
        send = os.killpg if all_processes else os.kill
        send(self.process.pid, number)

    def wait_for_end(self) -> None:
        """Return when the process that was told to end has ended."""
        last = self.process
        eventually(lambda: not last.alive(), what=f"{self.name} has ended")

    def restart(self) -> None:
        """Serve again, when the process before has ended."""
        self.wait_for_end()
        self.start()

    def rows(self) -> list[dict[str, Any]]:
        """All runs of the deployment, the earliest first."""
        found: list[dict[str, Any]] = self.server.call(
            "POST",
            "/flow_runs/filter",
            json={
                "deployments": {"id": {"any_": [self.deployment()["id"]]}},
                "sort": "EXPECTED_START_TIME_ASC",
            },
        )
        return found

    def first_row(self) -> dict[str, Any]:
        """The run that was to start first, or is in its place."""
        return self.rows()[0]

    def schedule(self, start: datetime) -> None:
        """Let a run start then, and a month later; also where it is served anew."""
        self.script += ["--start", start.isoformat()]
        path = f"/deployments/{self.deployment()['id']}"
        rule = {"interval": 30 * 86400, "anchor_date": start.isoformat()}
        self.server.call(
            "POST", f"{path}/schedules", json=[{"active": True, "schedule": rule}]
        )
        # What the scheduler does within seconds.
        self.server.call("POST", f"{path}/schedule", json={})

    def close(self) -> None:
        for process in self.processes:
            process.kill()


@contextlib.contextmanager
def closing(served: Served) -> Iterator[Served]:
    """Ends all its processes with the block."""
    try:
        yield served
    finally:
        served.close()
