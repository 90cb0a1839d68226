"""Why a run waits, where people look: log lines and pages on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from carbonaware_prefect.pages.run_page import KEPT
from carbonaware_prefect.planner.report import Action, Report
from tests.prefect_server.fleets import each
from tests.prefect_server.proxy import Proxy
from tests.prefect_server.runs import Run
from tests.prefect_server.world import World
from tests.server.planner.occurrences import (
    HOUR,
    MINUTE,
    Occurrence,
    every_month,
    in_whole_minutes,
    occur,
    start_worker,
)
from tests.server.planner.passes import plan

_RUNS = 50


@dataclass
class Told:
    """A pass that moved the runs of a deployment, and delays of three others.

    Attributes:
        many: the deployment with fifty runs.
        slot: of all of them.
        report: of the pass.
        delays: by what became of their pages.
        artifacts: all there are then.
    """

    many: Occurrence
    slot: datetime
    report: Report
    delays: dict[str, Run] = field(default_factory=dict)
    artifacts: list[dict[str, Any]] = field(default_factory=list)

    def pages(self, key: str) -> list[dict[str, Any]]:
        return [page for page in self.artifacts if page["key"] == key]


def _artifacts(world: World, **wanted: Any) -> list[dict[str, Any]]:
    body = {"artifacts": wanted, "sort": "CREATED_DESC"}
    found: list[dict[str, Any]] = world.server.call("POST", "/artifacts/filter", json=body)
    return found


@pytest.fixture(scope="module")
def told(world: World) -> Iterator[Told]:
    """Fifty runs and one pass; then three runs with a delay task, until they are back."""
    server = world.server
    start_worker(world, quiet=False)
    nominal = in_whole_minutes(server.now() + 2 * HOUR)
    slot = nominal + 3 * HOUR
    many = occur(
        world,
        nominal,
        dips={slot: 100.0},
        name="nightly-load",
        schedules=[every_month(nominal + number * MINUTE) for number in range(_RUNS)],
    )
    told = Told(many, slot, plan(server))
    deployment = world.deploy("plain.py:sync_flow", name="delayed")
    note = {"deployment": deployment, "by": "task"}
    for _ in range(KEPT + 1):
        page = {"key": "carbon-aware-delayed", "type": "markdown", "data": "older"}
        server.call("POST", "/artifacts/", json=page | {"metadata_": note})
    with Proxy(server.port) as proxy:
        proxy.busy(rb"POST /api/artifacts/ ", 1)
        options: dict[str, dict[str, Any]] = {
            "shown": {"deployment": deployment},
            "off": {"env": {"CARBONAWARE_PAGES": "0"}},
            "refused": {"api": proxy.api},
        }

        def put_back(name: str) -> Run:
            run = world.run("plain.py:sync_flow", **options[name])
            run.wait_until_put_back()
            return run

        told.delays = each(put_back, options)
        told.artifacts = _artifacts(world)
        yield told
        server.clock.reach(max(run.slot() for run in told.delays.values()))
        for run in told.delays.values():
            run.wait_for("Completed")


def test_a_run_that_has_not_started_says_why(told: Told) -> None:
    """Each of them has one line, with the sentence and both times."""
    rows = told.many.rows()

    assert told.report.count(Action.MOVE) == len(rows) == _RUNS
    for row in rows:
        line = Run(told.many.server, row["id"], told.many.journal).logs()
        assert line.startswith(f"carbonaware_prefect.planner: {row['state']['message']}")
        assert f"starts {told.slot:%Y-%m-%d %H:%M} UTC" in line
        assert "carbon-aware-nightly-load" in line
        assert "\n" not in line


def test_the_deployment_has_a_page(told: Told) -> None:
    """One version, with the run that starts next, its chart, and the others' rows."""
    (page,) = told.pages("carbon-aware-nightly-load")

    assert page["type"] == "markdown"
    assert "300 -> 100 gCO2/kWh (-67 %)" in page["data"]
    assert "](data:image/svg+xml;base64," in page["data"]
    assert "And 29 more." in page["data"]


def test_the_pass_has_a_page(told: Told) -> None:
    """A row with a link for each run that it moved."""
    (page,) = told.pages("carbon-aware-plan")

    assert "- Runs moved: 50\n" in page["data"]
    for row in told.many.rows():
        assert f"(../../runs/flow-run/{row['id']})" in page["data"]


def test_a_delay_task_gives_its_run_the_same(told: Told) -> None:
    """A page that belongs to the run and the task run; the oldest versions are gone."""
    run = told.delays["shown"]
    pages = told.pages("carbon-aware-delayed")
    (page,) = [each for each in pages if each["flow_run_id"] == run.id]

    assert page == pages[0]
    assert page["task_run_id"] is not None
    assert run.read()["state"]["message"] in page["data"]
    assert "](data:image/svg+xml;base64," in page["data"]
    assert len(pages) == KEPT
    run.wait_until(
        lambda: run.read()["state"]["message"] in run.logs(), "its log says why it waits"
    )


def test_pages_can_be_switched_off(told: Told, world: World) -> None:
    """The run is moved, and nothing is written but its own log."""
    assert _artifacts(world, flow_run_id={"any_": [told.delays["off"].id]}) == []


def test_a_page_that_is_refused_costs_no_run(told: Told, world: World) -> None:
    """The run is moved all the same, and its log says what is missing."""
    run = told.delays["refused"]

    assert _artifacts(world, flow_run_id={"any_": [run.id]}) == []
    run.wait_until(
        lambda: "Could not write the page of the run" in run.logs(), "its log tells"
    )
