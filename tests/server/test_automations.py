"""The automations of docs/automations.md, with a run that waits, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.docs.documents import blocks
from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server, a_server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import Engine, World, a_world

_PAGE = {
    automation["name"]: automation
    for block in blocks("yaml")
    if block.where.startswith("docs/automations.md")
    for automation in [YAML(typ="safe").load(block.text)]
}
_ENDED = {"zombies": "Crashed", "at-most-an-hour": "Cancelled"}
_LEFT_ALONE = ["zombies-but-no-waits", "running-at-most-an-hour", "late"]
_EVENTS = {
    f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "true"
    for name in ("EVENT_PERSISTER", "TRIGGERS")
} | {
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    # A busy machine may start a run later than that; it is no Late one here.
    "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "3600",
}


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server that listens to events, and a worker."""
    folder = tmp_path_factory.mktemp("automations")
    with (
        a_server(folder, settings=_EVENTS) as server,
        a_world(server, folder, Engine.OWN) as world,
    ):
        world.start_worker("--limit", "3")
        yield world


def _watch(server: Server, automation: dict[str, Any], run: Run) -> None:
    """Make an automation for one run, so that each run has its own."""
    trigger = automation["trigger"]
    match = {"prefect.resource.id": f"prefect.flow-run.{run.id}"}
    body = automation | {"enabled": True, "trigger": trigger | {"match": match}}
    server.call("POST", "/automations/", json=body)


@pytest.fixture(scope="module")
def fleet(events: World) -> dict[str, Run]:
    """A run for each automation, two hours into its wait."""
    clock = events.server.clock
    due = clock.now() + timedelta(minutes=10)
    runs = {name: events.run("late.py:late_flow", due=due) for name in _PAGE}
    for name, run in runs.items():
        _watch(events.server, _PAGE[name], run)
    eventually(
        lambda: len(events.server.call("POST", "/automations/filter")) == len(runs),
        what="all automations are there",
    )
    clock.move_to(due)
    for run in runs.values():
        run.wait_until_put_back()
    clock.advance(timedelta(hours=2))
    return runs


def test_every_automation_of_the_page_is_tried() -> None:
    """The page has no automation that this test does not know."""
    assert set(_PAGE) == {*_ENDED, *_LEFT_ALONE}


def test_what_ends_a_run_that_waits(events: World, fleet: dict[str, Run]) -> None:
    """Those that know no Scheduled state end it; the others do not, and it works."""
    for name, state in _ENDED.items():
        fleet[name].wait_for(state)
    events.server.clock.move_to(max(fleet[name].slot() for name in _LEFT_ALONE))
    for name in _LEFT_ALONE:
        fleet[name].wait_for("Completed")

    assert {name: fleet[name].events().count("work") for name in _PAGE} == {
        **dict.fromkeys(_ENDED, 0),
        **dict.fromkeys(_LEFT_ALONE, 1),
    }
