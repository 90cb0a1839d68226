"""Forecast sources that fail in every way, and a planner that lives through outages."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.prefect_server.waiting import eventually
from tests.server.faults.fleet import SECOND, Fleet, Occurrence
from tests.sources.contract.server import Api, Reply, serve


@pytest.fixture
def source() -> Iterator[Api]:
    """A local server in place of a forecast service."""
    with serve() as api:
        yield api


_DEAD = {
    "DE": (Reply(status=500), "source_failed"),
    "FR": (Reply(body=b"<html>maintenance</html>"), "source_failed"),
    "AT": (Reply(body=b'{"unix_seconds": [], "co2eq_forecast": []}'), "no_forecast"),
    "PL": (Reply(manner="silence"), "source_failed"),
}


def test_without_a_forecast_all_start_at_nominal(fleet: Fleet, source: Api) -> None:
    """Whatever the source does, the plan says so and each run starts at its time, once."""
    source.answer = lambda asked: _DEAD[asked.path[-2:].upper()][0]
    nominal = fleet.after(2) + 15 * SECOND
    runs: list[Occurrence] = []
    reasons: dict[str, str] = {}
    for zone, (_, reason) in _DEAD.items():
        env = {"CARBONAWARE_ZONE": zone}
        found = fleet.deploy(1, nominal, source="energy_charts", each=4, env=env)
        runs += found
        reasons |= {run["id"]: reason for run in fleet.wait_until_scheduled(found)}

    report = fleet.plan(
        CARBONAWARE_ENERGY_CHARTS_URL=source.url, CARBONAWARE_SOURCE_TIMEOUT="3s"
    )

    assert (report["counts"]["keep"], report["faults"]) == (len(runs), 0)
    assert {row["run"]: row["reason"] for row in report["runs"]} == reasons
    assert {asked.path[-2:].upper() for asked in source.asked} == set(_DEAD)
    source.released.set()
    ran = fleet.keeps_its_promise(runs)
    assert {each.put_to for each in ran.values()} == {run.nominal for run in runs}


def test_a_moved_run_keeps_its_slot_when_the_forecast_goes_away(fleet: Fleet) -> None:
    """What an earlier forecast chose is better than nothing."""
    nominal = fleet.after(3)
    slot = nominal + 8 * SECOND
    source = fleet.forecast(slot, name="going")
    runs = fleet.deploy(1, nominal, source=source, each=4)
    fleet.wait_until_scheduled(runs)

    assert fleet.plan()["counts"]["move"] == len(runs)
    Path(source.removeprefix("file:")).unlink()
    report = fleet.plan()

    assert report["counts"]["keep"] == len(runs)
    ran = fleet.keeps_its_promise(runs)
    assert {each.put_to for each in ran.values()} == {slot}


def _health(path: Path) -> dict[str, object]:
    """What the file says; it is never seen half written."""
    found: dict[str, object] = json.loads(path.read_text()) if path.exists() else {}
    return found


def test_planner_start_outlives_the_server_and_ends_cleanly(
    fleet: Fleet, tmp_path: Path
) -> None:
    """It plans again and again, says how it is, and ends with 0 on SIGTERM."""
    health = tmp_path / "health" / "planner.json"
    nominal = fleet.after(4) + 2 * fleet.server.start_seconds * SECOND
    slot = nominal + 8 * SECOND
    runs = fleet.deploy(2, nominal, source=fleet.forecast(slot), each=4)
    planner = fleet.planner(
        "planner", "start", "--interval", "1s", "--health-file", str(health)
    )
    eventually(
        lambda: _health(health).get("status") == "ok", within=60, what="the first pass"
    )
    fleet.server.stop()
    eventually(
        lambda: _health(health).get("status") == "failing", within=90, what="it notices"
    )
    fleet.server.start()
    eventually(lambda: _health(health).get("status") == "ok", within=90, what="it is back")

    fleet.wait_until_all_start_at(runs, slot)
    os.kill(planner.popen.pid, signal.SIGTERM)
    assert planner.status() == 0, planner.err
    assert not health.exists()
    assert "trying again" in planner.err
    ran = fleet.keeps_its_promise(runs)
    assert {each.put_to for each in ran.values()} == {slot}
