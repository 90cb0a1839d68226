"""Passes that another planner or a redeploy overtakes, and a redeploy in a bad moment."""

from __future__ import annotations

from tests.prefect_server.proxy import Proxy
from tests.server.faults.fleet import SECOND, Fleet

_LABELS = rb"PATCH /api/flow_runs/[^ ]+/labels "
_RUNS = rb"POST /api/flow_runs/paginate "


def test_another_planner_moves_all_meanwhile(fleet: Fleet, proxy: Proxy) -> None:
    """Labels of one planner beside the state of another are not a person's doing."""
    nominal = fleet.after(4)
    first, better = nominal + 20 * SECOND, nominal + 25 * SECOND
    source = fleet.forecast(first, name="changing")
    runs = fleet.deploy(1, nominal, source=source, each=4)
    fleet.wait_until_scheduled(runs)

    def overtake() -> bool:
        fleet.forecast(better, name="changing")
        assert fleet.plan()["counts"]["move"] == len(runs)
        return True

    trap = proxy.trap(_LABELS, "before", overtake)
    fleet.plan(api=proxy.api)
    assert trap.sprung.is_set()
    assert set(fleet.starts(runs).values()) == {better}

    report = fleet.plan()
    assert "overridden" not in {row["reason"] for row in report["runs"]}
    for found in fleet.runs(runs).values():
        assert found[0]["labels"]["carbonaware.slot_start"] == better.isoformat()
    fleet.wait_for(max(each.nominal for each in runs) + SECOND)
    fleet.redeploy()
    assert fleet.runs(runs) == {}
    fleet.plan()
    ran = fleet.keeps_its_promise(runs)
    assert {each.put_to for each in ran.values()} == {better}


def test_deployed_anew_in_the_middle_of_a_pass(fleet: Fleet, proxy: Proxy) -> None:
    """A pass that has read the deployments before that puts the runs back all the same."""
    nominal = fleet.after(2)
    slot = nominal + 20 * SECOND
    runs = fleet.deploy(2, nominal, source=fleet.forecast(slot), each=4)
    fleet.wait_until_scheduled(runs)
    assert fleet.plan()["counts"]["move"] == len(runs)
    fleet.wait_for(max(each.nominal for each in runs) + SECOND)

    def redeploy() -> bool:
        fleet.redeploy()
        return True

    trap = proxy.trap(_RUNS, "before", redeploy)
    report = fleet.plan(api=proxy.api)

    assert trap.sprung.is_set()
    assert report["counts"]["put_back"] == len(runs)
    ran = fleet.keeps_its_promise(runs)
    assert {each.put_to for each in ran.values()} == {slot}


def test_deployed_anew_while_runs_come_due(fleet: Fleet) -> None:
    """Those that Prefect comes too late to make anew are not lost either."""
    nominal = fleet.after(2)
    source = fleet.forecast(nominal + 22 * SECOND)
    runs = [
        *fleet.deploy(1, nominal, source=source, each=12),
        *fleet.deploy(1, nominal + SECOND / 4, source=source, each=12),
    ]
    fleet.wait_until_scheduled(runs)
    assert fleet.plan()["counts"]["move"] == len(runs)
    fleet.wait_for(nominal + 2 * SECOND)
    fleet.redeploy()
    fleet.planner("planner", "start", "--interval", "2s")
    ran = fleet.keeps_its_promise(runs)

    assert len({each.run for each in ran.values()}) == len(runs)
