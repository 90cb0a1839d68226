"""The same runs by several strategies: which runs, where they go, what is not known."""

from __future__ import annotations

from dataclasses import astuple
from datetime import datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonaware_prefect.core import Forecast, Hours, Policy, Reason, decide
from carbonaware_prefect.core.accounting.comparison import Comparison, compare
from carbonaware_prefect.core.accounting.scores import (
    Bin,
    Distribution,
    Score,
    bins,
    score,
)
from carbonaware_prefect.core.accounting.strategies import ByForecast, Interrupted
from carbonaware_prefect.core.accounting.trial_runs import TrialPolicy
from carbonaware_prefect.core.basis import Basis
from carbonaware_prefect.core.hours import OfficeHours
from carbonaware_prefect.core.intervals import from_microseconds

UTC = timezone.utc
HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday


def at(hour: float) -> datetime:
    """So many hours after the start."""
    return START + hour * HOUR


def hourly(*grams: float | None, **about: Any) -> Forecast:
    """One value an hour; None is a gap."""
    return Forecast.from_intervals(
        ((at(i), at(i + 1), value) for i, value in enumerate(grams) if value is not None),
        **about,
    )


def policy(window: float = 3, duration: float = 1, **more: Any) -> Policy:
    """A policy in hours."""
    return Policy(window=window * HOUR, duration=duration * HOUR, **more)


def compared(
    actual: Forecast,
    *hours: float,
    known: Forecast | None = None,
    trial: TrialPolicy | None = None,
) -> Comparison:
    """Runs due at these hours by what is known, by what came true, and split."""
    forecast = actual if known is None else known
    return compare(
        actual,
        (trial or TrialPolicy(policy=policy())).runs([at(hour) for hour in hours]),
        {
            "known": ByForecast(lambda _: forecast),
            "true": ByForecast(lambda _: actual),
            "split": Interrupted(lambda _: forecast),
            "nothing": ByForecast(lambda _: None),
            "nothing split": Interrupted(lambda _: None),
        },
    )


def scored(comparison: Comparison, name: str) -> Score:
    """The figures of a strategy."""
    return score(comparison, comparison.results[name], comparison.results["true"])


def pieces(comparison: Comparison, name: str, run: int = 0) -> list[tuple[float, float]]:
    """When a run works, in hours after the start."""
    return [
        (
            (from_microseconds(low) - START) / HOUR,
            (from_microseconds(high) - START) / HOUR,
        )
        for low, high in comparison.results[name].placements[run].pieces
    ]


@given(
    grams=st.lists(st.integers(-1, 9) | st.none(), min_size=30, max_size=30),
    due=st.integers(3, 12),
    window=st.integers(1, 9),
    duration=st.sampled_from([0.25, 1, 2.5, 6]),
    earlier=st.integers(0, 3),
    kept=st.booleans(),
    by=st.sampled_from([None, time(9), 4 * HOUR]),
    least=st.sampled_from([None, 0.0, 0.3]),
)
def test_runs_start_where_decide_says(
    grams: list[int | None],
    due: int,
    window: int,
    duration: float,
    earlier: int,
    kept: bool,
    by: time | timedelta | None,
    least: float | None,
) -> None:
    """A back-test starts a run exactly where a real decision would, for the same reason."""
    if all(value is None for value in grams):
        return
    wanted = policy(
        window, duration, earlier=earlier * HOUR, finish_by=by, minimum_saving=least,
        not_between=(Hours(time(5), time(8)),) if kept else (),
    )  # fmt: skip
    known = hourly(*grams, basis=Basis("", 0.1))
    decision = decide(wanted.bind(at(due)), known, at(due - earlier))

    found = compared(
        hourly(*range(40)), due, known=known, trial=TrialPolicy(policy=wanted)
    ).results["known"]

    start = decision.slot.start if decision.wait and decision.slot else at(due)
    assert from_microseconds(found.placements[0].pieces[0][0]) == start
    assert found.placements[0].reason == decision.reason


