"""Redeploys, other planners and deletions before each call of a pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from carbonaware_prefect.planner.report import Action, Report
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
    write_forecast,
)
from tests.server.planner.passes import plan, plan_together, row_of

_CALL = rb"\A(?:GET|POST|PATCH) /api/(?!csrf-token)"
_LABELS = rb"\APATCH /api/flow_runs/[0-9a-f-]+/labels "
_STATES = rb"\APOST /api/flow_runs/bulk_set_state "
_WINDOW = "CARBONAWARE_WINDOW"
# More calls than a pass makes.
_MANY = 24


def _interrupted(
    world: World, proxy: Proxy, act: Callable[[], None], pattern: bytes, nth: int = 0
) -> Report | None:
    """A pass before whose nth such call something happens; None if it made fewer."""

    def happen() -> bool:
        act()
        return True

    trap = proxy.trap(pattern, "before", happen, nth=nth)
    report = plan(world.server, api=proxy.api)
    proxy.traps.remove(trap)
    return report if trap.sprung.is_set() else None


@dataclass
class Redeployed:
    """What is deployed anew before one of the calls of a pass.

    Attributes:
        ahead: not moved yet.
        changed: the same, and deployed with other parameters.
        waits: moved past its nominal start, after which only a planner makes it anew.
    """

    ahead: Occurrence
    changed: Occurrence
    waits: Occurrence

    def redeploy(self) -> None:
        """Unchanged, but for one parameter of one of them."""
        self.ahead.redeploy()
        parameters = self.changed.settings["parameters"] | {"told": "changed"}
        self.changed.redeploy(parameters=parameters)
        self.waits.redeploy()


class Redeploys:
    """Redeploys before the first call of a pass, before the second one, and so on.

    Attributes:
        cases: what was deployed anew before each call.
        slot: of all of them.
        reports: of the pass after each.
    """

    def __init__(self, world: World, proxy: Proxy) -> None:
        nominal = in_whole_minutes(world.server.now() + HOUR)
        ahead, self.slot = nominal + 4 * HOUR, nominal + 9 * HOUR
        place = partial(occur, world, dips={self.slot: 100.0}, env={_WINDOW: "12h"})
        waiting = [place(nominal) for _ in range(_MANY)]
        plan(world.server)
        world.server.clock.move_to(nominal + MINUTE)
        self.cases: list[Redeployed] = []
        self.reports: list[Report] = []
        for nth, waits in enumerate(waiting):
            case = Redeployed(place(ahead), place(ahead), waits)
            if _interrupted(world, proxy, case.redeploy, _CALL, nth) is None:
                break
            self.cases.append(case)
            self.reports.append(plan(world.server))
        for unused in waiting[len(self.cases) :]:
            world.server.call("DELETE", f"/deployments/{unused.deployment}")
        for moment in (ahead + MINUTE, self.slot):
            world.server.clock.move_to(moment)
            wait_until_done(world)


@pytest.fixture(scope="module")
def redeploys(world: World, proxy: Proxy) -> Redeploys:
    """All of them, to the end of their runs."""
    return Redeploys(world, proxy)


def test_deployed_anew_before_each_call(redeploys: Redeploys) -> None:
    """Whenever a deploy comes in a pass, what it deletes starts at its slot, once."""
    assert 5 < len(redeploys.cases) < _MANY
    for case in redeploys.cases:
        assert kept([case.ahead, case.waits], redeploys.slot) == 2


def test_changed_before_each_call(redeploys: Redeploys) -> None:
    """Whenever a changed parameter comes in a pass, the run starts with it, once."""
    for case in redeploys.cases:
        assert only_start(case.changed, "changed") >= redeploys.slot - SECOND


def test_the_next_pass_has_no_fault(redeploys: Redeploys) -> None:
    """It mends what was deployed anew in the one before."""
    assert all(report.faults == 0 for report in redeploys.reports)


class Overtaken:
    """Another planner moves a run before the first call of a pass, and so on.

    Attributes:
        cases: one for each call.
        first, better: slots of the forecast that the pass may have read, and of the one
            that the other planner reads.
        reasons: of what the next pass says about each.
    """

    def __init__(self, world: World, proxy: Proxy) -> None:
        nominal = in_whole_minutes(world.server.now() + HOUR)
        self.first, self.better = nominal + 3 * HOUR, nominal + 5 * HOUR
        self.cases: list[Occurrence] = []
        self.reasons: list[str] = []
        for nth in range(_MANY):
            case = occur(world, nominal, dips={self.first: 200.0})

            def overtake(case: Occurrence = case) -> None:
                dips = {self.first: 200.0, self.better: 100.0}
                write_forecast(case.forecast, dips, world.server.now())
                plan(world.server)

            if _interrupted(world, proxy, overtake, _CALL, nth) is None:
                break
            self.cases.append(case)
            self.reasons.append(row_of(plan(world.server), case).reason)
        self.starts = [upcoming(case) for case in self.cases]
        self.labels = [case.run().slot() for case in self.cases]
        clock = world.server.clock
        clock.move_to(nominal + MINUTE)
        # All that waits is the planner's still: it puts back what a redeploy deletes.
        for case in self.cases:
            case.redeploy()
        plan(world.server)
        clock.move_to(self.better)
        wait_until_done(world)


@pytest.fixture(scope="module")
def overtaken(world: World, proxy: Proxy) -> Overtaken:
    """All of them, to the end of their runs."""
    return Overtaken(world, proxy)


def test_another_planner_before_each_call(overtaken: Overtaken) -> None:
    """Two planners that decide otherwise: the run ends up where the next one says."""
    better = [overtaken.better for _ in overtaken.cases]

    assert 5 < len(better) < _MANY
    assert overtaken.starts == [[slot] for slot in better]
    assert overtaken.labels == better


def test_another_planner_is_nobody(overtaken: Overtaken) -> None:
    """Labels of one planner beside the state of another are not a person's doing."""
    assert "overridden" not in overtaken.reasons


