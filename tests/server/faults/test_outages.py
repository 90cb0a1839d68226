"""Forecast sources that fail in every way, and a Prefect server whose answers are lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from carbonaware_prefect.planner.report import Action
from tests.prefect_server.proxy import Proxy
from tests.prefect_server.world import World
from tests.server.faults.promise import kept, only_start, upcoming
from tests.server.planner.occurrences import (
    HOUR,
    MINUTE,
    SECOND,
    Occurrence,
    in_whole_minutes,
    occur,
    wait_until_done,
)
from tests.server.planner.passes import plan, row_of
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


def test_without_a_forecast_all_start_at_nominal(world: World, source: Api) -> None:
    """Whatever the source does, the plan says so and each run starts at its time, once."""
    source.answer = lambda asked: _DEAD[asked.path[-2:].upper()][0]
    nominal = in_whole_minutes(world.server.now() + HOUR)
    cases = {zone: _asks(world, nominal, zone) for zone in _DEAD if zone != "PL"}

    report = plan(world.server, energy_charts_url=source.url)
    cases["PL"] = _asks(world, nominal, "PL")
    # By now the others may be too late as well; this is about the one that says nothing.
    silent = plan(world.server, energy_charts_url=source.url, source_timeout=SECOND)
    source.released.set()

    rows = {zone: row_of(silent if zone == "PL" else report, cases[zone]) for zone in cases}
    assert {zone: row.reason for zone, row in rows.items()} == {
        zone: reason for zone, (_, reason) in _DEAD.items()
    }
    assert {row.action for row in rows.values()} == {Action.KEEP}
    assert report.faults == silent.faults == 0
    assert {asked.path[-2:].upper() for asked in source.asked} == set(_DEAD)
    world.server.clock.move_to(nominal)
    wait_until_done(world)
    assert all(only_start(case) >= nominal - SECOND for case in cases.values())


def _asks(world: World, nominal: datetime, zone: str) -> Occurrence:
    env = {"CARBONAWARE_SOURCE": "energy_charts", "CARBONAWARE_ZONE": zone}
    return occur(world, nominal, env=env)


def test_a_moved_run_keeps_its_slot_when_the_forecast_goes_away(world: World) -> None:
    """What an earlier forecast chose is better than nothing."""
    nominal = in_whole_minutes(world.server.now() + HOUR)
    slot = nominal + 3 * HOUR
    case = occur(world, nominal, dips={slot: 100.0})

    assert row_of(plan(world.server), case).action is Action.MOVE
    case.forecast.unlink()
    assert row_of(plan(world.server), case).action is Action.KEEP
    world.server.clock.move_to(slot)
    wait_until_done(world)
    assert only_start(case) >= slot - SECOND


_CALLS = [
    rb"POST /api/deployments/paginate ",
    rb"POST /api/flow_runs/paginate ",
    rb"POST /api/artifacts/filter ",
    rb"POST /api/work_queues/filter ",
    rb"POST /api/artifacts/ ",
    rb"PATCH /api/flow_runs/\S+/labels ",
    rb"POST /api/flow_runs/bulk_set_state ",
    rb"POST /api/deployments/\S+/create_flow_run/bulk ",
]


def test_the_answer_to_each_call_is_lost(world: World, proxy: Proxy) -> None:
    """Done by the server and not known to be: done again, to the same end."""
    nominal = in_whole_minutes(world.server.now() + HOUR)
    slot = nominal + 4 * HOUR
    lost = [occur(world, nominal, dips={slot: 100.0}) for _ in range(2)]
    plan(world.server)
    world.server.clock.move_to(nominal + MINUTE)
    new = [occur(world, nominal + 2 * HOUR, dips={slot: 100.0}) for _ in range(2)]
    for case in lost:
        case.redeploy()
    traps = [proxy.trap(call, "after", lambda: False) for call in _CALLS]

    report = plan(world.server, api=proxy.api)

    assert [trap.pattern for trap in traps if not trap.sprung.is_set()] == []
    assert report.faults == 0
    assert [upcoming(case) for case in lost + new] == [[slot]] * 4
    world.server.clock.move_to(slot)
    wait_until_done(world)
    assert kept(lost + new, slot) == 4
