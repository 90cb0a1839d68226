"""What a pass shows people: how much it says, what that costs, and what it survives."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from carbonaware_prefect.planner.one_pass import one_pass
from carbonaware_prefect.planner.pages import Pages
from carbonaware_prefect.planner.report import Action, Report
from carbonaware_prefect.settings import Settings
from tests.planner.hostile.healthy import DIP, ENV, a_deployment, a_forecast, a_run
from tests.planner.hostile.server import Prefect

_PLAN = "carbon-aware-plan"


@dataclass
class Refusing(Prefect):
    """A server that says no to what a test picks.

    Attributes:
        refuses: whether it refuses a call with that path and body.
    """

    refuses: Callable[[str, Any], bool] = field(default=lambda _path, _body: False)

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if self.refuses(path, body):
            return 500, {"exception_message": "no"}
        return super().answer(method, path, body)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A planner that offers a folder of forecasts."""
    folder = tmp_path_factory.mktemp("forecasts")
    a_forecast(folder)
    return _settings(folder)


def _settings(folder: Path) -> Settings:
    return Settings(cache_dir="", typical_dir="", detect=False, forecast_folder=str(folder))


def a_world(deployments: int, runs: int) -> Refusing:
    """So many deployments, each with so many runs that a pass moves to one slot."""
    world = Refusing()
    for number in range(deployments):
        deployment = a_deployment(
            number, job_variables={"env": ENV | {"CARBONAWARE_OVERTAKE": "true"}}
        )
        world.deployments.append(deployment)
        world.runs += [a_run(str(uuid.uuid4()), deployment) for _ in range(runs)]
    return world


def a_pass(world: Prefect, own: Settings, pages: Pages | None = None) -> Report:
    """One pass over the world."""
    return asyncio.run(one_pass(world.api(), own, pages=pages))


def keys(world: Prefect) -> Counter[str]:
    """How many versions of each page there are."""
    return Counter(
        each["key"] for each in world.artifacts if each.get("type") == "markdown"
    )


