"""The runs of a schedule keep their order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from carbonaware_prefect.core import Neighbours
from carbonaware_prefect.planner.decide import decide_all
from carbonaware_prefect.planner.order import Order
from carbonaware_prefect.planner.report import Action
from carbonaware_prefect.planner.upcoming import Upcoming
from tests.planner.test_decide import HOUR, NOW, candidate, choose, hourly, upcoming

QUARTER = timedelta(minutes=15)
EVERY_QUARTER = {
    "id": "s",
    "active": True,
    "schedule": {"interval": 900.0, "anchor_date": "2026-01-01T00:00:00Z"},
}


def deployment(*schedules: dict[str, Any]) -> dict[str, Any]:
    """All deployments: the one with these schedules."""
    return {"d": {"id": "d", "name": "nightly", "schedules": list(schedules)}}


def every(interval: timedelta, count: int) -> list[Upcoming]:
    """So many runs of one schedule, from three hours on."""
    first = NOW + 3 * HOUR
    return [upcoming(f"run-{i:02}", due=first + i * interval) for i in range(count)]


def test_the_runs_next_to_it_are_its_neighbours() -> None:
    """Of its own schedule, whatever order they were read in."""
    runs = every(HOUR, 3)
    others = [
        upcoming("other", due=runs[1].nominal_start + QUARTER, schedule="t"),
        upcoming("by hand", due=runs[1].nominal_start + QUARTER, schedule=None),
    ]
    order = Order([runs[2], others[0], runs[0], others[1], runs[1]], deployment())

    assert order.of(runs[1]) == Neighbours(
        previous=runs[0].nominal_start, following=runs[2].nominal_start
    )


def test_the_last_run_waits_for_none_that_is_not_made_yet() -> None:
    """What the server makes later is worked out from the schedule."""
    (run,) = every(QUARTER, 1)
    order = Order([run], deployment({"id": "t"}, EVERY_QUARTER))

    assert order.of(run) == Neighbours(following=run.nominal_start + QUARTER)


@pytest.mark.parametrize(
    "schedule",
    [
        EVERY_QUARTER | {"active": False},
        EVERY_QUARTER | {"id": "another"},
        EVERY_QUARTER | {"schedule": {"cron": "what?"}},
        EVERY_QUARTER | {"schedule": None},
    ],
)
def test_nothing_follows_where_nobody_can_tell(schedule: dict[str, Any]) -> None:
    """A schedule that is off, gone or unreadable makes no next run."""
    (run,) = every(QUARTER, 1)

    assert Order([run], deployment(schedule)).of(run) == Neighbours()


def test_a_run_that_no_schedule_made_has_no_neighbours() -> None:
    """It may start whenever its policy says."""
    run = upcoming(schedule=None)

    assert Order([run], deployment(EVERY_QUARTER)).of(run) is None


def test_frequent_runs_neither_gather_nor_pass_one_another() -> None:
    """Every quarter of an hour, with a window of six hours and a dip in three."""
    forecast = hourly(*[300.0] * 6, 100, *[300.0] * 14)
    runs = every(QUARTER, 24)
    order = Order(runs, deployment(EVERY_QUARTER))
    chosen = choose(
        *(
            candidate(
                run, forecast, window=6 * HOUR, duration=QUARTER, neighbours=order.of(run)
            )
            for run in runs
        )
    )
    starts = [choice.start or choice.candidate.run.start for choice in chosen]

    assert starts == sorted(starts)
    assert all(one < third for one, third in zip(starts, starts[2:], strict=False))
    for run, start, following in zip(runs, starts, runs[1:], strict=False):
        assert run.nominal_start <= start <= following.nominal_start
    # Those that are due just before the dip still reach it.
    moved = [choice for choice in chosen if choice.outcome.action is Action.MOVE]
    assert [choice.start for choice in moved] == [NOW + 6 * HOUR]
    assert "the next run of its schedule is due then" in moved[0].outcome.sentence


def test_a_moved_run_comes_back_between_its_neighbours() -> None:
    """Where its policy or its schedule have changed since, however small the gain."""
    forecast = hourly(*[300.0] * 4, 200, 100, *[300.0] * 9)
    moved = upcoming(moved_to=NOW + 5 * HOUR, moves=9)
    within = Neighbours(following=NOW + 4 * HOUR)

    (kept,) = choose(candidate(moved, forecast))
    (back,) = choose(candidate(moved, forecast, neighbours=within))

    assert kept.start is None
    assert back.start == NOW + 4 * HOUR


def test_a_start_that_the_server_rounded_is_in_its_place() -> None:
    """Half a second before its first allowed start it is left where it is."""
    forecast = hourly(*[300.0] * 4, 100, *[300.0] * 9)
    almost = upcoming(moved_to=NOW + 4 * HOUR - timedelta(milliseconds=400))
    (choice,) = decide_all(
        [candidate(almost, forecast, window=HOUR)],
        limits={},
        occupied=[],
        now=NOW,
        soonest=NOW,
    )

    assert choice.start is None
