"""Which runs of a pass move, decided together."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from carbonaware_prefect.core import Forecast, Interval, Neighbours, Policy
from carbonaware_prefect.core.basis import Basis
from carbonaware_prefect.labels import Plan
from carbonaware_prefect.planner.decide import (
    Candidate,
    Choice,
    decide_all,
    left_alone,
)
from carbonaware_prefect.planner.report import Action
from carbonaware_prefect.planner.upcoming import StartOwner, Upcoming
from carbonaware_prefect.settings import Settings

NOW = datetime(2026, 1, 10, 18, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
NOMINAL = NOW + 3 * HOUR
SETTINGS = Settings(minimum_saving=0.02)


def hourly(*values: float) -> Forecast:
    """One value an hour from now on."""
    points = [(NOW + i * HOUR, value) for i, value in enumerate(values)]
    return Forecast.from_points(points, end=NOW + len(values) * HOUR, zone="DE")


def plan_to(start: datetime, moves: int) -> Plan:
    """What the planner wrote when it moved a run."""
    return Plan(
        reason="cleaner_slot",
        nominal_start=NOMINAL,
        decided_at=NOW - HOUR,
        decided_by="planner",
        slot_start=start,
        moves=moves,
        intensity_nominal=300.0,
        intensity_slot=200.0,
        source="test",
        signal="average",
    )


def upcoming(
    name: str = "run",
    *,
    due: datetime = NOMINAL,
    moved_to: datetime | None = None,
    moves: int = 1,
    schedule: str | None = "s",
    pool: str | None = None,
) -> Any:
    """A run of a schedule, at its nominal start or moved."""
    return Upcoming(
        id=name,
        name=name,
        deployment="d",
        schedule=schedule,
        schedule_name="nightly",
        parameters={},
        nominal_start=due,
        start=moved_to or due,
        created=NOW - 9 * HOUR,
        set_at=NOW - 9 * HOUR,
        plan=None if moved_to is None else plan_to(moved_to, moves),
        start_owner=StartOwner.SCHEDULE if moved_to is None else StartOwner.PLANNER,
        queue=None,
        pool=pool,
        env={},
        labels={},
    )


def candidate(
    run: Upcoming,
    forecast: Forecast,
    neighbours: Neighbours | None = None,
    **policy: Any,
) -> Candidate:
    """The run with four hours to wait and one of work."""
    bounds: dict[str, Any] = {
        "window": 4 * HOUR,
        "duration": HOUR,
        "minimum_saving": 0.02,
    } | policy
    return Candidate(
        run=run,
        deployment="nightly",
        request=Policy(zone="DE", **bounds).bind(run.nominal_start, neighbours=neighbours),
        forecast=forecast,
        failures=(),
        settings=SETTINGS,
    )


def choose(*candidates: Candidate, **more: Any) -> list[Choice]:
    """The choices for these."""
    options: dict[str, Any] = {"limits": {}, "occupied": [], "now": NOW, "soonest": NOW}
    return decide_all(candidates, **(options | more))


def test_a_run_moves_to_its_cleanest_slot() -> None:
    """The outcome carries where to, why, and the numbers."""
    forecast = hourly(300, 300, 300, 300, 100, 300, 300, 300, 300)
    (choice,) = choose(candidate(upcoming(), forecast))

    assert choice.start == NOMINAL + HOUR
    assert choice.outcome.action is Action.MOVE
    assert choice.outcome.reason == "cleaner_slot"
    assert choice.outcome.as_document()["saving_percent"] == 66.7


@pytest.mark.parametrize(("said", "moves"), [(None, False), (0.02, True), (0.2, False)])
def test_a_forecast_s_own_least_saving_counts(said: float | None, moves: bool) -> None:
    """Where nobody says one; a user's own wins."""
    values = (300, 300, 300, 300, 270, 300, 300, 300, 300)
    forecast = Forecast.from_points(
        [(NOW + i * HOUR, value) for i, value in enumerate(values)],
        end=NOW + len(values) * HOUR,
        zone="DE",
        basis=Basis("typical days", 0.15),
    )
    (choice,) = choose(candidate(upcoming(), forecast, minimum_saving=said))

    assert (choice.start is not None) == moves


@pytest.mark.parametrize(
    ("cleanest", "reason"), [(299, "saving_too_small"), (300, "cleanest_now")]
)
def test_a_run_stays_for_too_little(cleanest: float, reason: str) -> None:
    """Nothing moves for less than the minimum saving."""
    forecast = hourly(300, 300, 300, 300, cleanest, 300, 300, 300, 300)
    (choice,) = choose(candidate(upcoming(), forecast))

    assert choice.start is None
    assert (choice.outcome.action, choice.outcome.reason) == (Action.KEEP, reason)


def test_no_run_is_put_before_the_soonest_start() -> None:
    """What a worker may look for already is no candidate."""
    forecast = hourly(100, 100, 300, 300, 150, 300, 300, 300, 300)
    run = candidate(upcoming(), forecast, earlier=3 * HOUR)

    (early,) = choose(run)
    (later,) = choose(run, soonest=NOW + 90 * timedelta(minutes=1))

    assert early.start == NOW
    assert later.start == NOMINAL + HOUR


@pytest.mark.parametrize(("now_best", "moves"), [(191, False), (189, True)])
def test_a_moved_run_moves_again_for_the_gain(now_best: float, moves: bool) -> None:
    """A newer forecast has to promise 5 % more."""
    forecast = hourly(300, 300, 300, 300, 200, now_best, 300, 300, 300)
    run = upcoming(moved_to=NOMINAL + HOUR)
    (choice,) = choose(candidate(run, forecast))

    assert choice.start == (NOMINAL + 2 * HOUR if moves else None)
    if not moves:
        assert choice.outcome.reason == "gain_too_small"


