"""From a policy to the starts that it allows."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from carbonaware_prefect.core import Forecast, Hours, Policy, Reason, Request, decide
from carbonaware_prefect.errors import InvalidInputError

UTC = timezone.utc
BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
# Ten in the evening in Berlin.
NOMINAL = datetime(2026, 1, 10, 21, tzinfo=UTC)


def bound(**policy: Any) -> Request:
    """The request of a one-hour run with this policy."""
    return Policy(**({"window": 12 * HOUR, "duration": HOUR} | policy)).bind(
        NOMINAL, BERLIN
    )


def hourly(first: datetime, *values: float) -> Forecast:
    """One value an hour."""
    points = [(first + i * HOUR, value) for i, value in enumerate(values)]
    return Forecast.from_points(points, end=first + len(values) * HOUR)


@pytest.mark.parametrize(
    ("policy", "latest"),
    [
        ({}, 12),
        ({"latest_start": time(5)}, 7),
        ({"latest_start": 3 * HOUR}, 3),
        ({"finish_by": time(7)}, 8),
        ({"finish_by": 5 * HOUR}, 4),
        ({"finish_by": time(7), "latest_start": time(3)}, 5),
        ({"finish_by": time(7), "window": 2 * HOUR}, 2),
        ({"finish_by": time(7), "time_zone": UTC}, 9),
    ],
)
def test_the_tightest_limit_holds(policy: dict[str, Any], latest: int) -> None:
    """Window, latest start and finish-by each bound the start."""
    request = bound(**policy)

    assert request.earliest == NOMINAL
    assert request.latest_start == NOMINAL + latest * HOUR


def test_earlier_opens_the_window_before_nominal() -> None:
    """A margin before the nominal start counts from it."""
    assert bound(earlier=2 * HOUR).earliest == NOMINAL - 2 * HOUR


def test_times_of_day_are_utc_without_a_zone() -> None:
    """Nobody named a time zone: UTC."""
    request = Policy(window=12 * HOUR, duration=HOUR, finish_by=time(7)).bind(NOMINAL)

    assert request.latest_start == NOMINAL + 9 * HOUR


def test_hours_kept_free_cut_the_window() -> None:
    """Midnight to three is free of runs: starts before eleven and from three on."""
    request = bound(not_between=(Hours(time(0), time(3)),))

    assert request.starts == (
        (NOMINAL, NOMINAL + HOUR),
        (NOMINAL + 5 * HOUR, NOMINAL + 12 * HOUR),
    )
    assert request.allows(NOMINAL + HOUR)
    assert not request.allows(NOMINAL + 2 * HOUR)
    assert request.starts_from(NOMINAL + 6 * HOUR) == (
        (NOMINAL + 6 * HOUR, NOMINAL + 12 * HOUR),
    )


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        (
            {"finish_by": time(22, 30)},
            (
                "Starting at its nominal time 21:00 UTC: a run of 1:00:00 that has to end "
                "by 2026-01-10 22:30 CET would have to start before its first allowed start"
            ),
        ),
        (
            {"not_between": (Hours(time(20), time(19)),)},
            (
                "Starting at its nominal time 21:00 UTC: no start in its window keeps "
                "20:00-19:00 free for a run of 1:00:00"
            ),
        ),
    ],
)
def test_no_allowed_start(policy: dict[str, Any], sentence: str) -> None:
    """Limits that contradict one another leave the nominal start, and say so."""
    request = bound(**({"window": 2 * HOUR} | policy))
    now = NOMINAL - HOUR

    decision = decide(request, hourly(now, *[100.0] * 9), now)

    assert request.starts == ()
    assert not decision.wait
    assert decision.reason is Reason.NO_ALLOWED_START
    assert decision.sentence == sentence


@pytest.mark.parametrize(
    "policy",
    [
        {"earlier": -HOUR},
        {"earlier": 1},
        {"latest_start": "05:00"},
        {"latest_start": timedelta(0)},
        {"finish_by": time(7, tzinfo=UTC)},
        {"minimum_saving": 1},
        {"minimum_saving": -0.1},
        {"minimum_saving": "2%"},
        {"minimum_saving": True},
    ],
)
def test_bad_limits_are_refused(policy: dict[str, Any]) -> None:
    """Where the policy is made, with what was given."""
    with pytest.raises(InvalidInputError, match="got"):
        Policy(**policy)


def test_a_limit_out_of_the_calendar() -> None:
    """As for a window that never ends."""
    with pytest.raises(InvalidInputError):
        bound(finish_by=timedelta.max)


def test_an_earlier_start_is_taken_when_it_is_cleaner() -> None:
    """The run starts before its nominal time, and the sentence says so."""
    now = NOMINAL - 3 * HOUR

    decision = decide(bound(earlier=2 * HOUR), hourly(now, 300, 100, *[200.0] * 15), now)

    assert decision.wait
    assert decision.slot is not None
    assert decision.slot.start == NOMINAL - 2 * HOUR
    assert decision.sentence == (
        "Starting before 21:00 UTC is cleaner: 19:00-20:00 UTC, 200 -> 100 gCO2/kWh (-50 %)"
    )


def test_of_equal_starts_the_nominal_one_wins() -> None:
    """An earlier start that is as clean gains nothing."""
    now = NOMINAL - 3 * HOUR

    decision = decide(bound(earlier=2 * HOUR), hourly(now, *[200.0] * 17), now)

    assert not decision.wait
    assert decision.reason is Reason.CLEANEST_NOW
    assert decision.slot is not None
    assert decision.slot.start == NOMINAL
    assert decision.sentence.startswith("Starting at its nominal time 21:00 UTC: no start")


@pytest.mark.parametrize(("other", "wait"), [(98.1, False), (98.0, True)])
def test_a_saving_below_the_minimum_moves_nothing(other: float, wait: bool) -> None:
    """Two per cent is enough, less is not."""
    request = bound(window=2 * HOUR, minimum_saving=0.02)

    decision = decide(request, hourly(NOMINAL, 100, other, 100), NOMINAL)

    assert decision.wait is wait
    if not wait:
        assert decision.reason is Reason.SAVING_TOO_SMALL
        assert decision.slot is not None
        assert decision.slot.start == NOMINAL
        assert decision.sentence == (
            "Starting now: 22:00 UTC would save 1.9 %, less than the minimum saving of 2 %"
        )


def test_a_minimum_saving_means_nothing_against_zero() -> None:
    """Where the nominal mean is not positive any cleaner slot is taken."""
    request = bound(window=2 * HOUR, minimum_saving=0.5)

    assert decide(request, hourly(NOMINAL, 0, -1, 0), NOMINAL).wait


def test_a_nominal_start_in_hours_kept_free_is_left() -> None:
    """Also for a slot that is less clean: these hours are not for this run."""
    request = bound(not_between=(Hours(time(22), time(0)),), minimum_saving=0.9)

    decision = decide(request, hourly(NOMINAL, *range(100, 120)), NOMINAL)

    assert decision.wait
    assert decision.reason is Reason.HOURS_KEPT_FREE
    assert decision.slot is not None
    assert decision.slot.start == NOMINAL + 2 * HOUR
    assert decision.sentence == (
        "Waiting for the cleanest start outside of the hours kept free: "
        "23:00-00:00 UTC, 100 -> 102 gCO2/kWh (+2 %)"
    )


@pytest.mark.parametrize(
    ("policy", "local"),
    [
        ({}, False),
        ({"finish_by": 5 * HOUR}, False),
        ({"finish_by": time(7)}, True),
        ({"latest_start": time(5)}, True),
        ({"not_between": (Hours(time(8), time(18)),)}, True),
        ({"finish_by": time(7), "time_zone": UTC}, False),
    ],
)
def test_times_of_day_need_a_time_zone(policy: dict[str, Any], local: bool) -> None:
    """Only they do, and only where the policy names none."""
    assert Policy(**policy).is_local() is local
