"""Deployments whose schedule has one start in a test, and passes of the planner."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_WORKER_PREFETCH_SECONDS,
    temporary_settings,
)

from carbonaware_prefect.planner.api import open_api
from carbonaware_prefect.planner.one_pass import one_pass
from carbonaware_prefect.planner.report import Action, Outcome, Report
from carbonaware_prefect.settings import Settings
from tests.prefect_server.prefects import job_variables
from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually, now
from tests.prefect_server.world import FLOWS, World

GRAMS = 300
# A flow engine takes seconds to start, and many starts on few cores take minutes.
BRIEF = {"command": f"{sys.executable} -S -E {FLOWS / 'brief.py'}"}
ENGINE: dict[str, str] = {}
SECOND = timedelta(seconds=1)
# So long that no test sees a second start, and none lies in the planner's horizon.
_INTERVAL = timedelta(days=30)


class Timeline:
    """Moments of a test, further apart on a busy machine."""

    def __init__(self) -> None:
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
        self._pace = min(2.0, max(1.0, load / 2))
        self._begin = now()

    def at(self, seconds: float) -> datetime:
        """A whole second that far from the beginning: the server rounds starts."""
        moment = self._begin + timedelta(seconds=seconds * self._pace)
        return moment.replace(microsecond=0)


def in_time(moment: datetime) -> None:
    """Fail if what was to be done before that moment was not."""
    assert now() < moment, f"too busy a machine for this test: it is past {moment}"


def all_moved(report: Report, count: int) -> None:
    """Fail if a pass moved fewer runs, which it does when it comes too late."""
    moved = report.count(Action.MOVE)
    assert moved == count, f"moved {moved} of {count}: {report.as_document()['runs']}"


def write_forecast(path: Path, dips: Mapping[datetime, float]) -> None:
    """300 g/kWh for two days, but for each dip of two seconds."""
    first, end = now() - timedelta(hours=2), now() + timedelta(days=2)
    points = [(first, float(GRAMS))]
    for start, grams in sorted(dips.items()):
        points += [(start, grams), (start + 2 * SECOND, float(GRAMS))]
    lines = [f"{start.isoformat()},{grams}," for start, grams in points]
    lines[-1] += end.isoformat()
    # Replaced as a whole, like a careful producer does.
    fresh = path.with_suffix(".new")
    fresh.write_text("\n".join(["start,intensity,end", *lines]) + "\n")
    fresh.replace(path)


@dataclass
class Occurrence:
    """One start of one deployment's schedule, and what its flow noted.

    Attributes:
        world: where it is deployed.
        flow: ``file.py:function``.
        nominal: when its schedule starts it.
        settings: all that it was deployed with.
        deployment: id.
        journal: of all its runs.
    """

    world: World
    flow: str
    nominal: datetime
    settings: dict[str, Any]
    deployment: str
    journal: Path
    forecast: Path = field(default=Path())

    @property
    def server(self) -> Server:
        return self.world.server

    def rows(self) -> list[dict[str, Any]]:
        """Its runs on the server, whatever became of them; those of next month not."""
        found: list[dict[str, Any]] = self.server.call(
            "POST",
            "/flow_runs/filter",
            json={
                "flow_runs": {
                    "deployment_id": {"any_": [self.deployment]},
                    "expected_start_time": {
                        "before_": (self.nominal + timedelta(days=1)).isoformat()
                    },
                },
                "sort": "EXPECTED_START_TIME_ASC",
            },
        )
        return found

    def run(self) -> Run:
        """The only run that there is."""
        (row,) = self.rows()
        return Run(self.server, row["id"], self.journal)

    def notes(self) -> list[dict[str, Any]]:
        return Run(self.server, "", self.journal).notes()

    def starts(self) -> list[datetime]:
        """When a process of its flow started, by the journal."""
        return [
            datetime.fromtimestamp(note["time"], self.nominal.tzinfo)
            for note in self.notes()
            if note["event"] == "start"
        ]

    def events(self) -> list[str]:
        return [str(note["event"]) for note in self.notes()]

    def start(self) -> datetime:
        """When its only run starts, as the server has it."""
        return scheduled_for(self.run().read())

    def redeploy(self, **changes: Any) -> None:
        """What `prefect deploy` sends: schedules anew, runs that have not started gone."""
        self.settings |= changes
        again = self.world.deploy(self.flow, **self.settings)
        assert again == self.deployment
        self.make_runs()

    def patch(self, path: str = "", **fields: Any) -> None:
        """Change the deployment, or what is at ``path`` below it."""
        self.server.call("PATCH", f"/deployments/{self.deployment}{path}", json=fields)

    def do(self, what: str) -> None:
        """`pause_deployment` or `resume_deployment`."""
        self.server.call("POST", f"/deployments/{self.deployment}/{what}")

    def make_runs(self) -> None:
        """What the scheduler does within seconds, at once."""
        self.server.call("POST", f"/deployments/{self.deployment}/schedule", json={})

    def put_to(self, moment: datetime) -> None:
        """A person changes when its run starts; "Run now" is to now."""
        details = {"scheduled_time": moment.isoformat()}
        self.run().set_state(type="SCHEDULED", state_details=details)

    def set_variables(self, run: str, **env: str) -> None:
        """Give one of its runs variables of its own."""
        own = self.settings["job_variables"] | {"env": env}
        self.server.call("PATCH", f"/flow_runs/{run}", json={"job_variables": own})

    def delete_run(self) -> None:
        self.server.call("DELETE", f"/flow_runs/{self.run().id}")

    def schedule_id(self) -> str:
        deployment = self.server.call("GET", f"/deployments/{self.deployment}")
        return str(deployment["schedules"][0]["id"])


def scheduled_for(row: dict[str, Any]) -> datetime:
    """The start that a row's Scheduled state has."""
    return datetime.fromisoformat(row["state"]["state_details"]["scheduled_time"])


