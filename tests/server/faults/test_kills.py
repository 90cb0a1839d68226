"""A planner killed at any point of a pass, and started again or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.prefect_server.proxy import Proxy
from tests.server.faults.fleet import SECOND, Fleet, Occurrence, Planner

_LEDGER = rb"POST /api/artifacts/ "
_LABELS = rb"PATCH /api/flow_runs/[^ ]+/labels "
_STATES = rb"POST /api/flow_runs/bulk_set_state "
_RESTORE = rb"POST /api/deployments/[^ ]+/create_flow_run "


def _pass_killed_at(fleet: Fleet, proxy: Proxy, pattern: bytes, moment: str) -> None:
    """A pass that ends at the first request of that kind: before it, or answered."""
    planners: list[Planner] = []

    def kill() -> bool:
        return planners[0].kill()

    trap = proxy.trap(pattern, moment, kill)
    planners.append(fleet.planner("plan", api=proxy.api))
    assert planners[0].status() < 0, planners[0].out + planners[0].err
    assert trap.sprung.is_set()


def _pass_killed_between_batches(fleet: Fleet, proxy: Proxy) -> None:
    """A pass that ends when one batch was moved and the next is about to be."""
    planners: list[Planner] = []

    def kill() -> bool:
        return planners[0].kill()

    def arm() -> bool:
        proxy.trap(_STATES, "before", kill)
        return True

    proxy.trap(_STATES, "after", arm)
    planners.append(fleet.planner("plan", api=proxy.api))
    assert planners[0].status() < 0, planners[0].out + planners[0].err


def _two_slots(fleet: Fleet, passes: int) -> tuple[list[Occurrence], list[Occurrence]]:
    """Two groups of runs with a slot of their own each."""
    nominal = fleet.after(passes)
    sooner, later = (fleet.forecast(nominal + n * SECOND) for n in (9, 12))
    groups = (
        fleet.deploy(2, nominal, source=sooner, each=6),
        fleet.deploy(2, nominal, source=later, each=6),
    )
    fleet.wait_until_scheduled([*groups[0], *groups[1]])
    return groups


def _at_nominal(fleet: Fleet, occurrences: list[Occurrence]) -> int:
    """How many of them wait at their nominal start; the others wait at their slot."""
    starts = fleet.starts(occurrences)
    still = [each for each in occurrences if abs(starts[each.key] - each.nominal) <= SECOND]
    first = min(each.nominal for each in occurrences)
    slots = {first + 9 * SECOND, first + 12 * SECOND}
    moved = [each for each in occurrences if each not in still]
    assert all(min(abs(starts[m.key] - s) for s in slots) <= SECOND for m in moved)
    return len(still)


def test_killed_at_each_point_and_started_again(fleet: Fleet, proxy: Proxy) -> None:
    """Each next pass goes on where the killed one ended, until all runs have moved."""
    sooner, later = _two_slots(fleet, 7)
    runs = sooner + later
    _pass_killed_at(fleet, proxy, _LEDGER, "before")
    _pass_killed_at(fleet, proxy, _LEDGER, "after")
    _pass_killed_at(fleet, proxy, _LABELS, "after")
    _pass_killed_at(fleet, proxy, _STATES, "before")
    assert _at_nominal(fleet, runs) == len(runs)
    _pass_killed_between_batches(fleet, proxy)
    assert _at_nominal(fleet, runs) == len(runs) / 2
    _pass_killed_at(fleet, proxy, _STATES, "after")
    assert _at_nominal(fleet, runs) == 0
    report = fleet.plan()
    assert (report["counts"]["keep"], report["faults"]) == (len(runs), 0)
    ran = fleet.keeps_its_promise(runs)
    assert len({each.put_to for each in ran.values()}) == 2


@pytest.mark.parametrize(
    ("die", "left"),
    [
        (lambda fleet, proxy: _pass_killed_at(fleet, proxy, _STATES, "before"), 24),
        (_pass_killed_between_batches, 12),
    ],
    ids=["labels written", "half moved"],
)
def test_killed_and_never_started_again(
    fleet: Fleet, proxy: Proxy, die: Callable[[Fleet, Proxy], None], left: int
) -> None:
    """What is left half done starts at its nominal time; a plan on a run is no move."""
    sooner, later = _two_slots(fleet, 1)
    die(fleet, proxy)
    assert _at_nominal(fleet, sooner + later) == left
    ran = fleet.keeps_its_promise(sooner + later)

    nominal = {each.key: each.nominal for each in sooner + later}
    late = [key for key, each in ran.items() if each.put_to > nominal[key] + SECOND]
    assert len(late) == 24 - left


def test_killed_while_it_puts_back_what_a_redeploy_deleted(
    fleet: Fleet, proxy: Proxy
) -> None:
    """Put back once, whether the planner dies before that, after it, or between two."""
    nominal = fleet.after(1)
    slot = nominal + 24 * SECOND
    runs = fleet.deploy(2, nominal, source=fleet.forecast(slot), each=6)
    fleet.wait_until_scheduled(runs)
    assert fleet.plan()["counts"]["move"] == len(runs)
    fleet.wait_for(max(each.nominal for each in runs) + SECOND)
    fleet.redeploy()
    assert fleet.runs(runs) == {}
    _pass_killed_at(fleet, proxy, _RESTORE, "before")
    assert fleet.runs(runs) == {}
    _pass_killed_at(fleet, proxy, _RESTORE, "after")
    assert len(fleet.runs(runs)) == 1
    report = fleet.plan()

    assert report["faults"] == 0
    ran = fleet.keeps_its_promise(runs)
    assert {each.put_to for each in ran.values()} == {slot}
