"""A run that is later than due: what has passed has passed."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from carbonaware_prefect.core import Decision, Forecast, Hours, Policy, Reason, decide

UTC = timezone.utc
BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
# Five past nine in the evening, UTC.
DUE = datetime(2026, 1, 10, 21, 5, tzinfo=UTC)


def falling() -> Forecast:
    """Each hour is cleaner than the one before."""
    first = DUE - 12 * HOUR
    points = [(first + i * HOUR, 500 - 10 * i) for i in range(48)]
    return Forecast.from_points(points, end=first + 48 * HOUR)


def decided(late: timedelta, **policy: Any) -> Decision:
    """The decision for a run that was picked up so late."""
    now = DUE + late
    asked = {"window": 8 * HOUR, "duration": HOUR} | policy
    return decide(Policy(**asked).bind(DUE, UTC, nominal_start=now), falling(), now)


def test_the_window_counts_from_the_due_time() -> None:
    """Eight hours from five past nine end at five past five, whenever it is picked up."""
    decision = decided(3 * HOUR)

    assert decision.wait
    assert decision.slot is not None
    assert decision.slot.start == DUE + 8 * HOUR


def test_the_saving_counts_from_the_moment_it_would_have_started() -> None:
    """Who is picked up at midnight would have started then, not when it was due."""
    late, early = decided(3 * HOUR), decided(timedelta(0))

    assert late.request.nominal_start == DUE + 3 * HOUR
    assert early.request.nominal_start == DUE
    assert late.intensity_nominal is not None
    assert early.intensity_nominal is not None
    assert late.intensity_nominal < early.intensity_nominal


def test_a_window_that_has_passed_is_closed() -> None:
    """However clean later hours are; the sentence names the day where it is another."""
    decision = decided(5 * HOUR, window=HOUR)

    assert not decision.wait
    assert decision.reason is Reason.WINDOW_CLOSED
    assert decision.sentence == ("Starting now: the window closed at 2026-01-10 22:05 UTC")


@pytest.mark.parametrize("name", ["finish_by", "latest_start"])
@pytest.mark.parametrize("bound", [time(23), timedelta(hours=1, minutes=55)])
def test_a_bound_that_has_passed_has_passed(name: str, bound: time | timedelta) -> None:
    """Eleven in the evening does not become tomorrow's at midnight."""
    decision = decided(3 * HOUR, **{name: bound})

    assert decision.reason is Reason.WINDOW_CLOSED
    assert not decision.wait


def test_a_bound_that_lies_ahead_still_holds() -> None:
    """Seven in the morning is the next one after the due time, for a late run too."""
    decision = decided(3 * HOUR, window=24 * HOUR, finish_by=time(7))

    assert decision.slot is not None
    assert decision.slot.end == datetime(2026, 1, 11, 7, tzinfo=UTC)


def test_hours_that_are_over_when_it_is_late() -> None:
    """What the due time would have met is no matter to a run that is picked up after."""
    decision = decided(3 * HOUR, window=4 * HOUR, not_between=(Hours(time(21), time(23)),))

    assert decision.reason is Reason.CLEANER_SLOT
    assert decision.slot is not None
    assert decision.slot.start == DUE + 4 * HOUR


def test_bounds_count_from_the_due_time_in_local_time() -> None:
    """Half past ten in Berlin is half past nine in UTC: twenty-five minutes after due."""
    request = Policy(window=12 * HOUR, latest_start=time(22, 30)).bind(
        DUE, BERLIN, nominal_start=DUE + 6 * HOUR
    )

    assert request.latest_start == DUE + timedelta(minutes=25)
    assert request.nominal_start == DUE + 6 * HOUR