def test_a_run_moves_so_often_and_no_more() -> None:
    """After four moves it keeps its slot, whatever the forecast says."""
    forecast = hourly(300, 300, 300, 300, 200, 10, 300, 300, 300)
    run = upcoming(moved_to=NOMINAL + HOUR, moves=4)
    (choice,) = choose(candidate(run, forecast))

    assert choice.start is None
    assert choice.outcome.reason == "moved_often_enough"


def test_a_moved_run_may_move_back_to_its_nominal_start() -> None:
    """Where that is the cleanest by now."""
    forecast = hourly(300, 300, 300, 50, 200, 300, 300, 300, 300)
    run = upcoming(moved_to=NOMINAL + HOUR)
    (choice,) = choose(candidate(run, forecast))

    assert choice.start == NOMINAL
    assert choice.outcome.reason == "cleanest_now"


def test_a_gain_over_nothing_is_none() -> None:
    """Where the present slot has no positive mean any cleaner one is a gain."""
    run = upcoming(moved_to=NOMINAL + HOUR)
    same = hourly(300, 300, 300, 300, 0, 0, 300, 300, 300)
    better = hourly(300, 300, 300, 300, 0, -5, 300, 300, 300)

    assert choose(candidate(run, same))[0].start is None
    assert choose(candidate(run, better))[0].start == NOMINAL + 2 * HOUR


def test_a_moved_run_past_the_forecast_keeps_its_slot_or_finds_one() -> None:
    """Without a mean for the present slot there is nothing to compare with."""
    run = upcoming(moved_to=NOMINAL + 4 * HOUR)
    covered = hourly(300, 300, 300, 300, 200)
    nothing = hourly(300, 300)

    assert choose(candidate(run, covered))[0].start == NOMINAL + HOUR
    assert choose(candidate(run, nothing))[0].start is None


def test_runs_that_share_a_limit_are_spread() -> None:
    """Two runs with room for one take the two cleanest hours."""
    forecast = hourly(300, 300, 300, 300, 100, 120, 300, 300, 300)
    runs = [replace(candidate(upcoming(name), forecast), limits=("pool",)) for name in "ab"]
    choices = choose(*runs, limits={"pool": 1})

    assert {choice.start for choice in choices} == {NOMINAL + HOUR, NOMINAL + 2 * HOUR}


def test_what_is_taken_already_counts() -> None:
    """A run that nobody moves holds its place."""
    forecast = hourly(300, 300, 300, 300, 100, 120, 300, 300, 300)
    run = replace(candidate(upcoming(), forecast), limits=("pool",))
    taken = (Interval(NOMINAL + HOUR, NOMINAL + 2 * HOUR), ("pool",))
    (choice,) = choose(run, limits={"pool": 1}, occupied=[taken])

    assert choice.start == NOMINAL + 2 * HOUR


def test_a_kept_run_counts_too() -> None:
    """A moved run that stays holds its slot against the others."""
    forecast = hourly(300, 300, 300, 300, 100, 120, 300, 300, 300)
    moved = candidate(upcoming("moved", moved_to=NOMINAL + HOUR), forecast)
    fresh = candidate(upcoming("fresh"), forecast)
    choices = choose(
        replace(moved, limits=("pool",)),
        replace(fresh, limits=("pool",)),
        limits={"pool": 1},
    )

    assert [choice.start for choice in choices] == [None, NOMINAL + 2 * HOUR]


def test_a_run_for_which_there_is_no_room_says_so() -> None:
    """It starts at its nominal time, because the cleaner slots are taken."""
    forecast = hourly(300, 300, 300, 300, 100, 300, 300, 300, 300)
    run = replace(candidate(upcoming(), forecast), limits=("pool",))
    taken = (Interval(NOMINAL + HOUR, NOMINAL + 9 * HOUR), ("pool",))
    (choice,) = choose(run, limits={"pool": 1}, occupied=[taken])

    assert choice.start is None
    assert choice.outcome.reason == "slots_taken"


def test_a_run_at_its_slot_with_another_plan_on_it_is_written_anew() -> None:
    """Of two planners one wrote its labels last and the other its state."""
    forecast = hourly(300, 300, 300, 300, 300, 100, 300, 300, 300)
    slot = NOMINAL + 2 * HOUR
    there = upcoming(moved_to=slot)
    (as_planned,) = choose(candidate(there, forecast))
    other = replace(
        there, plan=plan_to(NOMINAL + HOUR, 1), start_owner=StartOwner.UNFINISHED
    )
    (relabelled,) = choose(candidate(other, forecast))

    assert (as_planned.start, relabelled.start) == (None, slot)


@pytest.mark.parametrize(
    ("start_owner", "starts_in", "reason"),
    [
        (StartOwner.SCHEDULE, 3 * HOUR, None),
        (StartOwner.PLANNER, 3 * HOUR, None),
        (StartOwner.UNFINISHED, 3 * HOUR, None),
        (StartOwner.PERSON, 3 * HOUR, "overridden"),
        (StartOwner.NOT_A_SCHEDULE, 3 * HOUR, "not_scheduled"),
        (StartOwner.SCHEDULE, timedelta(minutes=9), "starts_soon"),
    ],
)
def test_who_is_left_alone(
    start_owner: StartOwner, starts_in: timedelta, reason: str | None
) -> None:
    """A person's runs, those of nobody's schedule, and those that start soon."""
    run = replace(upcoming(), start_owner=start_owner, start=NOW + starts_in)
    why = left_alone(run, SETTINGS, NOW)

    assert (None if why is None else why[0]) == reason
