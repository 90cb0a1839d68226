"""Planners that work at the same time."""

from __future__ import annotations

from datetime import timedelta

from tests.server.faults.fleet import SECOND, Fleet


def test_two_passes_at_the_same_time(fleet: Fleet) -> None:
    """Both come to the same slots; neither takes the other's moves for faults."""
    nominal = fleet.after(2)
    slot = nominal + 8 * SECOND
    runs = fleet.deploy(3, nominal, source=fleet.forecast(slot))
    fleet.wait_until_scheduled(runs)
    planners = [fleet.planner("plan", "--json") for _ in range(2)]
    reports = [planner.report() for planner in planners]

    assert [report["faults"] for report in reports] == [0, 0]
    assert sum(report["counts"]["move"] for report in reports) >= len(runs)
    ran = fleet.keeps_its_promise(runs)
    assert {each.put_to for each in ran.values()} == {slot}


def test_two_planners_all_the_time(fleet: Fleet) -> None:
    """Through moves, a forecast that changes its mind and a redeploy: once each."""
    nominal = fleet.after(4)
    first, better = nominal + 22 * SECOND, nominal + 27 * SECOND
    source = fleet.forecast(first, name="changing")
    runs = fleet.deploy(3, nominal, source=source)
    fleet.wait_until_scheduled(runs)
    planners = [fleet.planner("planner", "start", "--interval", "1s") for _ in range(2)]
    fleet.wait_until_all_start_at(runs, first)
    fleet.forecast(better, name="changing")
    fleet.wait_until_all_start_at(runs, better)
    # Past their nominal starts nothing but a planner makes them anew.
    fleet.wait_for(max(each.nominal for each in runs) + SECOND)
    fleet.redeploy()
    ran = fleet.keeps_its_promise(runs)

    for planner in planners:
        assert planner.popen.poll() is None, planner.err
        assert "failed" not in planner.err
    late = {each.put_to - better for each in ran.values()}
    assert all(timedelta(0) <= by < 10 * SECOND for by in late)
