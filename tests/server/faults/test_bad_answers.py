"""Answers that say no, settings that say nothing, and runs that go away meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import pytest

from tests.prefect_server.proxy import Proxy
from tests.prefect_server.waiting import eventually, now
from tests.server.faults.fleet import SECOND, Fleet
from tests.server.faults.front import a_front

_STATES = rb"POST /api/flow_runs/bulk_set_state "
_LABELS = rb"PATCH /api/flow_runs/[0-9a-f-]+/labels "


def test_a_locked_database_and_busy_answers(fleet: Fleet) -> None:
    """Failures inside an answer that says 200, and 503, are tried again: all runs move."""
    nominal = fleet.after(2) + 30 * SECOND
    slot = nominal + 8 * SECOND
    runs = fleet.deploy(3, nominal, source=fleet.forecast(slot))
    fleet.wait_until_scheduled(runs)

    with a_front(fleet.server.api) as front:
        front.locked, front.busy = 2, 3
        report = fleet.plan(api=front.api)

    assert (front.locked, front.busy) == (0, 0)
    assert (report["counts"]["move"], report["faults"]) == (len(runs), 0)
    ran = fleet.keeps_its_promise(runs)
    assert {each.put_to for each in ran.values()} == {slot}


@pytest.mark.parametrize("minutes", [10, -10])
def test_clocks_ten_minutes_apart(fleet: Fleet, minutes: int) -> None:
    """The planner goes by the server's clock, and what it decides by it doubles nothing."""
    nominal = fleet.after(2)
    slot = nominal + 8 * SECOND
    runs = fleet.deploy(2, nominal, source=fleet.forecast(slot))
    fleet.wait_until_scheduled(runs)

    with a_front(fleet.server.api) as front:
        front.clock = timedelta(minutes=minutes)
        report = fleet.plan(api=front.api)

    told = timedelta(minutes=minutes - 1), timedelta(minutes=minutes + 1)
    assert now() + told[0] < _time(report["at"]) < now() + told[1]
    ran = fleet.keeps_its_promise(runs)
    if minutes > 0:
        # By that clock they have started long ago.
        assert {each.put_to for each in ran.values()} == {run.nominal for run in runs}


def test_garbage_among_good_settings(fleet: Fleet) -> None:
    """Fifty deployments that nobody can plan are named; the good ones move."""
    nominal = fleet.after(3) + 40 * SECOND
    slot = nominal + 8 * SECOND
    source = fleet.forecast(slot)
    garbage = [
        ("WINDOW", "soon"),
        ("DURATION", "-1h"),
        ("FINISH_BY", "25:99"),
        ("ZONE", "Atlantis"),
        ("NOT_BETWEEN", "all day"),
        ("TIME_ZONE", "Mars/Olympus"),
        ("MINIMUM_SAVING", "200%"),
        ("SOURCE", "crystal_ball"),
        ("MAX_MOVES", "many"),
        ("POLICY", "nobody-saved-this"),
    ]
    bad = [
        run
        for name, value in garbage
        for run in fleet.deploy(
            5, nominal, source=source, each=1, env={f"CARBONAWARE_{name}": value}
        )
    ]
    good = fleet.deploy(2, nominal, source=source)
    fleet.wait_until_scheduled([*bad, *good])
    report = fleet.plan()

    counts = report["counts"]
    assert (counts["move"], report["faults"]) == (len(good), 0)
    left = [row for row in report["runs"] if row["reason"] == "invalid_setting"]
    assert len(left) == len(bad) == 50
    for row in left:
        assert any(value in row["sentence"] for _, value in garbage), row
    ran = fleet.keeps_its_promise([*bad, *good])
    assert {ran[run.key].put_to for run in good} == {slot}
    assert {ran[run.key].put_to for run in bad} == {run.nominal for run in bad}


def test_deleted_in_the_middle_of_a_pass(fleet: Fleet, proxy: Proxy) -> None:
    """A deployment and a run that go away meanwhile cost nobody else anything."""
    nominal = fleet.after(2)
    slot = nominal + 8 * SECOND
    runs = fleet.deploy(3, nominal, source=fleet.forecast(slot))
    fleet.wait_until_scheduled(runs)
    gone_run = fleet.runs(runs)[runs[-1].key][0]["id"]

    def delete() -> bool:
        fleet.server.call("DELETE", f"/deployments/{runs[0].deployment}")
        fleet.server.call("DELETE", f"/flow_runs/{gone_run}")
        return True

    trap = proxy.trap(_LABELS, "before", delete)
    report = fleet.plan(api=proxy.api)

    assert trap.sprung.is_set()
    left = [run for run in runs[:-1] if run.deployment != runs[0].deployment]
    moved = [row for row in report["runs"] if row["action"] == "move" and not row["fault"]]
    assert len(moved) >= len(left)
    ran = fleet.keeps_its_promise(left)
    assert {each.put_to for each in ran.values()} == {slot}


def test_a_worker_that_comes_first_wins(fleet: Fleet, proxy: Proxy) -> None:
    """Runs that start while they are being moved start at their nominal time, once."""
    nominal = fleet.after(1)
    runs = fleet.deploy(1, nominal, source=fleet.forecast(nominal + 90 * SECOND), each=6)
    fleet.wait_until_scheduled(runs)

    def hold() -> bool:
        def started() -> bool:
            found = [run for each in fleet.runs(runs).values() for run in each]
            return all(run["state_type"] != "SCHEDULED" for run in found)

        # The server closes a connection that is held, and the planner tries again.
        proxy.trap(_STATES, "before", hold)
        try:
            eventually(started, within=45, what="the worker picks all up")
        except (AssertionError, httpx.TransportError):
            return False
        return True

    trap = proxy.trap(_STATES, "before", hold)
    report = fleet.plan(api=proxy.api)

    assert trap.sprung.is_set()
    assert report["counts"]["move"] == 0
    assert report["faults"] == len(runs)
    ran = fleet.keeps_its_promise(runs)
    assert {each.put_to for each in ran.values()} == {run.nominal for run in runs}


def test_a_server_that_is_away_is_told(fleet: Fleet) -> None:
    """Nobody listens: exit status 1, and a sentence that says what to do."""
    planner = fleet.planner("plan", api="http://127.0.0.1:9/api")

    assert planner.status() == 1
    assert "the Prefect server could not be read" in planner.err
    assert "PREFECT_API_URL" in planner.err


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
