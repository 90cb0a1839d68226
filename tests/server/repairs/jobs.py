"""Deployments whose run the planner moves by three hours, and what is done to them."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from prefect.settings import PREFECT_API_URL, temporary_settings

from carbonaware_prefect.planner.api import Api, open_api
from carbonaware_prefect.planner.one_pass import one_pass
from carbonaware_prefect.planner.report import Outcome, Report
from carbonaware_prefect.settings import Settings
from tests.prefect_server.server import Server
from tests.prefect_server.world import World

__all__ = ["HOUR", "MINUTE", "Job", "a_job", "as_time", "outcome_of", "plan", "with_api"]

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
T = TypeVar("T")


@dataclass
class Job:
    """A deployment with one run that is due in two hours; three later it is cleaner.

    Attributes:
        world: where it is deployed.
        due: when its schedule starts it.
        slot: where the planner puts it.
        settings: all that it is deployed with.
        id: of the deployment.
    """

    world: World
    due: datetime
    slot: datetime
    settings: dict[str, Any] = field(default_factory=dict)
    id: str = ""

    @property
    def server(self) -> Server:
        return self.world.server

    @property
    def name(self) -> str:
        return str(self.settings["name"])

    def deploy(self, **changes: Any) -> None:
        """What a deploy sends: schedules anew, runs that have not started gone."""
        self.settings |= changes
        self.id = self.world.deploy("nightly.py:nightly", **self.settings)
        self.world.deployments[self.name] = self.id
        self.make_runs()

    def make_runs(self) -> None:
        """What the scheduler does within seconds."""
        self.server.call("POST", f"/deployments/{self.id}/schedule", json={})

    def do(self, what: str) -> None:
        """`pause_deployment` or `resume_deployment`."""
        self.server.call("POST", f"/deployments/{self.id}/{what}")
        self.make_runs()

    def patch(self, path: str = "", **fields: Any) -> None:
        """Change the deployment, or what is at ``path`` below it."""
        self.server.call("PATCH", f"/deployments/{self.id}{path}", json=fields)

    def schedule_id(self) -> str:
        found = self.server.call("GET", f"/deployments/{self.id}")
        return str(found["schedules"][0]["id"])

    def runs(self) -> list[dict[str, Any]]:
        """Those that are due now or were, whatever became of them."""
        found: list[dict[str, Any]] = self.server.call(
            "POST",
            "/flow_runs/filter",
            json={
                "flow_runs": {
                    "deployment_id": {"any_": [self.id]},
                    "expected_start_time": {"before_": (self.due + 20 * HOUR).isoformat()},
                },
                "sort": "EXPECTED_START_TIME_ASC",
            },
        )
        return found

    def run(self) -> dict[str, Any]:
        """The only one that there is."""
        (run,) = self.runs()
        return run

    def state(self, run: str) -> list[dict[str, Any]]:
        """The history of a run, the oldest first."""
        answer = self.server.call("GET", "/flow_run_states/", params={"flow_run_id": run})
        return sorted(answer, key=lambda state: str(state["timestamp"]))

    def set_state(self, run: str, kind: str) -> None:
        """What a worker or a process reports of a run."""
        self.server.call(
            "POST",
            f"/flow_runs/{run}/set_state",
            json={"state": {"type": kind}, "force": True},
        )

    def polled(self) -> set[str]:
        """The runs that a worker would be given, as far ahead as it may look."""
        before = (self.server.now() + 30 * timedelta(days=1)).isoformat()
        answer = self.server.call(
            "POST",
            f"/work_pools/{self.world.pool}/get_scheduled_flow_runs",
            json={"scheduled_before": before},
        )
        return {each["flow_run"]["id"] for each in answer}


def a_job(world: World, *, slug: str | None = "nightly", **env: str) -> Job:
    """Deploy one.

    Args:
        world: where.
        slug: of its schedule.
        env: variables of the job, over a window of six hours for an hour's work.
    """
    server = world.server
    due = server.now().replace(second=0, microsecond=0) + 2 * HOUR
    name = uuid.uuid4().hex[:8]
    source = world.folder / f"{name}.csv"
    _write_forecast(source, due + 3 * HOUR)
    said = {
        "CARBONAWARE_SOURCE": f"file:{source}",
        "CARBONAWARE_ZONE": "DE",
        "CARBONAWARE_WINDOW": "6h",
        "CARBONAWARE_DURATION": "1h",
    } | env
    rule = {
        "interval": timedelta(days=30).total_seconds(),
        "anchor_date": due.isoformat(),
        "timezone": "UTC",
    }
    job = Job(
        world=world,
        due=due,
        slot=due + 3 * HOUR,
        settings={
            "name": f"nightly-{name}",
            "tags": ["carbon-aware", "team-a"],
            "schedules": [{"active": True, "schedule": rule, "slug": slug}],
            "parameters": {"journal": str(world.folder / f"{name}.jsonl")},
            "job_variables": {"env": said},
        },
    )
    job.deploy()
    return job


def _write_forecast(path: Path, dip: datetime) -> None:
    first, end = dip - timedelta(days=2), dip + timedelta(days=3)
    points = [(first, 300), (dip, 100), (dip + HOUR, 300)]
    lines = [f"{start.isoformat()},{grams}," for start, grams in points]
    path.write_text("\n".join(["start,intensity,end", *lines]) + end.isoformat() + "\n")


def plan(
    server: Server, planners: int = 1, *, dry_run: bool = False, kind: type[Api] = Api
) -> Report:
    """A pass; the report of the first planner.

    Args:
        server: with the deployments.
        planners: how many make one at the same time.
        dry_run: look, and change nothing.
        kind: of the API that they call.
    """
    # The jobs' forecasts lie below that folder.
    own = Settings(detect=False, cache_dir="", forecast_folder=tempfile.gettempdir())

    async def one() -> Report:
        async with open_api() as api:
            api.__class__ = kind
            return await one_pass(api, own, dry_run=dry_run)

    async def together() -> list[Report]:
        return await asyncio.gather(*(one() for _ in range(planners)))

    reports: list[Report] = on(server, together)
    return reports[0]


def with_api(server: Server, ask: Callable[[Api], Any]) -> Any:
    """What a coroutine function of the API answers."""

    async def asked() -> Any:
        async with open_api() as api:
            return await ask(api)

    return on(server, asked)


def on(server: Server, begin: Callable[[], Any]) -> Any:
    """Run a coroutine function in this process, on the server's clock."""
    with (
        server.clock.here(),
        temporary_settings({PREFECT_API_URL: server.api}),
    ):
        return asyncio.run(begin())


def outcome_of(report: Report, job: Job) -> Outcome | None:
    """What a report says about a job; None where it says nothing."""
    found = [each for each in report.outcomes if each.deployment == job.name]
    assert len(found) <= 1
    return found[0] if found else None


def as_time(text: str) -> datetime:
    """A time in the server's JSON; Python 3.10 does not read "Z"."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
