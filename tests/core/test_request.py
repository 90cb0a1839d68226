"""What bounds a run beside its policy: its neighbours, and what a wait is charged to."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest

from carbonaware_prefect.core import (
    Budget,
    Forecast,
    Hours,
    Neighbours,
    Policy,
    Reason,
    Request,
    decide,
)
from carbonaware_prefect.errors import InvalidInputError

UTC = timezone.utc
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DUE = datetime(2026, 1, 10, 12, tzinfo=UTC)


def bound(
    *,
    previous: timedelta | None = None,
    following: timedelta | None = None,
    budget: timedelta | None = None,
    **policy: Any,
) -> Request:
    """The request of a half-hour run; all moments from its due time on."""
    neighbours = Neighbours(
        previous=None if previous is None else DUE + previous,
        following=None if following is None else DUE + following,
    )
    asked = {"window": 6 * HOUR, "duration": 30 * MINUTE} | policy
    return Policy(**asked).bind(
        DUE,
        neighbours=neighbours,
        budget=None
        if budget is None
        else Budget(end=DUE + budget, name="timeout_seconds=60 of flow 'nightly'"),
    )


def falling() -> Forecast:
    """Each quarter of an hour is cleaner than the one before."""
    points = [(DUE - 6 * HOUR + i * 15 * MINUTE, 900 - i) for i in range(100)]
    return Forecast.from_points(points, end=DUE + 19 * HOUR)


def test_a_run_starts_before_the_next_one_is_due() -> None:
    """Every quarter of an hour with a window of six hours: fifteen minutes are left."""
    decision = decide(bound(following=15 * MINUTE), falling(), DUE)

    assert decision.slot is not None
    assert decision.slot.start == DUE + 15 * MINUTE
    assert decision.sentence.endswith(
        " (no start after 12:15 UTC: the next run of its schedule is due then)"
    )


def test_a_window_shorter_than_the_interval_is_all_there() -> None:
    """And nothing is said about a bound that bounds nothing."""
    request = bound(following=6 * HOUR)

    assert request == bound()
    assert request.ends_because is None


def test_nothing_cleaner_before_the_next_one_is_due() -> None:
    """The sentence says why it looked no further."""
    rising = Forecast.from_points([(DUE, 100), (DUE + HOUR, 200)], end=DUE + 9 * HOUR)

    decision = decide(bound(following=15 * MINUTE), rising, DUE)

    assert decision.reason is Reason.CLEANEST_NOW
    assert decision.sentence == (
        "Starting now: no start until 12:15 UTC is cleaner than 100 gCO2/kWh "
        "(no start after 12:15 UTC: the next run of its schedule is due then)"
    )


def test_too_small_a_saving_before_the_next_one_is_due() -> None:
    """Likewise."""
    decision = decide(bound(following=15 * MINUTE, minimum_saving=0.5), falling(), DUE)

    assert decision.reason is Reason.SAVING_TOO_SMALL
    assert decision.sentence.endswith("the next run of its schedule is due then)")


def test_picked_up_after_the_next_one_was_due() -> None:
    """Then it starts at once, and says why its window is over."""
    decision = decide(bound(following=15 * MINUTE), falling(), DUE + HOUR)

    assert decision.reason is Reason.WINDOW_CLOSED
    assert decision.sentence == (
        "Starting now: the window closed at 12:15 UTC "
        "(the next run of its schedule is due then)"
    )


def test_runs_that_may_start_earlier_share_the_time() -> None:
    """From the due time before to where the next one's share begins; none overlap."""
    request = bound(previous=-HOUR, following=HOUR, earlier=20 * MINUTE)

    assert (request.earliest, request.latest_start) == (
        DUE - 20 * MINUTE,
        DUE + 40 * MINUTE,
    )
    assert request.ends_because == "the next run of its schedule may start then"


def test_a_run_waits_for_the_due_time_of_the_one_before() -> None:
    """However much earlier it may start."""
    request = bound(previous=-HOUR, following=HOUR, earlier=5 * HOUR)

    assert (request.earliest, request.latest_start) == (DUE - HOUR, DUE)


@pytest.mark.parametrize("earlier", [timedelta(0), 20 * MINUTE, HOUR, 3 * HOUR])
@pytest.mark.parametrize("window", [30 * MINUTE, 12 * HOUR])
def test_runs_of_a_schedule_keep_their_order(earlier: timedelta, window: timedelta) -> None:
    """No run can start after one that is due later, wherever both start."""
    policy = Policy(window=window, earlier=earlier)
    dues = [DUE + i * HOUR for i in range(8)]
    requests = [
        policy.bind(due, neighbours=Neighbours(previous=before, following=after))
        for before, due, after in zip(dues, dues[1:], dues[2:], strict=False)
    ]

    for one, other in pairwise(requests):
        assert one.latest_start <= other.earliest
        assert one.allows(one.nominal_start)


