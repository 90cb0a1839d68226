"""A work pool of a test's own, with its workers and deployments."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from tests.prefect_server.prefects import job_variables, own_engine
from tests.prefect_server.process import Process
from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually

__all__ = ["DIP_IN", "FLOWS", "Engine", "World", "a_world"]

# Hours, as those of people.
DIP_IN = 3 * 3600.0
_REPORTERS = ("prefect.runner.flow_run_executor", "prefect.flow_runs.worker")
FLOWS = Path(__file__).parents[1] / "server" / "flows"


class Engine(Enum):
    """How the process of a flow run is started."""

    # By a worker that is given the usual command: one process less.
    OWN = "own"
    # As Prefect does it by itself, with a process more that looks for the flow.
    PREFECTS = "prefect's"


@dataclass
class World:
    """A server with one pool and its workers."""

    server: Server
    folder: Path
    pool: str = field(default_factory=lambda: f"pool-{uuid.uuid4().hex[:8]}")
    kind: str = "process"
    engine: Engine = Engine.PREFECTS
    workers: list[Process] = field(default_factory=list)
    deployments: dict[str, str] = field(default_factory=dict)

    def open_pool(self, **settings: Any) -> None:
        self.server.call(
            "POST", "/work_pools/", json={"name": self.pool, "type": self.kind, **settings}
        )

    def start_worker(self, *options: str, **environment: str) -> Process:
        arguments = [
            self.server.python, "-m", "prefect", "worker", "start",
            "--pool", self.pool, "--type", self.kind, "--install-policy", "never",
            *options,
        ]  # fmt: skip
        worker = Process(
            arguments,
            self.server.environment(**environment),
            self.folder / f"worker-{len(self.workers)}.log",
            # Prefect may copy a flow's folder to where it works.
            cwd=self.folder,
        )
        self.workers.append(worker)
        return worker

    def deploy(self, flow: str, **settings: Any) -> str:
        """A deployment of ``file.py:function`` in the tests' folder of flows."""
        file, function = flow.split(":")
        created = self.server.call(
            "POST", "/flows/", json={"name": function.replace("_", "-")}
        )
        deployment = self.server.call(
            "POST",
            "/deployments/",
            json={
                "name": f"{function}-{uuid.uuid4().hex[:6]}",
                "flow_id": created["id"],
                "entrypoint": f"{file}:{function}",
                "path": str(FLOWS),
                "work_pool_name": self.pool,
                "enforce_parameter_schema": False,
            }
            | settings,
        )
        return str(deployment["id"])

    def run(
        self,
        flow: str,
        *,
        dip_in: float = DIP_IN,
        deployment: str | None = None,
        env: dict[str, str] | None = None,
        api: str | None = None,
        due: datetime | None = None,
        engine: Engine | None = None,
        **parameters: Any,
    ) -> Run:
        """Start a flow whose forecast dips ``dip_in`` seconds after its first start.

        Args:
            flow: ``file.py:function`` in the tests' folder of flows.
            dip_in: a parameter of the flow.
            deployment: by default one for all runs of this flow.
            env: variables of the run's process.
            api: what its process calls; its worker calls the server's own.
            due: when it starts; by default at once.
            engine: how its process is started, if not as this world's are.
            parameters: more of them.
        """
        if deployment is None:
            deployment = self.deployments.get(flow) or self.deploy(flow)
            self.deployments[flow] = deployment
        journal = self.folder / f"journal-{uuid.uuid4().hex}.jsonl"
        details = {"scheduled_time": due.isoformat()} if due else {}
        command = own_engine() if (engine or self.engine) is Engine.OWN else None
        created = self.create(
            deployment,
            state={"type": "SCHEDULED", "state_details": details},
            parameters={"dip_in": dip_in, "journal": str(journal)} | parameters,
            job_variables=job_variables(env, api, command),
        )
        return Run(self.server, created.id, journal)

    def output(self) -> str:
        """What its workers and their runs have said."""
        return "\n".join(worker.output() for worker in self.workers)

    def wait_for_second_reports(self) -> None:
        """Return when its workers have reported all crashes so far for the second time.

        What follows a process does so first, and then the one that had the run started.
        The server takes the second report for news only if the run has been moved in
        between; both tell what may have been the reason.
        """

        def both_have_told() -> bool:
            told = self.output()
            first, second = (told.count(f"{who} - Check ") for who in _REPORTERS)
            return 0 < first == second

        eventually(both_have_told, what="both reports of each crash")

    def create(self, deployment: str, **body: Any) -> Run:
        """A run of a deployment, as the API makes it; it has no journal."""
        path = f"/deployments/{deployment}/create_flow_run"
        created = self.server.call("POST", path, json=body)
        return Run(self.server, str(created["id"]), self.folder / "none")

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()


@contextlib.contextmanager
def a_world(
    server: Server, folder: Path, engine: Engine = Engine.PREFECTS, **pool: Any
) -> Iterator[World]:
    """A world with its pool, ended with the block."""
    world = World(server, folder, engine=engine)
    world.open_pool(**pool)
    try:
        yield world
    finally:
        world.close()