@pytest.mark.parametrize(
    ("deployments", "runs", "pages"), [(1, 50, 1), (50, 1, 1), (3, 50, 3), (1, 1, 1)]
)
def test_three_calls_for_fifty_moves(
    own: Settings, deployments: int, runs: int, pages: int
) -> None:
    """Whatever they are moves of; without pages it makes that many calls less."""
    world, other = a_world(deployments, runs), a_world(deployments, runs)
    silent = a_pass(other, own.model_copy(update={"pages": False}))
    told = a_pass(world, own)

    assert told.count(Action.MOVE) == silent.count(Action.MOVE) == deployments * runs
    # Of 150 moves, three times three.
    assert told.calls - silent.calls <= 3 * max(1, deployments * runs // 50)
    assert len(world.lines) == deployments * runs
    assert keys(other) == {}
    assert other.lines == []
    assert len(keys(world)) - 1 >= pages
    assert keys(world)[_PLAN] == 1


def test_every_deployment_has_its_page_in_the_end(own: Settings) -> None:
    """Later passes of the same planner write what was left, three calls at a time."""
    world, pages = a_world(6, 1), Pages()
    first, *others = (a_pass(world, own, pages) for _ in range(5))

    assert keys(world) == dict.fromkeys(
        [_PLAN, *(f"carbon-aware-deployment-{number}" for number in range(6))], 1
    )
    assert first.count(Action.MOVE) == 6
    # Idle ones that had something to write, and one that had not.
    *writing, idle = (report.calls for report in others)
    assert [calls - idle for calls in writing] == [3, 3, 2]


def test_pages_are_written_over(own: Settings) -> None:
    """Run after run of a deployment, there is one version of each page."""
    world = a_world(1, 1)
    a_pass(world, own)
    (first,) = world.runs
    world.runs.append(a_run(str(uuid.uuid4()), world.deployments[0], name="lazy-lion"))
    a_pass(world, own)

    assert set(keys(world).values()) == {1}
    page = next(each for each in world.artifacts if "deployment" in each["key"])
    assert "happy-heron" in page["data"]
    assert "lazy-lion" in page["data"]
    assert page["metadata_"]["deployment"] == world.deployments[0]["id"]
    assert first["id"] in page["data"]


def test_one_name_in_two_flows(own: Settings) -> None:
    """Each has a page, at a key of its own, again and again."""
    world, pages = a_world(2, 1), Pages()
    for deployment in world.deployments:
        deployment["name"] = "nightly"
    for _ in range(3):
        a_pass(world, own, pages)
        for deployment in world.deployments:
            world.runs.append(a_run(str(uuid.uuid4()), deployment))

    owners = {each["metadata_"]["deployment"] for each in world.artifacts if "type" in each
              and each["type"] == "markdown"}  # fmt: skip
    assert owners == {"", *(each["id"] for each in world.deployments)}
    assert sorted(keys(world).values()) == [1, 1, 1]


def test_what_others_wrote_stays(own: Settings) -> None:
    """A version that a run wrote, or somebody by hand, is not written over."""
    world, theirs = a_world(1, 1), {"deployment": a_deployment(0)["id"], "by": "task"}
    for note in (theirs, None):
        world.artifacts.append(
            {
                "id": str(uuid.uuid4()),
                "key": "carbon-aware-deployment-0",
                "data": "theirs",
                "metadata_": note,
                "created": world.runs[0]["created"],
            }
        )
    a_pass(world, own)

    data = [each["data"] for each in world.artifacts if "deployment" in each["key"]]
    assert data.count("theirs") == 2
    assert len(data) == 3


def _of(key: str) -> Callable[[str, Any], bool]:
    return lambda _, body: isinstance(body, dict) and body.get("key") == key


@pytest.mark.parametrize(
    ("refuses", "left"),
    [
        (_of("carbon-aware-deployment-0"), "5 pages, lines"),
        (_of(_PLAN), "5 pages, lines"),
        (lambda path, _: path == "/logs/", "6 pages"),
        (lambda path, _: path == "/artifacts/latest/filter", "lines"),
    ],
)
def test_a_page_that_cannot_be_written(
    own: Settings,
    caplog: pytest.LogCaptureFixture,
    refuses: Callable[[str, Any], bool],
    left: str,
) -> None:
    """The runs are moved, the other pages are written, and the log says which is not."""
    world = a_world(5, 50)
    world.refuses = refuses
    with caplog.at_level(logging.WARNING):
        report = a_pass(world, own)

    assert report.count(Action.MOVE) == 250
    assert report.faults == 0
    assert {run["state"]["state_details"]["scheduled_time"] for run in world.runs} == {
        DIP.isoformat()
    }
    assert len(keys(world)) == (int(left[0]) if "pages" in left else 0)
    assert len(world.lines) == (250 if "lines" in left else 0)
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_a_name_that_breaks_one_page(own: Settings) -> None:
    """Names are as their users want them; the pages are whole all the same."""
    world, pages = a_world(3, 1), Pages()
    world.deployments[0]["name"] = "]( | <b>\x00\ud800\n# x"
    world.deployments[1]["name"] = ""
    for _ in range(2):
        a_pass(world, own, pages)

    assert len(keys(world)) == 4
    assert "<b>" not in "".join(_plain(world)).replace("\\<b>", "")


def _plain(world: Prefect) -> list[str]:
    return [each["data"] for each in world.artifacts if each.get("type") == "markdown"]


def test_no_secret_is_shown(tmp_path: Path) -> None:
    """What the planner's environment holds is on no page and in no line."""
    a_forecast(tmp_path)
    own = _settings(tmp_path).model_copy(
        update={"watttime_url": "https://user:sesame@proxy", "watttime_username": "sesame"}
    )
    world = a_world(1, 1)
    a_pass(world, own)

    assert "sesame" not in str(_plain(world)) + str(world.lines)


def test_a_dry_run_shows_nothing(own: Settings) -> None:
    """It changes nothing on the server."""
    world = a_world(1, 1)
    asyncio.run(one_pass(world.api(), own, dry_run=True))

    assert world.artifacts == []
    assert world.lines == []
