"""What people do to runs that the planner has moved: a person always wins."""

from __future__ import annotations

from datetime import datetime

import pytest

from carbonaware_prefect.planner.report import Action
from tests.prefect_server.world import World
from tests.server.planner.occurrences import (
    HOUR,
    MINUTE,
    SECOND,
    Occurrence,
    in_whole_minutes,
    occur,
    start_worker,
    wait_until_done,
)
from tests.server.planner.passes import plan, row_of

_STOPPED = ["deleted", "paused", "switched_off", "cancelled", "gone", "put_back"]
_PUT_ELSEWHERE = ["other_time", "unmoved"]
_AHEAD = ["now_ahead", "theirs", "cancelled_ahead", "deleted_ahead", "back"]


class Fleet:
    """Deployments whose runs are moved, and what people do to each of them.

    Attributes:
        cases: by name.
        nominal, slot: of those whose nominal start passes before people act.
        later: where a person puts some of them.
        ahead, ahead_slot: of the others, whose nominal start people come before.
        soon: where a person puts one of those.
        reports: of all passes, in order.
    """

    def __init__(self, world: World) -> None:
        self.world, self.server = world, world.server
        self.nominal = in_whole_minutes(self.server.now() + 3 * HOUR)
        self.soon, self.slot, self.later, self.ahead, self.ahead_slot = (
            self.nominal + hours * HOUR for hours in range(1, 6)
        )
        self.cases = {
            name: occur(world, self.nominal, dips={self.slot: 100.0})
            for name in (*_STOPPED, *_PUT_ELSEWHERE, "now")
        }
        for name in _AHEAD:
            self.cases[name] = occur(world, self.ahead, dips={self.ahead_slot: 100.0})
        self.cases["unmoved"].put_to(self.later)
        self.reports = [plan(self.server)]
        self._act_early()
        self._go_to(self.nominal + MINUTE)
        self._act()
        self._act_again()
        self._go_to(self.soon)
        for name in ("deleted", "cancelled", "cancelled_ahead", "now_ahead", "theirs"):
            self.cases[name].redeploy()
        self.reports += [plan(self.server), plan(self.server)]
        for moment in (self.slot, self.later, self.ahead, self.ahead_slot):
            self._go_to(moment)

    def _go_to(self, moment: datetime) -> None:
        """Let all that is due start, and then it be that moment."""
        wait_until_done(self.world)
        self.server.clock.move_to(moment)
        wait_until_done(self.world)

    def _act_early(self) -> None:
        """What people do before the nominal start."""
        cases = self.cases
        cases["now_ahead"].put_to(self.server.now())
        cases["theirs"].put_to(self.soon)
        cases["back"].put_to(self.ahead)
        cases["cancelled_ahead"].run().set_state(type="CANCELLING")
        cases["deleted_ahead"].delete_run()
        cases["deleted_ahead"].make_runs()
        self.reports.append(plan(self.server))

    def _act(self) -> None:
        """What people do while the runs wait past their nominal start."""
        cases = self.cases
        cases["deleted"].delete_run()
        cases["paused"].do("pause_deployment")
        off = cases["switched_off"]
        off.patch(f"/schedules/{off.schedule_id()}", active=False)
        cases["cancelled"].run().set_state(type="CANCELLING")
        self.server.call("DELETE", f"/deployments/{cases['gone'].deployment}")
        cases["put_back"].redeploy()
        cases["now"].put_to(self.server.now())
        cases["other_time"].put_to(self.later)
        self.reports.append(plan(self.server))

    def _act_again(self) -> None:
        """What happens to them afterwards, and makes nobody's terms undone."""
        cases = self.cases
        cases["put_back"].delete_run()
        cases["paused"].do("resume_deployment")
        on = cases["switched_off"]
        on.patch(f"/schedules/{on.schedule_id()}", active=True)
        for name in ("paused", "switched_off"):
            cases[name].make_runs()


@pytest.fixture(scope="module")
def fleet(world: World) -> Fleet:
    """All cases, on one server and over the same hours, to their end."""
    start_worker(world)
    return Fleet(world)


def _the_start(case: Occurrence) -> datetime:
    """When its only process started."""
    (start,) = case.starts()
    return start


def test_the_planner_had_moved_them(fleet: Fleet) -> None:
    """Before people act, all runs but the one that a person has put elsewhere move."""
    moved = {
        row.deployment for row in fleet.reports[0].outcomes if row.action is Action.MOVE
    }

    assert moved == {
        case.settings["name"] for name, case in fleet.cases.items() if name != "unmoved"
    }


@pytest.mark.parametrize("name", _STOPPED)
def test_what_a_person_stopped_never_starts(fleet: Fleet, name: str) -> None:
    """Deleted, paused, switched off or cancelled while it waits: also after a redeploy."""
    assert fleet.cases[name].starts() == []
    states = {row["state_name"] for row in fleet.cases[name].rows()}
    assert states <= {"Cancelled"}


def test_run_now(fleet: Fleet) -> None:
    """A run that a person starts during its wait starts at once, and only then."""
    assert fleet.nominal < _the_start(fleet.cases["now"]) < fleet.soon
    assert fleet.cases["now"].run().state() == "Completed"


@pytest.mark.parametrize("name", _PUT_ELSEWHERE)
def test_a_changed_start_time_holds(fleet: Fleet, name: str) -> None:
    """Where a person put a run, moved before or not, it starts, once."""
    case = fleet.cases[name]

    assert fleet.later - SECOND <= _the_start(case) < fleet.ahead
    assert case.run().state() == "Completed"
    assert row_of(fleet.reports[-1], case).reason == "overridden"


def test_back_at_the_nominal_start(fleet: Fleet) -> None:
    """A person may take a move back; the planner does not make it again."""
    case = fleet.cases["back"]

    assert fleet.ahead - SECOND <= _the_start(case) < fleet.ahead_slot
    assert row_of(fleet.reports[-1], case).reason == "overridden"


@pytest.mark.parametrize(("name", "end"), [("now_ahead", "nominal"), ("theirs", "slot")])
def test_started_early_by_a_person_and_then_redeployed(
    fleet: Fleet, name: str, end: str
) -> None:
    """What a person started before its nominal start does not run again at that."""
    case = fleet.cases[name]

    assert _the_start(case) < getattr(fleet, end)
    assert sorted(row["state_name"] for row in case.rows()) == ["Cancelled", "Completed"]


def test_cancelled_before_the_nominal_start_and_then_redeployed(fleet: Fleet) -> None:
    """A redeploy makes a cancelled occurrence anew; the planner cancels that one too."""
    case = fleet.cases["cancelled_ahead"]

    assert case.starts() == []
    assert {row["state_name"] for row in case.rows()} == {"Cancelled"}


def test_deleted_before_the_nominal_start(fleet: Fleet) -> None:
    """What Prefect makes anew for a deleted run is planned like any other, runs once."""
    case = fleet.cases["deleted_ahead"]

    assert _the_start(case) >= fleet.ahead_slot - SECOND
    assert case.run().state() == "Completed"


def test_nothing_is_put_back(fleet: Fleet) -> None:
    """All passes together put back nothing but what the redeploy had deleted."""
    rows = [row for report in fleet.reports for row in report.outcomes]
    back = [row.deployment for row in rows if row.action is Action.PUT_BACK]

    assert back == [fleet.cases["put_back"].settings["name"]]
    assert all(report.faults == 0 for report in fleet.reports)
