from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from carbonaware_prefect.core import (
    Decision,
    Forecast,
    Policy,
    Reason,
    Request,
    Slot,
    decide,
    run_now,
    wait_for,
)
from carbonaware_prefect.errors import InvalidInputError

UTC = timezone.utc
BERLIN = ZoneInfo("Europe/Berlin")
T0 = datetime(2026, 1, 1, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hourly(*values: float, **names: Any) -> Forecast:
    """One value an hour from T0."""
    points = [(T0 + i * HOUR, value) for i, value in enumerate(values)]
    return Forecast.from_points(points, end=T0 + len(values) * HOUR, **names)


def request(**changes: Any) -> Request:
    """Four hours to wait, one hour of work, from T0."""
    names: dict[str, Any] = {"window": 4 * HOUR, "duration": HOUR, "zone": "DE"}
    return Policy(**{**names, **changes}).bind(T0)


def decision(mean: float | None, nominal: float | None) -> Decision:
    """A decision with these two means."""
    slot = None if mean is None else Slot(T0, T0 + HOUR, mean)
    return Decision(
        wait=False,
        reason=Reason.CLEANEST_NOW,
        sentence="",
        request=request(),
        slot=slot,
        intensity_nominal=nominal,
    )


def test_policy_defaults() -> None:
    """Six hours to wait, half an hour of work, moves from two minutes on."""
    assert Policy() == Policy(
        window=timedelta(hours=6),
        duration=timedelta(minutes=30),
        zone=None,
        minimum_wait=timedelta(minutes=2),
    )


@pytest.mark.parametrize("name", ["window", "duration"])
@pytest.mark.parametrize("span", [timedelta(0), -HOUR])
def test_policy_spans_must_be_positive(name: str, span: timedelta) -> None:
    """No window and no duration is empty or negative."""
    spans: dict[str, Any] = {name: span}

    with pytest.raises(InvalidInputError) as caught:
        Policy(**spans)

    assert str(caught.value) == (
        f"{name} must be positive, got {span}; e.g. timedelta(hours=6)"
    )


@pytest.mark.parametrize("name", ["window", "duration"])
@pytest.mark.parametrize("stranger", [6, 6.0, "6h", None, True])
def test_policy_spans_must_be_timedeltas(name: str, stranger: Any) -> None:
    """A number says no unit, so it is refused."""
    with pytest.raises(InvalidInputError) as caught:
        Policy(**{name: stranger})

    assert str(caught.value) == (
        f"{name} must be a timedelta, got {stranger!r}; e.g. timedelta(hours=6)"
    )


@pytest.mark.parametrize("wait", [-HOUR, 2, None])
def test_minimum_wait_must_not_be_negative(wait: Any) -> None:
    """The least wait is a timedelta, zero included."""
    with pytest.raises(InvalidInputError) as caught:
        Policy(minimum_wait=wait)

    assert str(caught.value) == (
        f"minimum_wait must be a timedelta that is not negative, got {wait!r}"
    )
    assert Policy(minimum_wait=timedelta(0)).minimum_wait == timedelta(0)


def test_policy_binds_to_a_moment() -> None:
    """The window runs from the due time, in UTC."""
    bound = Policy(window=2 * HOUR, duration=HOUR, zone="DE").bind(
        datetime(2026, 1, 1, 23, tzinfo=BERLIN)
    )

    assert bound == Request(
        nominal_start=T0, earliest=T0, latest_start=T0 + 2 * HOUR, duration=HOUR, zone="DE"
    )
    assert bound.nominal_start.tzinfo is UTC


def test_policy_window_is_real_time() -> None:
    """Six hours on the short day end seven hours later on the wall clock."""
    bound = Policy().bind(datetime(2026, 3, 29, 0, tzinfo=BERLIN))

    assert bound.latest_start == datetime(2026, 3, 29, 7, tzinfo=BERLIN)


def test_policy_needs_an_aware_moment() -> None:
    """A naive due time is refused."""
    with pytest.raises(InvalidInputError, match="due is naive"):
        Policy().bind(datetime(2026, 1, 1))  # noqa: DTZ001


def test_window_beyond_the_calendar_is_refused() -> None:
    """A window that ends after year 9999 is refused, not an OverflowError."""
    with pytest.raises(InvalidInputError) as caught:
        Policy(window=timedelta(days=9_999_999)).bind(T0)

    assert str(caught.value) == (
        "a window of 9999999 days, 0:00:00 from 2026-01-01T22:00:00+00:00 never ends"
    )


def test_request_stores_utc() -> None:
    """Whatever zone goes in, UTC is kept."""
    local = T0.astimezone(BERLIN)

    bound = Request(
        nominal_start=local, earliest=local, latest_start=local, duration=HOUR, zone=None
    )

    assert bound.nominal_start.tzinfo is UTC
    assert bound.earliest.tzinfo is UTC
    assert bound.latest_start.tzinfo is UTC


@pytest.mark.parametrize("name", ["nominal_start", "earliest", "latest_start"])
def test_request_names_its_naive_moment(name: str) -> None:
    """The refusal says which moment is naive."""
    names = ("nominal_start", "earliest", "latest_start")
    moments: dict[str, Any] = dict.fromkeys(names, T0)
    moments[name] = T0.replace(tzinfo=None)

    with pytest.raises(InvalidInputError, match=f"^{name} is naive"):
        Request(**moments, duration=HOUR, zone=None)


def test_request_needs_a_positive_duration() -> None:
    """Work takes time."""
    with pytest.raises(InvalidInputError, match="duration must be positive, got 0:00:00"):
        Request(
            nominal_start=T0,
            earliest=T0,
            latest_start=T0,
            duration=timedelta(0),
            zone=None,
        )


def test_request_window_must_not_run_backwards() -> None:
    """The last start may not lie before the first."""
    with pytest.raises(InvalidInputError) as caught:
        Request(
            nominal_start=T0, earliest=T0, latest_start=T0 - HOUR, duration=HOUR, zone=None
        )

    assert str(caught.value) == (
        "latest_start 2026-01-01T21:00:00+00:00 lies before "
        "earliest 2026-01-01T22:00:00+00:00"
    )


def test_cleaner_slot_is_waited_for() -> None:
    """A cleaner slot ahead is waited for, with both means and the saving."""
    forecast = hourly(212, 200, 138, 180, 190, zone="DE", source="file")

    found = decide(request(), forecast, T0)

    assert found == Decision(
        wait=True,
        reason=Reason.CLEANER_SLOT,
        sentence=(
            "Waiting for cleaner electricity: 00:00-01:00 UTC, "
            "212 -> 138 gCO2/kWh (-35 %), zone DE"
        ),
        request=request(),
        slot=Slot(T0 + 2 * HOUR, T0 + 3 * HOUR, 138.0),
        intensity_nominal=212.0,
        source="file",
        signal="average",
    )
    assert found.intensity_slot == 138.0
    assert found.saving == 1 - 138 / 212


def test_cleanest_now_starts() -> None:
    """Where no later start is cleaner the run starts, and the sentence says so."""
    found = decide(request(), hourly(100, 200, 300, signal="marginal"), T0)

    assert found == Decision(
        wait=False,
        reason=Reason.CLEANEST_NOW,
        sentence=(
            "Starting now: no start until 02:00 UTC is cleaner than 100 gCO2/kWh, zone DE"
        ),
        request=request(),
        slot=Slot(T0, T0 + HOUR, 100.0),
        intensity_nominal=100.0,
        signal="marginal",
    )
    assert found.saving == 0.0


def test_equal_later_slot_is_not_waited_for() -> None:
    """A wait needs a slot that is strictly cleaner."""
    assert not decide(request(), hourly(100, 100, 100, 100, 100), T0).wait


def test_sentences_leave_an_unknown_zone_out() -> None:
    """Without a zone the sentence names none."""
    waiting = decide(request(zone=None), hourly(200, 100), T0)
    starting = decide(request(zone=None), hourly(100, 200), T0)

    assert waiting.sentence == (
        "Waiting for cleaner electricity: 23:00-00:00 UTC, 200 -> 100 gCO2/kWh (-50 %)"
    )
    assert starting.sentence == (
        "Starting now: no start until 02:00 UTC is cleaner than 100 gCO2/kWh"
    )


def test_starts_before_now_are_no_candidates() -> None:
    """What is past cannot be chosen, and the baseline stays the nominal start."""
    found = decide(request(), hourly(100, 50, 200, 80), T0 + 2 * HOUR)

    assert found.slot == Slot(T0 + 3 * HOUR, T0 + 4 * HOUR, 80.0)
    assert found.intensity_nominal == 100.0
    assert found.sentence == (
        "Waiting for cleaner electricity: 01:00-02:00 UTC, "
        "100 -> 80 gCO2/kWh (-20 %), zone DE"
    )


def test_now_may_lie_before_the_window() -> None:
    """Decided ahead of the nominal start, the whole window is open."""
    found = decide(request(), hourly(200, 100, 300), T0 - 24 * HOUR)

    assert found.wait
    assert found.slot == Slot(T0 + HOUR, T0 + 2 * HOUR, 100.0)


def test_now_in_another_time_zone() -> None:
    """The present may be given in any zone."""
    forecast = hourly(200, 100, 300)

    assert decide(request(), forecast, T0.astimezone(BERLIN)) == decide(
        request(), forecast, T0
    )


def test_now_must_be_aware() -> None:
    """A naive present is refused."""
    with pytest.raises(InvalidInputError, match="now is naive"):
        decide(request(), hourly(1), T0.replace(tzinfo=None))


def test_closed_window_starts() -> None:
    """After the latest start the run starts, however clean later hours are."""
    found = decide(request(), hourly(200, 100), T0 + 4 * HOUR + timedelta(seconds=1))

    assert found == Decision(
        wait=False,
        reason=Reason.WINDOW_CLOSED,
        sentence="Starting now: the window closed at 02:00 UTC",
        request=request(),
        intensity_nominal=200.0,
        signal="average",
    )
    assert found.saving is None
    assert found.intensity_slot is None


def test_window_is_open_at_its_very_end() -> None:
    """The latest start itself is still allowed."""
    found = decide(request(), hourly(1, 2, 3, 4, 5), T0 + 4 * HOUR)

    assert found.reason is Reason.CLEANEST_NOW


def test_missing_forecast_is_an_answer() -> None:
    """Without a whole slot the run starts, and the sentence says what was missing."""
    found = decide(request(duration=3 * HOUR), hourly(200, 100), T0)

    assert found == Decision(
        wait=False,
        reason=Reason.NO_FORECAST,
        sentence=(
            "Starting now: no forecast for a whole slot of 3:00:00 starting between "
            "2026-01-01T22:00:00+00:00 and 2026-01-02T02:00:00+00:00: the forecast covers "
            "2026-01-01T22:00:00+00:00 to 2026-01-02T00:00:00+00:00. "
            "Take a shorter duration or window, or a source that looks further ahead"
        ),
        request=request(duration=3 * HOUR),
        signal="average",
    )


def test_forecast_that_starts_late() -> None:
    """Where the nominal start is unknown the best known slot is taken, without a saving."""
    forecast = Forecast.from_points(
        [(T0 + HOUR, 150), (T0 + 2 * HOUR, 90)], end=T0 + 9 * HOUR
    )

    found = decide(request(), forecast, T0)

    assert found.wait
    assert found.intensity_nominal is None
    assert found.saving is None
    assert found.sentence == (
        "Waiting for cleaner electricity: 00:00-01:00 UTC, 90 gCO2/kWh "
        "(the forecast does not cover a run at the nominal start), zone DE"
    )


def test_gap_at_the_nominal_start() -> None:
    """A gap that a run at the nominal start would meet leaves the baseline unknown."""
    half = HOUR / 2
    forecast = Forecast.from_intervals(
        [(T0 - HOUR, T0 + half, 10), (T0 + HOUR, T0 + 3 * HOUR, 90)]
    )

    found = decide(request(), forecast, T0)

    assert found.slot == Slot(T0 + HOUR, T0 + 2 * HOUR, 90.0)
    assert found.intensity_nominal is None
    assert "(the forecast does not cover a run at the nominal start)" in found.sentence


@pytest.mark.parametrize(("nominal", "slot"), [(0, -50), (-10, -50)])
def test_sentence_without_a_ratio(nominal: float, slot: float) -> None:
    """Against a zero or negative baseline both means are told, and no percentage."""
    found = decide(request(), hourly(nominal, slot), T0)

    assert found.saving is None
    assert found.sentence == (
        "Waiting for cleaner electricity: 23:00-00:00 UTC, "
        f"{nominal} -> {slot} gCO2/kWh, zone DE"
    )


@pytest.mark.parametrize(
    ("slot", "nominal", "saving"),
    [
        (50, 200, 0.75),
        (200, 200, 0.0),
        (250, 200, -0.25),
        (0, 200, 1.0),
        (-50, 200, 1.25),
        (50, 0, None),
        (-50, -10, None),
        (50, None, None),
        (None, 200, None),
        (None, None, None),
    ],
)
def test_saving(slot: float | None, nominal: float | None, saving: float | None) -> None:
    """The saving is told against a known, positive baseline, and else unknown."""
    assert decision(slot, nominal).saving == saving


def test_reason_outside_the_forecast() -> None:
    """Doors that decide without a forecast give reason and sentence alike."""
    assert run_now(request(), Reason.NO_PLACE, "nobody said where") == Decision(
        wait=False,
        reason=Reason.NO_PLACE,
        sentence="Starting now: nobody said where",
        request=request(),
    )


def test_decision_turns_into_a_wait() -> None:
    """A found slot can be waited for as `decide` would, with its reason and sentence."""
    found = decide(request(), hourly(100, 200, 300), T0)

    waiting = wait_for(found)

    assert (waiting.wait, waiting.reason) == (True, Reason.CLEANER_SLOT)
    assert waiting.sentence == (
        "Waiting for cleaner electricity: 22:00-23:00 UTC, "
        "100 -> 100 gCO2/kWh (-0 %), zone DE"
    )
    assert (waiting.slot, waiting.request) == (found.slot, found.request)


def test_nothing_to_wait_for() -> None:
    """A decision without a slot turns into no wait."""
    with pytest.raises(InvalidInputError) as caught:
        wait_for(run_now(request(), Reason.NO_PLACE, "nobody said where"))

    assert str(caught.value) == "there is no slot to wait for"
