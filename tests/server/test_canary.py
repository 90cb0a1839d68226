"""A planner beside deployers who want its secrets: none of them reaches the server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.prefect_server.process import Process
from tests.prefect_server.server import a_server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World, a_world
from tests.server.leaks import a_canary, database_of, forms, found_in
from tests.server.planner.occurrences import (
    HOUR,
    every_month,
    in_whole_minutes,
    write_forecast,
)
from tests.server.thieves import Echo, forecasts_of, sources, variables
from tests.sources.contract.server import Api, serve
from tests.warm import python

_SAVE = "from carbonaware_prefect import CarbonPolicy; CarbonPolicy().save('thief')"
_EVENTS = {"PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "true"}
# What has to be of a planner's environment for the words to be sent anywhere.
_SENT = ("key", "user", "password")


@dataclass
class Aftermath:
    """What is left when the planner and the server have ended.

    Attributes:
        canaries: by what they are.
        said: by the planner, in each of its forms.
        stored: by the server.
        report: of the planner's pass that moves runs.
        outside: deployments that name what is not offered to them.
        echo, thief: the planner's own forecast services, and one of a deployer's.
        bait: a word that deployers know, and have stored in every form.
    """

    canaries: Mapping[str, str]
    said: list[tuple[str, bytes]]
    stored: list[tuple[str, bytes]]
    report: dict[str, Any]
    outside: set[str]
    echo: Api
    thief: Api
    bait: str


class Deployers:
    """They deploy, each something else, all due at the same time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.nominal = in_whole_minutes(world.server.now() + 2 * HOUR)
        self.outside: set[str] = set()
        self.count = 0

    def deploy(self, env: Any, *, outside: bool = False, pool: str | None = None) -> None:
        """One more deployment, with a run."""
        name = f"deployment-{self.count}"
        self.count += 1
        told = {"CARBONAWARE_ZONE": "DE", "CARBONAWARE_WINDOW": "PT9H"} | env
        deployment = self.world.deploy(
            "nightly.py:nightly",
            name=name,
            tags=["carbon-aware"],
            schedules=[every_month(self.nominal)],
            job_variables={"env": told},
            work_pool_name=pool or self.world.pool,
        )
        self.world.server.call("POST", f"/deployments/{deployment}/schedule", json={})
        if outside:
            self.outside.add(name)

    def offer(self, name: str, source: str) -> None:
        """A work pool whose environment names a source."""
        variables = {"env": {"type": "object", "default": {"CARBONAWARE_SOURCE": source}}}
        template = {
            "job_configuration": {"env": "{{ env }}"},
            "variables": {"type": "object", "properties": variables},
        }
        body = {"name": name, "type": "process", "base_job_template": template}
        self.world.server.call("POST", "/work_pools/", json=body)


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """Fifty deployments and more, and two passes of a planner with secrets."""
    folder = tmp_path_factory.mktemp("canary")
    names = (*_SENT, "file", "folder", "broken", "answer", "environment", "api", "sdk")
    canaries = {name: a_canary() for name in names}
    with ExitStack() as stack:
        server = stack.enter_context(a_server(folder, settings=_EVENTS))
        world = stack.enter_context(a_world(server, folder))
        echo, thief = stack.enter_context(serve()), stack.enter_context(serve())
        echo.answer = Echo(canaries["answer"])
        secret = folder / "elsewhere" / "secret.csv"
        secret.parent.mkdir()
        deployers = Deployers(world)
        dip = deployers.nominal + 3 * HOUR
        write_forecast(secret, {dip: 1.0}, server.now())
        secret.write_text(f"{secret.read_text()}{canaries['file']},1,\n")
        offered = folder / f"forecasts-{canaries['folder']}"
        forecasts_of(offered, secret, canaries["broken"])
        write_forecast(offered / "good.csv", {dip: 100.0}, server.now())
        planner = {
            "CARBONAWARE_FORECAST_FOLDER": str(offered),
            "CARBONAWARE_ELECTRICITY_MAPS_KEY": canaries["key"],
            "CARBONAWARE_WATTTIME_USERNAME": canaries["user"],
            "CARBONAWARE_WATTTIME_PASSWORD": canaries["password"],
            "CARBONAWARE_SDK_SIGNAL": "average",
            "CARBONAWARE_SDK_LOCATIONS": f"DE={canaries['sdk']}",
            "CARBONAWARE_SOURCE_TIMEOUT": "60s",
            "SECRET": canaries["environment"],
            "AWS_SECRET_ACCESS_KEY": canaries["environment"],
            "PREFECT_API_KEY": canaries["api"],
            "NO_PROXY": "*",
            **{
                f"CARBONAWARE_{name}_URL": echo.url
                for name in ("ELECTRICITY_MAPS", "WATTTIME", "SDK", "GB_CARBON_INTENSITY",
                             "ENERGY_CHARTS", "CARBONAWARE_SCHEDULER")
            },
        }  # fmt: skip
        _deploy_all(deployers, offered, secret, thief)
        bait = _lay_bait(deployers)
        said = _passes(world, planner)
        _wait_for_events(world)
        server.stop()
        yield Aftermath(
            canaries=canaries,
            said=said,
            stored=list(database_of(server)),
            report=json.loads(said[0][1][said[0][1].index(b"{") :]),
            outside=deployers.outside,
            echo=echo,
            thief=thief,
            bait=bait,
        )


