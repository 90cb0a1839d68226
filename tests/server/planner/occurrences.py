"""Deployments whose schedule has one start in a test, and passes of the planner."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.prefect_server.prefects import job_variables
from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import FLOWS, World, a_world

GRAMS = 300
# A flow engine takes seconds to start, and many starts on few cores take minutes.
BRIEF = {"command": f"{sys.executable} {FLOWS / 'brief.py'}"}
ENGINE: dict[str, str] = {}
# SQLite has one writer. A worker that starts a dozen runs at once, as when the clock has
# been moved, makes the server so busy that it reports some of them Crashed.
_GENTLY = {"PREFECT_CLIENT_MAX_RETRIES": "8"}
_AT_ONCE = "2"
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
# So long that no test sees a second start, and none lies in the planner's horizon.
_INTERVAL = timedelta(days=30)
# A pass looks at what crashed within a day.
_FORGOTTEN = timedelta(hours=25)


def write_forecast(path: Path, dips: Mapping[datetime, float], present: datetime) -> None:
    """300 g/kWh for days around the present, but for an hour from each of the dips.

    A dip that begins within that hour follows at once.
    """
    first, end = present - timedelta(days=1), present + timedelta(days=3)
    points = [(first, float(GRAMS))]
    starts = [*sorted(dips), end]
    for start, following in pairwise(starts):
        points.append((start, dips[start]))
        if start + HOUR < following:
            points.append((start + HOUR, float(GRAMS)))
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
        """Its runs on the server, whatever became of them; those of its next time not."""
        found: list[dict[str, Any]] = self.server.call(
            "POST",
            "/flow_runs/filter",
            json={
                "flow_runs": {
                    "deployment_id": {"any_": [self.deployment]},
                    "expected_start_time": {
                        "before_": (self.nominal + 20 * HOUR).isoformat()
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


def in_whole_minutes(moment: datetime) -> datetime:
    """The minute that it lies in; the server rounds starts."""
    return moment.replace(second=0, microsecond=0)


def scheduled_for(row: dict[str, Any]) -> datetime:
    """The start that a row's Scheduled state has."""
    return as_time(row["state"]["state_details"]["scheduled_time"])


def as_time(text: str) -> datetime:
    """A time in the server's JSON; Python 3.10 does not read "Z"."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


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
        dips: cleaner hours of its own forecast, by their starts.
        flow: in the tests' folder of flows.
        env: over the default window and duration; None takes one away.
        tags: of the deployment.
        parameters: of the flow, beside its journal.
        starting: `ENGINE` for a real flow, which `BRIEF` stands for.
        settings: of the deployment.
    """
    name = uuid.uuid4().hex[:8]
    journal, forecast = world.folder / f"{name}.jsonl", world.folder / f"{name}.csv"
    write_forecast(forecast, dips or {}, world.server.now())
    told: dict[str, str | None] = {
        "CARBONAWARE_SOURCE": f"file:{forecast}",
        "CARBONAWARE_ZONE": "DE",
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
    world.deployments.clear()


def start_worker(world: World, *, quiet: bool = True) -> None:
    """A worker for runs that become due together; a quiet one tells the server no logs."""
    # That is a third of what a brief run costs.
    logs = {"PREFECT_LOGGING_TO_API_ENABLED": "false"} if quiet else {}
    world.start_worker("--limit", _AT_ONCE, **_GENTLY, **logs)


@contextmanager
def a_planned_world(server: Server, folder: Path) -> Iterator[World]:
    """A world of which a planner sees nothing that others left, and leaves nothing."""
    server.clock.advance(_FORGOTTEN)
    with a_world(server, folder) as world:
        try:
            yield world
        finally:
            withdraw(world)


def wait_for_crash(occurrence: Occurrence) -> None:
    """Return when a worker has reported the crash of the only run for the last time."""
    occurrence.run().wait_for("Crashed")
    occurrence.world.wait_for_second_reports()


def wait_until_done(world: World) -> None:
    """Return when nothing that is due by now is left to do; all that starts has started."""
    server = world.server
    ours = {"deployment_id": {"any_": [*world.deployments.values()]}}

    def count(*states: str, **more: Any) -> int:
        filters = ours | {"state": {"type": {"any_": states}}} | more
        found: int = server.call("POST", "/flow_runs/count", json={"flow_runs": filters})
        return found

    def nothing_is_left() -> bool:
        due = {"before_": server.now().isoformat()}
        # In the order of a run's life: what was counted as neither had ended.
        waiting = count("SCHEDULED", next_scheduled_start_time=due)
        return not waiting and not count("PENDING", "RUNNING", "CANCELLING")

    eventually(nothing_is_left, what="all that is due is done")