def every_month(nominal: datetime, **more: Any) -> dict[str, Any]:
    """A schedule that starts then, and a month later."""
    rule = {
        "interval": _INTERVAL.total_seconds(),
        "anchor_date": nominal.isoformat(),
        "timezone": "UTC",
    }
    return {"active": True, "schedule": rule | more.pop("schedule", {})} | more


def occur(
    world: World,
    nominal: datetime,
    *,
    dips: Mapping[datetime, float] | None = None,
    flow: str = "nightly.py:nightly",
    env: Mapping[str, str | None] | None = None,
    tags: tuple[str, ...] = ("carbon-aware",),
    parameters: Mapping[str, Any] | None = None,
    starting: Mapping[str, str] = BRIEF,
    **settings: Any,
) -> Occurrence:
    """Deploy a flow that starts at ``nominal``, and let its runs be made.

    Args:
        world: where.
        nominal: its only start in this test.
        dips: cleaner moments of its own forecast.
        flow: in the tests' folder of flows.
        env: over a window of ten minutes for a run of a second; None takes one away.
        tags: of the deployment.
        parameters: of the flow, beside its journal.
        starting: `ENGINE` for a real flow, which `BRIEF` stands for.
        settings: of the deployment.
    """
    name = uuid.uuid4().hex[:8]
    journal, forecast = world.folder / f"{name}.jsonl", world.folder / f"{name}.csv"
    write_forecast(forecast, dips or {})
    told: dict[str, str | None] = {
        "CARBONAWARE_SOURCE": f"file:{forecast}",
        "CARBONAWARE_ZONE": "DE",
        "CARBONAWARE_WINDOW": "10m",
        "CARBONAWARE_DURATION": "1s",
        "CARBONAWARE_FREEZE": "0s",
    }
    said = {key: value for key, value in (told | dict(env or {})).items() if value}
    everything = {
        "name": f"{flow.split(':')[1]}-{name}",
        "tags": list(tags),
        "schedules": [every_month(nominal)],
        "parameters": {"journal": str(journal)} | dict(parameters or {}),
        "job_variables": job_variables(said, said.pop("PREFECT_API_URL", None))
        | dict(starting),
    } | settings
    deployment = world.deploy(flow, **everything)
    world.deployments[everything["name"]] = deployment
    occurrence = Occurrence(
        world=world,
        flow=flow,
        nominal=nominal,
        settings=everything,
        deployment=deployment,
        journal=journal,
        forecast=forecast,
    )
    occurrence.make_runs()
    return occurrence


def withdraw(world: World) -> None:
    """Delete the deployments of a world: a pass plans all that there are."""
    for deployment in world.deployments.values():
        # A test may have deleted it already.
        world.server.client.delete(f"/deployments/{deployment}")


def plan(
    server: Server, planners: int = 1, *, dry_run: bool = False, **settings: Any
) -> Report:
    """A pass, as ``carbonaware-prefect plan`` makes it; the report of the first planner.

    Args:
        server: with the deployments.
        planners: how many make one at the same time.
        dry_run: look, and change nothing.
        settings: of the planner.
    """
    own = Settings(detect=False, cache_dir="", **settings)

    async def one() -> Report:
        async with open_api() as api:
            return await one_pass(api, own, dry_run=dry_run)

    async def together() -> list[Report]:
        return await asyncio.gather(*(one() for _ in range(planners)))

    with temporary_settings(
        {PREFECT_API_URL: server.api, PREFECT_WORKER_PREFETCH_SECONDS: 1}
    ):
        return asyncio.run(together())[0]


def row_of(report: Report, occurrence: Occurrence) -> Outcome:
    """The only row of a report that tells of the occurrence."""
    name = occurrence.settings["name"]
    (row,) = [row for row in report.outcomes if row.deployment == name]
    return row


def command(
    server: Server, *arguments: str, **env: str
) -> subprocess.CompletedProcess[str]:
    """``carbonaware-prefect`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "carbonaware_prefect", *arguments],
        env=server.environment(**({"COLUMNS": "250"} | env)),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What a command said with ``--json``."""
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def sleep_until(moment: datetime) -> None:
    """Return when the moment has come."""
    eventually(
        lambda: now() >= moment,
        within=max(1.0, (moment - now()).total_seconds() + 1),
        what="time passes",
    )