def test_overtaken_and_then_redeployed(overtaken: Overtaken) -> None:
    """What both of them moved is put back after a redeploy, and starts there, once."""
    assert kept(overtaken.cases, overtaken.better) == len(overtaken.cases)


def test_two_passes_at_the_same_time(world: World) -> None:
    """Both come to the same slots; neither takes the other's moves for faults."""
    nominal = in_whole_minutes(world.server.now() + HOUR)
    slots = [nominal + hours * HOUR for hours in (3, 4)]
    cases = [occur(world, nominal, dips={slot: 100.0}) for slot in slots]

    reports = plan_together(world.server, 2)

    assert [report.faults for report in reports] == [0, 0]
    assert [upcoming(case) for case in cases] == [[slot] for slot in slots]
    world.server.clock.move_to(slots[-1])
    wait_until_done(world)
    assert [kept([case], slot) for case, slot in zip(cases, slots, strict=True)] == [1, 1]


def test_deleted_before_it_is_labelled(world: World, proxy: Proxy) -> None:
    """A deployment and a run that go away meanwhile cost nobody else anything."""
    nominal = in_whole_minutes(world.server.now() + HOUR)
    slot = nominal + 3 * HOUR
    left, without_run, gone = (occur(world, nominal, dips={slot: 100.0}) for _ in range(3))

    def delete() -> None:
        world.server.call("DELETE", f"/deployments/{gone.deployment}")
        without_run.delete_run()

    report = _interrupted(world, proxy, delete, _LABELS)

    assert report is not None
    assert row_of(report, left).fault is None
    assert row_of(report, left).action is Action.MOVE
    assert without_run.rows() == []
    world.server.clock.move_to(slot)
    wait_until_done(world)
    assert only_start(left) >= slot - SECOND
    assert gone.starts() == without_run.starts() == []


def test_a_worker_that_comes_first_wins(world: World, proxy: Proxy) -> None:
    """Runs that start while they are being moved start at their nominal time, once."""
    nominal = in_whole_minutes(world.server.now() + HOUR)
    cases = [occur(world, nominal, dips={nominal + 3 * HOUR: 100.0}) for _ in range(2)]

    def start() -> None:
        world.server.clock.move_to(nominal)
        wait_until_done(world)

    report = _interrupted(world, proxy, start, _STATES)

    assert report is not None
    assert [row_of(report, case).fault is None for case in cases] == [False, False]
    world.server.clock.move_to(nominal + 3 * HOUR)
    wait_until_done(world)
    assert all(only_start(case) < nominal + HOUR for case in cases)


def test_deployed_anew_as_runs_come_due(world: World) -> None:
    """Those that Prefect comes too late to make anew are not lost either."""
    nominal = in_whole_minutes(world.server.now() + HOUR)
    slot = nominal + 3 * HOUR
    cases = [occur(world, nominal, dips={slot: 100.0}) for _ in range(3)]
    plan(world.server)
    world.server.clock.move_to(nominal - 5 * SECOND)
    for case in cases:
        # The scheduler makes them anew if it comes before the next line.
        case.world.deploy(case.flow, **case.settings)
    world.server.clock.move_to(nominal + 10 * SECOND)
    plan(world.server)
    world.server.clock.move_to(slot)
    wait_until_done(world)

    assert all(only_start(case) >= nominal - SECOND for case in cases)