def test_figures_are_those_worked_out_by_hand() -> None:
    """Two runs by a forecast that is right once and wrong once."""
    found = compared(
        hourly(100, 80, 90, 60, 100, 50, 200, 40),
        0,
        4,
        known=hourly(9, 8, 7, 6, 5, 6, 4, 9),
        trial=TrialPolicy(policy=policy(window=2)),
    )
    figures = scored(found, "known")

    # The first goes to hour 2 (90 instead of 100), the second to hour 6 (200 not 100).
    assert [*found.at_once.means] == [100, 100]
    assert [*found.results["known"].means] == [90, 200]
    assert [*found.results["true"].means] == [80, 50]
    assert figures.mean == figures.weighted_mean == 145
    assert figures.saving == pytest.approx(-0.45)
    assert figures.kept == pytest.approx(-45 / 35)
    assert figures.savings == pytest.approx((0.1, -1))
    assert (figures.worse, figures.worse_share, figures.worse_by) == (1, 0.5, (1,))
    assert (figures.moved, figures.waits) == (2, (2, 2))
    assert figures.without_forecast == figures.interruptions == 0


def test_long_runs_weigh_more_in_the_total() -> None:
    """Two durations: each run counts alike in the mean, by its hours in the total."""
    trial = TrialPolicy(policy=policy(window=1), durations=(HOUR, 3 * HOUR))
    found = compared(hourly(100, 40, 40, 40), 0, trial=trial)
    figures = scored(found, "known")

    assert [*found.at_once.means] == [100, 60]
    assert [*found.results["known"].means] == [40, 40]
    assert figures.saving == pytest.approx(1 - 40 / 80)
    assert figures.weighted_saving == pytest.approx(1 - 40 / 70)


def test_what_is_not_known_is_no_number() -> None:
    """Runs whose time meets a gap or the end are counted as unknown, and nowhere else."""
    found = compared(hourly(5, 4, 3, 2, None, 3, 2, 1, 1, 1), 0, 1, 4, 5, 6, 7)

    assert [run.due for run in found.runs] == [at(0), at(5), at(6)]
    assert found.unknown == (at(1), at(4), at(7))
    assert scored(found, "known").runs == 3


def test_no_runs_have_no_figures() -> None:
    """Where nothing is known every figure is None, and none is zero."""
    figures = scored(compared(hourly(1), 0), "known")

    assert figures.runs == 0
    assert (figures.mean, figures.saving, figures.kept) == (None, None, None)
    assert (figures.worse_share, figures.interruptions) == (None, None)
    assert Distribution.of(figures.savings) is None
    assert bins(figures.savings, 5) == []


def test_no_share_of_nothing() -> None:
    """A run whose mean at once is zero has no saving, and is in the mean all the same."""
    figures = scored(compared(hourly(0, -1, 3, 3), 0), "known")

    assert (figures.mean, figures.saving, figures.savings) == (-1, None, ())


def test_without_a_forecast_runs_start_at_once() -> None:
    """They are counted, for both kinds of strategies."""
    found = compared(hourly(5, 4, 3, 2), 0)

    for name in ("nothing", "nothing split"):
        assert pieces(found, name) == [(0, 1)]
        assert scored(found, name).without_forecast == 1


def test_a_run_is_split_over_the_cleanest_hours() -> None:
    """The work is as long as before, and done by when the latest run would be."""
    found = compared(
        hourly(9, 2, 8, 1, 7, 3, 0), 0, trial=TrialPolicy(policy=policy(3, 2.5))
    )

    assert pieces(found, "known") == [(3, 5.5)]
    assert pieces(found, "split") == [(1, 2), (3, 4), (5, 5.5)]
    assert scored(found, "split").interruptions == 2
    assert [*found.results["split"].means] == pytest.approx([(2 + 1 + 1.5) / 2.5])


def test_the_last_piece_is_as_long_as_the_rest_of_the_work() -> None:
    """The cleanest hour is worked whole, and the first half of the next cleanest."""
    found = compared(hourly(9, 2, 8, 1, 7, 9), 0, trial=TrialPolicy(policy=policy(4, 1.5)))

    assert pieces(found, "split") == [(1, 1.5), (3, 4)]


def test_of_equal_hours_the_first_are_worked() -> None:
    """And a forecast without a difference splits nothing."""
    level = compared(hourly(*[5] * 6), 0, trial=TrialPolicy(policy=policy(3, 2)))
    equal = compared(hourly(9, 3, 3, 3, 3), 0, trial=TrialPolicy(policy=policy(3, 2)))

    assert pieces(level, "split") == [(0, 2)]
    assert pieces(equal, "split") == [(1, 3)]


def test_split_work_has_to_save_enough() -> None:
    """A saving below the minimum leaves the run where it is."""
    trial = TrialPolicy(policy=policy(3, 1, minimum_saving=0.5))

    assert pieces(compared(hourly(9, 5, 9, 9), 0, trial=trial), "split") == [(0, 1)]
    assert pieces(compared(hourly(9, 4, 9, 9), 0, trial=trial), "split") == [(1, 2)]


