"""What bounds a decision beside its policy: due time, next run, time-outs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from carbonaware_prefect.core import Budget, Decision, Forecast, Interval, Reason, Signal
from carbonaware_prefect.delay.choice import choose
from carbonaware_prefect.policies.given import given_in_call
from tests.delay.test_choice import HOUR, NOON

MINUTE = timedelta(minutes=1)
BUDGET = Budget(end=NOON + HOUR, name="timeout_seconds=3600 of flow 'nightly'")


class Counting:
    """A source that falls for a day, and counts how often it is asked."""

    name = "counting"
    signal: Signal = "average"

    def __init__(self) -> None:
        self.asked = 0

    def fetch(self, zone: str | None, interval: Interval) -> Forecast:
        self.asked += 1
        points = [(NOON + i * 10 * MINUTE, 900 - 6 * i) for i in range(144)]
        return Forecast.from_points(points, end=NOON + 24 * HOUR, source=self.name)


class Schedule:
    """Says when the next run is due, and how often it was asked."""

    def __init__(self, due: datetime | None) -> None:
        self.due = due
        self.asked = 0

    def next_due(self) -> datetime | None:
        self.asked += 1
        return self.due


def decided(late: timedelta = timedelta(0), **bounds: Any) -> Decision:
    """The decision for a run that is due at noon."""
    given = given_in_call(window=3 * HOUR, zone="DE", source=Counting(), minimum_saving=0.0)
    return choose(given, due=NOON, now=NOON + late, **bounds)


def test_the_window_counts_from_the_due_time() -> None:
    """An hour late, two of its three hours are left; the baseline is now."""
    decision = decided(HOUR)

    assert decision.slot is not None
    assert decision.slot.start == NOON + 3 * HOUR
    assert decision.request.nominal_start == NOON + HOUR


def test_a_window_that_has_passed_since_the_due_time() -> None:
    """Four hours late the run starts, and says when its window closed."""
    decision = decided(4 * HOUR)

    assert decision.reason is Reason.WINDOW_CLOSED
    assert decision.sentence == "Starting now: the window closed at 15:00 UTC"


def test_the_next_run_of_the_schedule_bounds_a_wait() -> None:
    """The cleanest start lies beyond it, so another one is chosen, with the reason."""
    decision = decided(next_due=Schedule(NOON + HOUR).next_due)

    assert decision.slot is not None
    assert decision.slot.start == NOON + HOUR
    assert "(no start after 13:00 UTC: the next run of its schedule is due then)" in (
        decision.sentence
    )


@pytest.mark.parametrize("due", [None, NOON + 3 * HOUR, NOON + 9 * HOUR])
def test_a_next_run_that_bounds_nothing(due: datetime | None) -> None:
    """Later than the window, or none at all, it changes nothing."""
    assert decided(next_due=Schedule(due).next_due).sentence == decided().sentence


def test_overtaking_can_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nobody even asks when the next run is due."""
    monkeypatch.setenv("CARBONAWARE_OVERTAKE", "1")
    schedule = Schedule(NOON + HOUR)

    assert decided(next_due=schedule.next_due).slot == decided().slot
    assert schedule.asked == 0


def test_a_run_that_starts_now_asks_for_no_next_one() -> None:
    """It costs a call to the API."""
    schedule = Schedule(NOON + HOUR)
    decided(4 * HOUR, next_due=schedule.next_due)

    assert schedule.asked == 0


def test_a_budget_bounds_a_wait() -> None:
    """Of the hour, half is for the work."""
    decision = decided(budget=BUDGET)

    assert decision.slot is not None
    assert decision.slot.end == NOON + HOUR
    assert "would not end within timeout_seconds=3600 of flow 'nightly')" in (
        decision.sentence
    )


def test_a_budget_that_leaves_nothing_starts_the_run() -> None:
    """With a reason of its own."""
    decision = decided(40 * MINUTE, budget=BUDGET)

    assert not decision.wait
    assert decision.reason is Reason.TIMEOUT_TOO_SHORT


def test_the_tighter_of_next_run_and_budget_holds() -> None:
    """Whichever it is."""
    soon, later = Schedule(NOON + 10 * MINUTE), Schedule(NOON + 2 * HOUR)
    first = decided(next_due=soon.next_due, budget=BUDGET)
    second = decided(next_due=later.next_due, budget=BUDGET)

    assert first.slot is not None
    assert second.slot is not None
    assert first.slot.start == NOON + 10 * MINUTE
    assert second.slot.start == NOON + 30 * MINUTE


def test_bounds_that_the_choice_keeps_ask_no_source_twice() -> None:
    """Only a slot that is not allowed makes it decide anew."""
    source = Counting()
    given = given_in_call(window=30 * MINUTE, zone="DE", source=source)
    choose(given, due=NOON, now=NOON, next_due=lambda: NOON + HOUR, budget=BUDGET)

    assert source.asked == 1