def test_hours_kept_free_are_stronger_than_the_order() -> None:
    """Where no start is left before the next one is due, the first after the hours is."""
    request = bound(
        following=HOUR, window=12 * HOUR, not_between=(Hours(time(8), time(18)),)
    )

    assert request.starts == ((DUE + 6 * HOUR, DUE + 6 * HOUR),)
    assert request.ends_because is None
    assert decide(request, falling(), DUE).reason is Reason.HOURS_KEPT_FREE


def test_a_finish_by_is_stronger_than_the_order() -> None:
    """A run that has to end before the one before it is due starts as late as it may."""
    request = bound(previous=-HOUR, earlier=5 * HOUR, finish_by=timedelta(minutes=1))
    early = bound(previous=-10 * MINUTE, earlier=5 * HOUR, finish_by=timedelta(minutes=1))

    assert request.earliest == DUE - HOUR
    assert early.starts == ((DUE - 29 * MINUTE, DUE - 29 * MINUTE),)


def test_a_conflict_stays_a_conflict() -> None:
    """A policy that allows nothing allows nothing between neighbours, or in a budget."""
    request = bound(following=HOUR, budget=5 * HOUR, finish_by=timedelta(minutes=10))

    assert request.starts == ()
    assert request.conflict_reason is Reason.NO_ALLOWED_START


def test_a_wait_fits_into_its_budget() -> None:
    """Of an hour, half an hour of work leaves half an hour to wait."""
    decision = decide(bound(budget=HOUR), falling(), DUE)

    assert decision.slot is not None
    assert decision.slot.start == DUE + 30 * MINUTE
    assert decision.sentence.endswith(
        " (no start after 12:30 UTC: a later one would not end within "
        "timeout_seconds=60 of flow 'nightly')"
    )


def test_a_budget_that_the_work_needs_itself() -> None:
    """Nothing is left to wait: the run starts, and says why."""
    decision = decide(bound(budget=10 * MINUTE), falling(), DUE)

    assert not decision.wait
    assert decision.reason is Reason.TIMEOUT_TOO_SHORT
    assert decision.sentence == (
        "Starting now: timeout_seconds=60 of flow 'nightly' leaves no time to wait for "
        "a run of 0:30:00"
    )


def test_a_budget_inside_hours_kept_free() -> None:
    """A run that cannot wait until they are over starts rather than never."""
    request = bound(budget=HOUR, not_between=(Hours(time(8), time(18)),), window=9 * HOUR)

    assert decide(request, falling(), DUE).reason is Reason.TIMEOUT_TOO_SHORT


def test_a_budget_with_seconds_says_them() -> None:
    """Where a minute is long they matter."""
    decision = decide(bound(budget=31 * MINUTE + timedelta(seconds=5)), falling(), DUE)

    assert "(no start after 12:01:05 UTC: " in decision.sentence


def test_a_large_budget_changes_nothing() -> None:
    """Nor is anything said about it."""
    assert bound(budget=timedelta(days=2)) == bound()


def test_a_closed_window_is_no_matter_of_budgets() -> None:
    """Late beyond its window a run starts because of that."""
    late = Policy(window=HOUR).bind(
        DUE,
        nominal_start=DUE + 2 * HOUR,
        budget=Budget(end=DUE + 2 * HOUR, name="timeout_seconds=1 of flow 'nightly'"),
    )

    assert decide(late, falling(), DUE + 2 * HOUR).reason is Reason.WINDOW_CLOSED


def test_moments_have_to_be_aware() -> None:
    """The refusal names the moment."""
    naive = DUE.replace(tzinfo=None)

    with pytest.raises(InvalidInputError, match=r"^previous is naive"):
        Neighbours(previous=naive)
    with pytest.raises(InvalidInputError, match=r"^following is naive"):
        Neighbours(following=naive)
    with pytest.raises(InvalidInputError, match=r"^end is naive"):
        Budget(end=naive, name="")
    with pytest.raises(InvalidInputError, match=r"^nominal_start is naive"):
        Policy().bind(DUE, nominal_start=naive)


def test_a_start_may_be_rounded() -> None:
    """A server keeps a start to the second or so."""
    request = bound(following=15 * MINUTE)
    almost = DUE - timedelta(milliseconds=400)

    assert not request.allows(almost)
    assert request.allows(almost, within=timedelta(seconds=1))
