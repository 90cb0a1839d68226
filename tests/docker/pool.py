"""Runs on Docker work pools, and the faults that hit their containers."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from tests.docker.engine import Engine
from tests.prefect_server.proxy import Proxy
from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import now
from tests.prefect_server.world import FLOWS, World

LABELS = rb"PATCH /api/flow_runs/[^ ]+/labels .*slot_start"
MOVE = rb"POST /api/flow_runs/[^ ]+/set_state .*Waiting for cleaner"
# Long enough for a container on a busy machine; Docker's own is ten seconds.
_GRACE_SECONDS = 40


def prefect(server: Server, engine: Engine, folder: Path, *words: str) -> None:
    """Do in ``folder`` what ``prefect ...`` does there."""
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *words],
        cwd=folder,
        env=server.environment(DOCKER_HOST=engine.url),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def write_dip(file: Path, dip_in: float) -> None:
    """A forecast of 300 g/kWh, but 100 from ``dip_in`` seconds ahead on."""
    lines = ["start,gco2_per_kwh"]
    for seconds, grams in (-3600, 300), (dip_in, 100), (dip_in + 300, 300), (36000, 300):
        at = now() + timedelta(seconds=seconds)
        lines.append(f"{at.isoformat(timespec='seconds')},{grams}")
    file.write_text("\n".join(lines))


def stop(container: Container) -> None:
    """``docker stop``, without waiting for it; the signal is on its way."""
    arguments = {"timeout": _GRACE_SECONDS}
    threading.Thread(target=container.stop, kwargs=arguments, daemon=True).start()
    time.sleep(0.5)


def stop_and_wait(container: Container) -> None:
    """``docker stop``; afterwards the container has ended."""
    container.stop(timeout=_GRACE_SECONDS)


def kill(container: Container) -> None:
    """``docker kill``; afterwards the container has ended."""
    container.kill()
    container.wait(timeout=20)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to a run's container at the first request that matches.

    Attributes:
        pattern: of the request to the API.
        moment: ``before`` it reaches the server, or ``after`` it was answered.
        strike: what happens to the container.
        passes: whether the request, or its answer, then goes on.
        env: what the run has in its environment.
    """

    pattern: bytes
    moment: str
    strike: Callable[[Container], None]
    passes: bool
    env: dict[str, str] = field(default_factory=dict)


@dataclass
class Pool:
    """A Docker work pool with one worker, and flows of the tests in its image."""

    world: World
    engine: Engine
    image: str
    stack: contextlib.ExitStack

    def deploy(self, flow: str) -> None:
        """Make ``flow`` known."""
        self.world.deployments[flow] = self.world.deploy(flow, job_variables=self.job)

    @property
    def job(self) -> dict[str, Any]:
        """Job variables: the image stays as it is, the tests' flows come in a volume."""
        folder = self.world.folder
        return {
            "image": self.image,
            "image_pull_policy": "Never",
            "volumes": [f"{FLOWS}:{FLOWS}:ro", f"{folder}:{folder}"],
        }

    def run(self, flow: str, fault: Fault | None = None, **parameters: Any) -> Run:
        """Start a flow that has its way to the API by a proxy where a fault waits."""
        if flow not in self.world.deployments:
            self.deploy(flow)
        if fault is None:
            return self.world.run(flow, **parameters)
        proxy = self.stack.enter_context(Proxy(self.world.server.port))
        runs: list[Run] = []

        def act() -> bool:
            fault.strike(self.container(runs[0]))
            return fault.passes

        proxy.trap(fault.pattern, fault.moment, act)
        env = fault.env | {"PREFECT_API_URL": proxy.api}
        runs.append(self.world.run(flow, env=env, **parameters))
        return runs[0]

    def container(self, run: Run) -> Container:
        """The one container of the run that runs now."""
        (container,) = self.engine.containers(run.id, running=True)
        return container

    def exit_codes(self, run: Run) -> list[int]:
        """How the run's containers ended, in the order of their start."""
        return [
            int(container.attrs["State"]["ExitCode"])
            for container in self.engine.containers(run.id)
        ]