def _deploy_all(deployers: Deployers, offered: Path, secret: Path, thief: Api) -> None:
    world = deployers.world
    done = Process(
        [python(), "-c", _SAVE], world.server.environment(), world.folder / "save.log"
    )
    assert done.popen.wait() == 0, done.output()
    found = world.server.call(
        "GET", "/block_types/slug/carbon-policy/block_documents/name/thief"
    )
    data = {"source": "file:/proc/self/environ", "zone": "DE"}
    world.server.call("PATCH", f"/block_documents/{found['id']}", json={"data": data})
    deployers.deploy({"CARBONAWARE_SOURCE": "file:good.csv"})
    for outside, source in sources(offered, secret):
        deployers.deploy({"CARBONAWARE_SOURCE": source}, outside=outside)
    for env in variables(thief.url, secret.parent):
        deployers.deploy(env, outside=env.get("CARBONAWARE_POLICY") == "thief")
    for name, source in {
        "pool-environ": "file:/proc/self/environ",
        "pool-file": f"file:{secret}",
    }.items():
        deployers.offer(name, source)
        deployers.deploy({}, outside=True, pool=name)


def _lay_bait(deployers: Deployers) -> str:
    """What the search has to find: a word of a deployer's own, in each form."""
    bait = a_canary()
    for number, told in enumerate(forms(bait).values()):
        value = told.decode("latin-1").replace("\0", "")
        body = {"name": f"bait-{number}", "value": value}
        deployers.world.server.call("POST", "/variables/", json=body)
    return bait


def _passes(world: World, planner: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """What the planner says: as JSON in the pass that moves runs, then in its tables."""
    said = []
    for number, options in enumerate((["--json"], ["--wide"], [])):
        process = Process(
            [python(), "-m", "carbonaware_prefect", "plan", *options],
            world.server.environment(PREFECT_LOGGING_LEVEL="DEBUG", **planner),
            world.folder / f"plan-{number}.log",
        )
        assert process.popen.wait() == 0, process.output()
        said.append((f"plan {' '.join(options)}", process.log.read_bytes()))
    return said


def _wait_for_events(world: World) -> None:
    """Until what it did has become events, which are stored a while later."""
    asked = {"filter": {"event": {"name": ["prefect.flow-run.Scheduled"]}}, "limit": 50}
    told = "Waiting for cleaner electricity"

    def stored() -> bool:
        return told in json.dumps(world.server.call("POST", "/events/filter", json=asked))

    eventually(stored, what="an event tells of the move")


def test_nothing_of_the_planner_is_stored(aftermath: Aftermath) -> None:
    """No word of its environment, files, headers or of what services answered it."""
    assert found_in(aftermath.stored, aftermath.canaries) == []


def test_nothing_of_the_planner_is_said(aftermath: Aftermath) -> None:
    """Nor in its reports and logs, though its log says all that it can."""
    assert found_in(aftermath.said, aftermath.canaries) == []


def test_the_search_finds_what_is_there(aftermath: Aftermath) -> None:
    """A word that somebody has stored is found in each of its forms."""
    found = found_in(aftermath.stored, {"bait": aftermath.bait})
    seen = {each.partition(":")[0] for each in found}

    assert seen >= {
        f"bait {form}" for form in forms(aftermath.bait) if "UTF-16" not in form
    }


def test_the_words_were_within_reach(aftermath: Aftermath) -> None:
    """All were planned or refused; the keys were sent to the planner's own services."""
    runs = {each["deployment"]: each for each in aftermath.report["runs"]}
    assert len(runs) >= 50
    assert runs["deployment-0"]["action"] == "move"
    assert len(aftermath.outside) > 20
    assert {runs[name]["reason"] for name in aftermath.outside} == {"invalid_setting"}
    assert aftermath.thief.asked == []
    told = " ".join(f"{asked.headers}" for asked in aftermath.echo.asked)
    words = base64.b64encode(
        f"{aftermath.canaries['user']}:{aftermath.canaries['password']}".encode()
    ).decode()
    assert aftermath.canaries["key"] in told
    assert words in told
