"""The automations of docs/automations.md, with a run that waits, on a real server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.settings import PREFECT_API_URL, temporary_settings
from ruamel.yaml import YAML

from tests.docs.documents import blocks
from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server, a_server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import Engine, World, a_world
from tests.server.planner.occurrences import MINUTE, in_whole_minutes, occur
from tests.server.planner.passes import plan

_PAGE = {
    automation["name"]: automation
    for block in blocks("yaml")
    if block.where.startswith("docs/automations.md")
    for automation in [YAML(typ="safe").load(block.text)]
}
_ENDED = {"zombies": "Crashed", "at-most-an-hour": "Cancelled"}
_NOTIFYING = "no-forecast"
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


class Inbox:
    """Where notifications arrive.

    Attributes:
        told: what has arrived.
        url: of it.
    """

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                told.append(json.loads(self.rfile.read(length)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def inbox() -> Iterator[Inbox]:
    """An inbox, closed at the end."""
    inbox = Inbox()
    yield inbox
    inbox.close()


def test_three_runs_without_a_forecast_notify(events: World, inbox: Inbox) -> None:
    """The page's automation, the planner's events, a notification: after the third run."""
    server = events.server
    with temporary_settings({PREFECT_API_URL: server.api}):
        block = CustomWebhookNotificationBlock(
            name="inbox",
            url=inbox.url,
            json_data={"subject": "{{subject}}", "body": "{{body}}"},
        )
        identity = block.save("inbox", overwrite=True)
    automation = _PAGE[_NOTIFYING]
    (action,) = automation["actions"]
    server.call(
        "POST",
        "/automations/",
        json=automation
        | {"enabled": True, "actions": [action | {"block_document_id": str(identity)}]},
    )
    nominal = in_whole_minutes(server.now() + 14 * MINUTE)
    env = {"CARBONAWARE_SOURCE": "file:missing.csv"}
    for number in range(1, 4):
        occur(events, nominal, env=env, name=f"lacking-{number}")
        # The runs before have their events again, with the ids that they had.
        plan(server)
        eventually(partial(_are_told, server, number), what=f"there are {number} events")
        assert inbox.told == [] or number == 3
    eventually(lambda: bool(inbox.told), what="the notification arrives")

    (told,) = inbox.told
    assert told["subject"] == "Runs start without a forecast"
    assert "Starting at its nominal time" in told["body"]


def _are_told(server: Server, number: int) -> bool:
    """Whether so many runs are known to have no forecast."""
    return len(_told(server, name=["carbonaware.run.no_forecast"])) == number


def _is(told: Callable[[], list[str]], expected: list[str]) -> bool:
    return told() == expected


def _told(server: Server, **event: Any) -> list[dict[str, Any]]:
    body = {"filter": {"event": event}}
    found: list[dict[str, Any]] = server.call("POST", "/events/filter", json=body)["events"]
    return found


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
    names = [*_ENDED, *_LEFT_ALONE]
    runs = {name: events.run("late.py:late_flow", due=due) for name in names}
    for name, run in runs.items():
        _watch(events.server, _PAGE[name], run)
    eventually(
        lambda: len(events.server.call("POST", "/automations/filter")) >= len(runs),
        what="all automations are there",
    )
    clock.move_to(due)
    for run in runs.values():
        run.wait_until_put_back()
    clock.advance(timedelta(hours=2))
    return runs


def test_every_automation_of_the_page_is_tried() -> None:
    """The page has no automation that this test does not know."""
    assert set(_PAGE) == {*_ENDED, *_LEFT_ALONE, _NOTIFYING}


def test_what_ends_a_run_that_waits(events: World, fleet: dict[str, Run]) -> None:
    """Those that know no Scheduled state end it; the others do not, and it works."""
    for name, state in _ENDED.items():
        fleet[name].wait_for(state)
    events.server.clock.move_to(max(fleet[name].slot() for name in _LEFT_ALONE))
    for name in _LEFT_ALONE:
        fleet[name].wait_for("Completed")

    assert {name: run.events().count("work") for name, run in fleet.items()} == {
        **dict.fromkeys(_ENDED, 0),
        **dict.fromkeys(_LEFT_ALONE, 1),
    }


def test_delay_tasks_tell_what_they_do(events: World, fleet: dict[str, Run]) -> None:
    """Each run was moved; those that came to their slots have started there."""

    def told(name: str) -> list[str]:
        found = _told(events.server, prefix=["carbonaware.run."])
        return sorted(
            each["event"].removeprefix("carbonaware.run.")
            for each in found
            if each["related"][0]["prefect.resource.id"].endswith(fleet[name].id)
        )

    for name in _LEFT_ALONE:
        expected = partial(_is, partial(told, name), ["moved", "placed"])
        eventually(expected, what=f"{name} was moved and placed")
    assert {name: told(name) for name in _ENDED} == {name: ["moved"] for name in _ENDED}
