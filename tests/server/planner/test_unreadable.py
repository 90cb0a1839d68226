"""A run that the server takes and cannot answer with, beside one that can be read."""

from __future__ import annotations

import httpx

from carbonaware_prefect.planner.report import Action
from tests.prefect_server.world import World
from tests.server.planner.occurrences import HOUR, in_whole_minutes, occur
from tests.server.planner.passes import plan, row_of


def test_a_label_that_is_null(world: World) -> None:
    """The run is told of by its id; its neighbour is moved; it is not put back."""
    server = world.server
    nominal = in_whole_minutes(server.now() + 2 * HOUR)
    dips = {nominal + 3 * HOUR: 100.0}
    healthy, poisoned = (occur(world, nominal, dips=dips) for _ in range(2))
    run = poisoned.run().id
    plan(server)
    labels = f"/flow_runs/{run}/labels"
    server.call("PATCH", labels, json={"somebody": None})
    found = server.client.get(f"/flow_runs/{run}")
    assert found.status_code == httpx.codes.INTERNAL_SERVER_ERROR

    server.clock.move_to(nominal + HOUR)
    report = plan(server)
    row = row_of(report, healthy)
    assert (row.action, row.start) == (Action.KEEP, nominal + 3 * HOUR)
    (told,) = [outcome for outcome in report.outcomes if outcome.run == run]
    assert (told.action, told.reason) == (Action.LEAVE, "unreadable")
    assert abs(told.nominal_start - nominal) < HOUR
    assert report.faults == report.unreadable == 0
    server.call("DELETE", f"/flow_runs/{run}")
