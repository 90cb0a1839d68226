"""A Prefect server, a worker and flow runs for the benchmarks that need real ones.

The worker has Prefect's own defaults, and not the shorter times of the tests' worker:
that is what users see.
"""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from prefect.settings import PREFECT_LOGGING_TO_API_BATCH_INTERVAL
from prefect.settings.models.worker import WorkerSettings

from carbonaware_prefect.planner.api import TAG
from tests.clock.real_time import RealTime
from tests.prefect_server.process import Process
from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World, a_world

__all__ = [
    "DELAYED",
    "LOOK_AHEAD",
    "PLAIN",
    "SETTINGS",
    "Lab",
    "a_lab",
    "a_server",
    "another_world",
    "deploy_planned",
    "make_runs",
]

PLAIN = "plain.py:plain_job"
DELAYED = "delayed.py:delayed_job"
FLOWS = Path(__file__).parent / "flows"
QUERY = float(WorkerSettings.model_fields["query_seconds"].default)
LOOK_AHEAD = float(WorkerSettings.model_fields["prefetch_seconds"].default)
SETTINGS = (
    f"one process worker with Prefect's defaults: asks every {QUERY:g} s, "
    f"starts processes up to {LOOK_AHEAD:g} s ahead of their time"
)


@dataclass
class Lab:
    """A process pool of its own with one worker."""

    world: World
    worker: Process
    deployments: dict[str, str]

    @classmethod
    def open(cls, world: World, **environment: str) -> Lab:
        """Start the worker and wait until it is there; ``environment`` is its own."""
        worker = world.start_worker(
            PREFECT_WORKER_QUERY_SECONDS=f"{QUERY:g}",
            PREFECT_WORKER_PREFETCH_SECONDS=f"{LOOK_AHEAD:g}",
            PREFECT_LOGGING_TO_API_BATCH_INTERVAL=str(
                PREFECT_LOGGING_TO_API_BATCH_INTERVAL.default()
            ),
            **environment,
        )
        flows = {flow: world.deploy(flow, path=str(FLOWS)) for flow in (PLAIN, DELAYED)}
        asked = f"/work_pools/{world.pool}/workers/filter"
        eventually(
            lambda: bool(world.server.call("POST", asked, json={})),
            within=60,
            what="the worker is there",
        )
        return cls(world, worker, flows)

    def start(
        self,
        flow: str,
        at: datetime,
        *,
        env: dict[str, str] | None = None,
        **parameters: Any,
    ) -> Run:
        """A run that is scheduled for ``at``."""
        journal = self.world.folder / f"journal-{uuid.uuid4().hex}"
        created = self.world.server.call(
            "POST",
            f"/deployments/{self.deployments[flow]}/create_flow_run",
            json={
                "state": {
                    "type": "SCHEDULED",
                    "state_details": {"scheduled_time": at.isoformat()},
                },
                "parameters": {"journal": str(journal)} | parameters,
                "job_variables": {"env": env or {}},
            },
        )
        return Run(self.world.server, str(created["id"]), journal)


@contextlib.contextmanager
def a_lab() -> Iterator[Lab]:
    """One server with one lab, for as long as the block runs."""
    with a_server() as server, another_world(server) as world:
        yield Lab.open(world)


@contextlib.contextmanager
def a_server(**settings: str) -> Iterator[Server]:
    """A server in a temporary folder, with more settings than those of the tests."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = Server(Path(folder), start=RealTime.BENCHMARKS, settings=settings)
        try:
            server.start()
            yield server
        finally:
            server.close()


def deploy_planned(
    world: World, name: str, source: Path, every: timedelta, first: datetime, **env: str
) -> str:
    """A deployment that opted in to the planner, or the same once more.

    Args:
        world: where.
        name: of the deployment.
        source: the file of its forecast.
        every: interval of its schedule.
        first: a start of it.
        env: more of its variables, without their prefix.
    """
    own = {"SOURCE": f"file:{source}", "ZONE": "DE"} | env
    rule = {"interval": every.total_seconds(), "anchor_date": first.isoformat()}
    return world.deploy(
        PLAIN,
        name=name,
        path=str(FLOWS),
        tags=[TAG],
        job_variables={"env": {f"CARBONAWARE_{key}": said for key, said in own.items()}},
        schedules=[{"schedule": rule, "slug": "often", "active": True}],
    )


def make_runs(server: Server, deployment: str, start: datetime, count: int) -> None:
    """So many runs from then on, by its schedule."""
    times = {"start_time": start.isoformat(), "min_runs": count, "max_runs": count}
    server.call("POST", f"/deployments/{deployment}/schedule", json=times)


@contextlib.contextmanager
def another_world(server: Server) -> Iterator[World]:
    """A pool, as yet without a worker, in a temporary folder."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        a_world(server, Path(folder)) as world,
    ):
        yield world
