"""Reason codes are a contract: which situation gives which."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from typing import Any

import pytest

from carbonaware_prefect.core import (
    Budget,
    Decision,
    Forecast,
    Hours,
    Neighbours,
    Policy,
    Reason,
    decide,
    run_now,
)

UTC = timezone.utc
HOUR = timedelta(hours=1)
# Noon; the run takes one hour and may wait for six.
DUE = datetime(2026, 1, 10, 12, tzinfo=UTC)
FROM_TWO, FROM_NOON = (Hours(time(14), time(16)),), (Hours(time(12), time(14)),)
TIMEOUT = Budget(end=DUE + HOUR / 2, name="timeout_seconds=1800 of flow 'nightly'")


def falling() -> Forecast:
    """Each hour is cleaner than the one before."""
    first = DUE - 6 * HOUR
    points = [(first + i * HOUR, 500 - 10 * i) for i in range(24)]
    return Forecast.from_points(points, end=first + 24 * HOUR)


def rising() -> Forecast:
    """Each hour is dirtier than the one before."""
    first = DUE - 6 * HOUR
    points = [(first + i * HOUR, 100 + 10 * i) for i in range(24)]
    return Forecast.from_points(points, end=first + 24 * HOUR)


def unknown() -> Forecast:
    """Nothing is known but of yesterday."""
    return Forecast.from_points([(DUE - 24 * HOUR, 1)], end=DUE - 20 * HOUR)


SITUATIONS: list[tuple[str, Reason, bool, dict[str, Any]]] = [
    ("cleaner later", Reason.CLEANER_SLOT, True, {}),
    ("cleaner before due", Reason.CLEANER_SLOT, True,
     {"policy": {"earlier": 2 * HOUR}, "forecast": rising(), "now": -5}),
    ("late, cleaner later", Reason.CLEANER_SLOT, True, {"nominal": 3, "now": 3}),
    ("due in hours kept free", Reason.HOURS_KEPT_FREE, True,
     {"policy": {"not_between": FROM_NOON}, "forecast": rising()}),
    ("the run would reach hours kept free", Reason.HOURS_KEPT_FREE, True,
     {"policy": {"not_between": (Hours(time(12, 30), time(15)),)}}),
    ("hours kept free leave earlier starts alone", Reason.HOURS_KEPT_FREE, True,
     {"policy": {"not_between": (Hours(time(12), time(20)),), "earlier": 3 * HOUR},
      "now": -5}),
    ("late, in hours kept free", Reason.HOURS_KEPT_FREE, True,
     {"policy": {"not_between": FROM_TWO}, "nominal": 2, "now": 2}),
    ("would end too late", Reason.FINISH_BY, True,
     {"policy": {"earlier": 3 * HOUR, "finish_by": time(12, 30)}, "now": -5}),
    ("would end too late, after a while", Reason.FINISH_BY, True,
     {"policy": {"earlier": 3 * HOUR, "finish_by": HOUR / 2}, "now": -5}),
    ("would end too late, in hours kept free", Reason.FINISH_BY, True,
     {"policy": {"earlier": 3 * HOUR, "finish_by": time(12, 30),
                 "not_between": FROM_NOON}, "now": -5}),
    ("has time until finish-by, in hours kept free", Reason.HOURS_KEPT_FREE, True,
     {"policy": {"earlier": 3 * HOUR, "finish_by": time(20),
                 "not_between": FROM_NOON}, "now": -5}),
    ("cleanest now", Reason.CLEANEST_NOW, False, {"forecast": rising()}),
    ("cleanest until the next run is due", Reason.CLEANEST_NOW, False,
     {"forecast": rising(), "neighbours": Neighbours(following=DUE + HOUR)}),
    ("saves too little", Reason.SAVING_TOO_SMALL, False,
     {"policy": {"minimum_saving": 0.9}}),
    ("window passed", Reason.WINDOW_CLOSED, False, {"nominal": 7, "now": 7}),
    ("latest start passed", Reason.WINDOW_CLOSED, False,
     {"policy": {"latest_start": time(13)}, "nominal": 2, "now": 2}),
    ("finish-by passed", Reason.WINDOW_CLOSED, False,
     {"policy": {"finish_by": time(14)}, "nominal": 3, "now": 3}),
    ("next run was due", Reason.WINDOW_CLOSED, False,
     {"neighbours": Neighbours(following=DUE + HOUR), "nominal": 2, "now": 2}),
    ("a timeout leaves no wait", Reason.TIMEOUT_TOO_SHORT, False, {"budget": TIMEOUT}),
    ("finish-by before the first start", Reason.NO_ALLOWED_START, False,
     {"policy": {"finish_by": HOUR / 2}}),
    ("hours kept free all along", Reason.NO_ALLOWED_START, False,
     {"policy": {"not_between": (Hours(time(11), time(10)),)}}),
    ("nothing known", Reason.NO_FORECAST, False, {"forecast": unknown()}),
]  # fmt: skip
# They come from outside of the core, each with its own test where it is given.
OUTSIDE = {
    Reason.SLOT_REACHED,
    Reason.NO_PLACE,
    Reason.SOURCE_FAILED,
    Reason.INVALID_SETTING,
    Reason.OVERRIDDEN,
}


def decided(
    *,
    policy: dict[str, Any] | None = None,
    forecast: Forecast | None = None,
    now: float = 0,
    nominal: float = 0,
    **bounds: Any,
) -> Decision:
    """The decision at so many hours from due, for a run that would start then."""
    asked = {"window": 6 * HOUR, "duration": HOUR} | (policy or {})
    request = Policy(**asked).bind(DUE, nominal_start=DUE + nominal * HOUR, **bounds)
    return decide(request, forecast or falling(), DUE + now * HOUR)


@pytest.mark.parametrize(
    ("reason", "wait", "situation"),
    [situation[1:] for situation in SITUATIONS],
    ids=[situation[0] for situation in SITUATIONS],
)
def test_each_situation_has_its_code(
    reason: Reason, wait: bool, situation: dict[str, Any]
) -> None:
    """The table; a slot to wait for lies within what is allowed."""
    decision = decided(**situation)

    assert (decision.reason, decision.wait) == (reason, wait)
    if decision.wait:
        assert decision.slot is not None
        assert decision.request.allows(decision.slot.start)


def test_the_table_is_whole() -> None:
    """Every code comes from a situation of the table or from outside of the core."""
    assert set(Reason) == {situation[1] for situation in SITUATIONS} | OUTSIDE


def test_the_codes_are_stable() -> None:
    """Automations match these strings: a change breaks them."""
    assert {reason.value for reason in Reason} == {
        "cleaner_slot",
        "hours_kept_free",
        "finish_by",
        "cleanest_now",
        "saving_too_small",
        "slot_reached",
        "window_closed",
        "timeout_too_short",
        "no_allowed_start",
        "no_place",
        "no_forecast",
        "source_failed",
        "invalid_setting",
        "overridden",
    }


def test_a_run_that_has_to_end_in_time_says_so() -> None:
    """With `earlier` and `finish_by` and no hours kept free, these are not named."""
    decision = decided(
        policy={"earlier": 3 * HOUR, "finish_by": time(12, 30)}, forecast=rising(), now=-5
    )

    assert decision.sentence == (
        "Starting early enough to finish in time: 09:00-10:00 UTC, "
        "160 -> 130 gCO2/kWh (-19 %)"
    )


@pytest.mark.parametrize("reason", sorted(OUTSIDE, key=str))
def test_reasons_from_outside_start_the_run(reason: Reason) -> None:
    """None of them is one to wait."""
    request = Policy().bind(DUE)

    assert not run_now(request, reason, "so it is").wait