def test_split_work_keeps_hours_free() -> None:
    """The pieces lie around the hours kept free, where no whole run would fit."""
    trial = TrialPolicy(
        policy=policy(5, 2, not_between=(Hours(time(1), time(3)), Hours(time(4), time(6))))
    )
    found = compared(hourly(5, 1, 1, 6, 1, 1, 9, 9), 0, trial=trial)

    assert found.results["known"].placements[0].reason is Reason.NO_ALLOWED_START
    assert pieces(found, "split") == [(0, 1), (3, 4)]
    assert found.results["split"].placements[0].reason is Reason.HOURS_KEPT_FREE


def test_split_work_is_done_in_time() -> None:
    """A run that would end too late from its due time works before it."""
    trial = TrialPolicy(policy=policy(4, 2, earlier=3 * HOUR, finish_by=HOUR))
    found = compared(hourly(9, 1, 9, 2, 9, 9), 3, trial=trial)

    assert pieces(found, "split") == [(1, 2), (3, 4)]
    assert found.results["split"].placements[0].reason is Reason.FINISH_BY


def test_split_work_needs_a_forecast_of_all_of_it() -> None:
    """Too little of it known means at once; the due time not known means the pieces."""
    trial = TrialPolicy(policy=policy(3, 2))
    actual = hourly(5, 4, 3, 2, 1)
    little = compared(actual, 0, known=hourly(5, None, 3), trial=trial)
    some = compared(actual, 0, known=hourly(None, 4, None, 2), trial=trial)
    elsewhere = compared(actual, 0, known=hourly(*[None] * 9, 4), trial=trial)

    assert pieces(little, "split") == [(0, 1), (2, 3)]
    assert pieces(some, "split") == [(1, 2), (3, 4)]
    assert pieces(elsewhere, "split") == [(0, 2)]
    assert scored(elsewhere, "split").without_forecast == 1


def test_done_by_the_next_workday_morning() -> None:
    """Long runs may wait as long as they still end by then, however long they are."""
    morning = OfficeHours(frozenset(range(5)), time(9))
    trial = TrialPolicy(policy=policy(1, 10), done_by=morning, windowed=False)
    thursday, friday = trial.runs([at(16), at(40)])

    assert thursday.request.latest_start == at(33 - 10)
    assert friday.request.latest_start == at(4 * 24 + 9 - 10)


def test_what_ends_in_office_hours_is_not_moved() -> None:
    """Somebody waits for it then; the window still bounds what may wait, where one is."""
    office = OfficeHours(frozenset(range(5)), time(9), time(17))
    trial = TrialPolicy(policy=policy(2, 3), done_by=office)
    ends_at_noon, ends_at_night = trial.runs([at(9), at(20)])

    assert ends_at_noon.request.latest_start == at(9)
    assert ends_at_night.request.latest_start == at(22)


def test_runs_in_order_do_not_pass_one_another() -> None:
    """Each starts before the next one is due, as deployments have it."""
    actual = hourly(9, 8, 7, 6, 5, 4, 3, 2)
    free = compared(actual, 0, 1, 2)
    kept = compared(actual, 0, 1, 2, trial=TrialPolicy(policy=policy(), in_order=True))

    assert [pieces(free, "known", run) for run in range(3)] == [
        [(3, 4)],
        [(4, 5)],
        [(5, 6)],
    ]
    assert [pieces(kept, "known", run) for run in range(3)] == [
        [(1, 2)],
        [(2, 3)],
        [(5, 6)],
    ]


def test_distribution() -> None:
    """Between two numbers it is interpolated."""
    found = Distribution.of([4.0, 0.0, 1.0, 3.0, 2.0])

    assert found is not None
    assert astuple(found) == pytest.approx((2, 0, 0.4, 1, 2, 3, 3.6, 4))
    assert Distribution.of([7.0]) == Distribution(
        mean=7, lowest=7, p10=7, p25=7, median=7, p75=7, p90=7, highest=7
    )


def test_bins() -> None:
    """Empty ones between others are there; an edge belongs to the bin above it."""
    assert bins([-0.1, 0.0, 10.0, 0.3 / 0.1 * 5], 5) == [
        Bin(-5, 0, 1), Bin(0, 5, 1), Bin(5, 10, 0), Bin(10, 15, 1), Bin(15, 20, 1),
    ]  # fmt: skip
