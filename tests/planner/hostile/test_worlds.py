"""Whatever is wrong with one deployment, run, block or pool, all others are planned."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from carbonaware_prefect.cli.reports.plan import show
from carbonaware_prefect.planner.one_pass import one_pass
from carbonaware_prefect.planner.report import Action, Report
from carbonaware_prefect.settings import Settings
from tests.planner.hostile.healthy import (
    CRASHED,
    DIP,
    LOST,
    PLAIN,
    WAITING,
    a_forecast,
    peace,
)
from tests.planner.hostile.server import NOW, Prefect
from tests.planner.hostile.worlds import hostile

# Two thousand worlds in parts, which the processes of a run share.
PARTS, WORLDS = 20, 100
HEALTHY = {run["id"] for run in peace().runs} | {LOST}

Fate = tuple[Action, str, datetime, str | None]
Plan = Callable[[Prefect], Report]


@pytest.fixture(scope="module", autouse=True)
def _no_network() -> Iterator[None]:
    """Whatever a world makes the planner ask, nothing leaves this process."""

    def refuse(*_: object, **__: object) -> None:
        msg = "there is no network here"
        raise OSError(msg)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", refuse)
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket.socket, "connect_ex", refuse)
        yield


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A planner that offers a folder of forecasts, and asks nobody twice."""
    folder = tmp_path_factory.mktemp("forecasts")
    a_forecast(folder)
    (folder / "garbage.csv").write_bytes(bytes(range(256)))
    (folder / "folder").mkdir()
    return Settings(
        cache_dir="",
        typical_dir="",
        detect=False,
        forecast_folder=str(folder),
        zone_limit="1000",
        # Less than the pause before a source that gave no answer is asked again.
        source_timeout=timedelta(milliseconds=20),
    )


@pytest.fixture(scope="module")
def planned(own: Settings) -> Iterator[Plan]:
    """A pass over a world."""
    loop = asyncio.new_event_loop()
    yield lambda world: loop.run_until_complete(one_pass(world.api(), own))
    loop.close()


def fates(report: Report) -> dict[str, Fate]:
    """What becomes of the healthy runs."""
    return {
        each.run: (each.action, each.reason, each.start, each.fault)
        for each in report.outcomes
        if each.run in HEALTHY
    }


@pytest.fixture(scope="module")
def in_peace(planned: Plan) -> dict[str, Fate]:
    """What becomes of them when they are alone."""
    return fates(planned(peace()))


def printed(report: Report, *, wide: bool) -> str:
    """The report as a terminal gets it."""
    console = Console(file=io.StringIO(), width=80, highlight=False, markup=False)
    show(report, console, wide=wide)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def starts(world: Prefect) -> dict[str, Any]:
    """Where the healthy runs are now."""
    return {
        run["id"]: run["state"]["state_details"].get("scheduled_time")
        for run in world.runs
        if run["id"] in HEALTHY
    }


def look(upcoming: set[str], report: Report) -> None:
    """Each run has one outcome with a reason; the report can be shown and stored."""
    told = [outcome.run for outcome in report.outcomes]
    assert len(told) == len(set(told))
    assert upcoming - set(told) == set()
    assert all(each.reason and each.sentence for each in report.outcomes)
    json.dumps(report.as_document(), allow_nan=False)
    for wide in (False, True):
        text = printed(report, wide=wide)
        assert all(letter.isprintable() or letter == "\n" for letter in text)


def upcoming_in(world: Prefect) -> set[str]:
    """The runs that the planner has to say something about."""
    body = {
        "flow_runs": {
            "state": {"type": {"any_": ["SCHEDULED"]}},
            "expected_start_time": {"before_": (NOW + timedelta(hours=36)).isoformat()},
        }
    }
    return {run["id"] for run in world.selected("flow_runs", body)}


def test_the_healthy_ones_alone(in_peace: dict[str, Fate]) -> None:
    """They are worth comparing with: moved, kept, put back and moved again."""
    assert in_peace.keys() == HEALTHY
    assert {fate[3] for fate in in_peace.values()} == {None}
    actions = {run: in_peace[run][0] for run in (PLAIN, WAITING, LOST, CRASHED)}
    assert actions == {
        PLAIN: Action.MOVE,
        WAITING: Action.KEEP,
        LOST: Action.PUT_BACK,
        CRASHED: Action.MOVE_AGAIN,
    }
    assert in_peace[PLAIN][2] == DIP


@pytest.mark.parametrize("part", range(PARTS))
def test_no_neighbour_stops_the_others(
    planned: Plan, in_peace: dict[str, Fate], part: int
) -> None:
    """What becomes of the healthy ones is the same as alone, in two thousand worlds."""
    alone = peace()
    planned(alone)
    for number in range(part * WORLDS, (part + 1) * WORLDS):
        world = hostile(number)
        try:
            upcoming = upcoming_in(world)
            report = planned(world)
            assert world.unknown == []
            assert fates(report) == in_peace
            assert starts(world) == starts(alone)
            # A run that looks like an unfinished one of the planner may be deleted.
            look(upcoming & {run["id"] for run in world.runs}, report)
        except Exception as error:
            msg = f"in the world of hostile({number})"
            raise AssertionError(msg) from error
