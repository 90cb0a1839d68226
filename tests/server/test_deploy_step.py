"""The deploy step in real `prefect deploy`s, on a real server."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.prefect_server.server import Server
from tests.prefect_server.world import World
from tests.warm import python

_FLOW = """
from prefect import flow

@flow
def {name}():
    pass
"""
_STEP = "carbonaware_prefect.deploy_step.steps.low_carbon_cron"
_FILE = """
build:
  - {step}:
      id: germany
      requires: carbonaware-prefect
      zone: {zone}
      between: "22:00-06:00"
      duration: "{{{{ $STEP_DURATION }}}}"
      timezone: Europe/Berlin
  - {step}:
      id: california
      provider: gcp
      region: us-west2
      between: 08:00-18:00
      duration: 2h
      days: weekdays
deployments:
  - name: germany
    entrypoint: flows.py:{name}
    description: "{{{{ germany.sentence }}}}"
    schedules:
      - cron: "{{{{ germany.cron }}}}"
        timezone: "{{{{ germany.timezone }}}}"
    work_pool:
      name: {pool}
  - name: california
    entrypoint: flows.py:{name}
    schedules:
      - cron: "{{{{ california.cron }}}}"
        timezone: "{{{{ california.timezone }}}}"
    work_pool:
      name: {pool}
"""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with a flow and a prefect.yaml that uses the step for two zones."""

    server: Server
    folder: Path
    pool: str
    name: str

    def deploy(self, zone: str) -> subprocess.CompletedProcess[str]:
        """What ``prefect deploy --all`` says, with the first step for this zone."""
        text = _FILE.format(step=_STEP, zone=zone, pool=self.pool, name=self.name)
        (self.folder / "prefect.yaml").write_text(text)
        (self.folder / "flows.py").write_text(_FLOW.format(name=self.name))
        return subprocess.run(
            [python(), "-m", "prefect", "--no-prompt", "deploy", "--all"],
            cwd=self.folder,
            env=self.server.environment(STEP_DURATION="PT1H", COLUMNS="200"),
            capture_output=True,
            text=True,
            check=False,
        )

    def read(self, deployment: str) -> dict[str, Any]:
        """The deployment on the server."""
        answer: dict[str, Any] = self.server.call(
            "GET", f"/deployments/name/{self.name}/{deployment}"
        )
        return answer

    def schedules(self, deployment: str) -> list[dict[str, Any]]:
        """Its schedules, each with what it says of time."""
        return [schedule["schedule"] for schedule in self.read(deployment)["schedules"]]

    def starts(self, deployment: str) -> list[str]:
        """When the server starts its next three runs."""
        key = self.read(deployment)["id"]
        self.server.call("POST", f"/deployments/{key}/schedule", json={"min_runs": 3})
        wanted = {"deployments": {"id": {"any_": [key]}}}
        runs = self.server.call(
            "POST", "/flow_runs/filter", json=wanted | {"sort": "EXPECTED_START_TIME_ASC"}
        )
        assert len(runs) > 2
        return [str(run["expected_start_time"]) for run in runs]


@pytest.fixture(scope="module")
def project(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project, not deployed yet, with a pool that has no worker."""
    world = World(server, tmp_path_factory.mktemp("project"))
    world.open_pool()
    name = f"f{world.pool.removeprefix('pool-')}"
    return Project(server=server, folder=world.folder, pool=world.pool, name=name)


@pytest.fixture(scope="module")
def deployed(project: Project) -> str:
    """What `prefect deploy` said when the project was deployed."""
    done = project.deploy("DE")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("deployed")
def test_schedules_have_the_cron_of_their_zone(project: Project) -> None:
    """Two steps in one file give two deployments a schedule each, in its own zone."""
    assert project.schedules("germany") == [
        {"cron": "0 3 * * *", "timezone": "Europe/Berlin", "day_or": True}
    ]
    assert project.schedules("california") == [
        {"cron": "0 12 * * 1-5", "timezone": "America/Los_Angeles", "day_or": True}
    ]


def test_sentence_is_said_and_may_be_kept(project: Project, deployed: str) -> None:
    """The step prints its sentence at deploy; a template takes it into the description."""
    said = "03:00, 418 -> 391 gCO2/kWh (-7 %) against 22:00, zone DE, cron '0 3 * * *'"

    assert said in deployed
    assert said in project.read("germany")["description"]


@pytest.mark.usefixtures("deployed")
def test_runs_are_scheduled_at_the_chosen_time(project: Project) -> None:
    """The server schedules runs at 03:00 in Berlin, and weekdays at 12:00 in California."""
    for deployment, zone, expected in (
        ("germany", "Europe/Berlin", "03:00"),
        ("california", "America/Los_Angeles", "12:00"),
    ):
        for start in project.starts(deployment):
            at = datetime.fromisoformat(start.replace("Z", "+00:00"))
            assert f"{at.astimezone(ZoneInfo(zone)):%H:%M}" == expected


@pytest.mark.usefixtures("deployed")
def test_redeploy_changes_nothing(project: Project) -> None:
    """A second deploy gives the same schedules, and the same runs, none of them twice."""
    names = ("germany", "california")
    before = {name: (project.schedules(name), project.starts(name)) for name in names}

    assert project.deploy("DE").returncode == 0

    for name, (schedules, starts) in before.items():
        again = project.starts(name)
        assert project.schedules(name) == schedules
        assert len(set(again)) == len(again)
        # The first one may have begun in between.
        assert starts[1] in again


@pytest.mark.usefixtures("deployed")
def test_wrong_input_ends_the_deploy(project: Project) -> None:
    """A zone without typical days ends the deploy with the reason; nothing changes."""
    before = project.read("germany")["updated"]

    done = project.deploy("CN")

    assert done.returncode == 1
    assert "UnknownPlaceError: zone 'CN' has no typical days" in done.stderr
    assert project.read("germany")["updated"] == before
