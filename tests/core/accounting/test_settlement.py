"""A run settled: by which evidence, what stays unknown, and what all of them come to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from carbonaware_prefect.core import Forecast, Policy
from carbonaware_prefect.core.accounting.comparison import compare
from carbonaware_prefect.core.accounting.measured import Measured
from carbonaware_prefect.core.accounting.scores import score
from carbonaware_prefect.core.accounting.settlement import (
    UNKNOWN,
    Evidence,
    Fate,
    Grade,
    Happened,
    Promise,
    Settled,
    energy_of,
    settle,
)
from carbonaware_prefect.core.accounting.strategies import ByForecast
from carbonaware_prefect.core.accounting.tally import Tally
from carbonaware_prefect.core.accounting.trial_runs import TrialPolicy
from carbonaware_prefect.core.accounting.work import Work
from carbonaware_prefect.core.intervals import to_microseconds

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
PROMISE = Promise(nominal=300.0, slot=100.0, saving=2 / 3, source="watttime")


def us(hour: float) -> int:
    """So many hours after the start."""
    return to_microseconds(START + hour * HOUR)


def evidence(*grams: float | None, grade: Grade = Grade.MEASURED, **more: Any) -> Evidence:
    """One value an hour; None is a gap."""
    forecast = Forecast.from_intervals(
        (START + i * HOUR, START + (i + 1) * HOUR, value)
        for i, value in enumerate(grams)
        if value is not None
    )
    return Evidence(grade=grade, values=Measured(forecast), source="file", **more)


def work(start: float, nominal: float, hours: float = 1) -> Work:
    """Work in one piece."""
    piece, other = ((us(at), us(at + hours)) for at in (start, nominal))
    return Work((piece,), (other,), moved=start != nominal)


def settled(**more: Any) -> Settled:
    """A run that worked for two hours, two hours after its nominal start."""
    usual: dict[str, Any] = {
        "run": "1",
        "name": "one",
        "deployment": "d",
        "zone": "DE",
        "reason": "cleaner_slot",
        "decided_by": "planner",
        "moves": 1,
        "restored": False,
        "state": "COMPLETED",
        "fate": Fate.WORKED,
        "nominal_start": START,
        "start": START + 2 * HOUR,
        "end": START + 4 * HOUR,
        "hours": 2.0,
        "moved": True,
        "promise": PROMISE,
        "happened": Happened(
            grade=Grade.MEASURED, actual=100.0, nominal=400.0, saving=0.75, source="file"
        ),
    }
    return Settled(**usual | more)


def test_best_evidence_that_knows_all_of_it() -> None:
    """Measured; else what the same source had forecast, for both means."""
    measured = evidence(400, 300, None, 100)
    forecast = evidence(390, 310, 210, 110, grade=Grade.FORECAST)

    assert Happened(
        grade=Grade.MEASURED, actual=100, nominal=400, saving=0.75, source="file"
    ) == settle(work(3, 0), [measured, forecast], PROMISE)
    assert Happened(
        grade=Grade.FORECAST, actual=210, nominal=390, saving=1 - 210 / 390, source="file"
    ) == settle(work(2, 0), [measured, forecast], PROMISE)


@pytest.mark.parametrize("known", [[], [evidence(400, 300, None, 100)]])
def test_a_gap_is_unknown(known: list[Evidence]) -> None:
    """Whoever measures a zone and does not know a time: what was forecast is no answer."""
    promise = replace(PROMISE, slot_start=us(2))

    assert settle(work(2, 0), None, promise) != UNKNOWN
    assert settle(work(2, 0), known, promise) == UNKNOWN


def test_modelled_days_tell_a_ratio_and_no_grams() -> None:
    """Percent of a modelled day are no intensities."""
    typical = evidence(120, 100, 80, grade=Grade.TYPICAL, modelled=True)

    assert Happened(grade=Grade.TYPICAL, saving=1 - 80 / 120, source="file") == settle(
        work(2, 0), [typical], PROMISE
    )


@pytest.mark.parametrize(
    ("promise", "start", "nominal", "happened"),
    [
        (PROMISE, 2, 0, (100.0, 300.0)),
        (PROMISE, 2.05, 0, (100.0, 300.0)),
        (PROMISE, 0, 0, (300.0, 300.0)),
        # It began at another time than the one that the forecast was about.
        (PROMISE, 3, 0, None),
        (replace(PROMISE, slot=None, saving=None), 2, 0, None),
        (replace(PROMISE, nominal=None), 0, 0, None),
    ],
)
def test_what_was_forecast_stands_where_nobody_measures(
    promise: Promise, start: float, nominal: float, happened: tuple[float, float] | None
) -> None:
    """For runs that began as planned, and marked as a forecast."""
    found = settle(work(start, nominal), None, replace(promise, slot_start=us(2)))

    if happened is None:
        assert found == UNKNOWN
    else:
        assert (found.grade, found.source) == (Grade.FORECAST, "watttime")
        assert happened == (found.actual, found.nominal)


def test_a_forecast_saving_alone() -> None:
    """Of a modelled forecast a record says no more."""
    promise = Promise(saving=0.4, slot_start=us(2), source="typical")

    assert Happened(grade=Grade.FORECAST, saving=0.4, source="typical") == settle(
        work(2, 0), None, promise
    )
    assert settle(work(2, 0), None, replace(promise, slot_start=None)) == UNKNOWN


def test_what_a_run_says_of_itself() -> None:
    """Wait, grams at both times, and whether it did worse."""
    run = settled(energy_kwh=0.5)

    assert (
        run.wait_hours, run.grams, run.grams_nominal, run.worse,
    ) == (2.0, 50.0, 200.0, False)  # fmt: skip
    assert settled(start=None).wait_hours is None
    assert settled().grams is None
    worse = Happened(grade=Grade.MEASURED, actual=5.0, nominal=-1.0)
    assert settled(happened=worse).worse
    assert not settled(happened=worse, moved=False).worse
    assert settled(happened=Happened(grade=Grade.TYPICAL, saving=-0.1)).worse
    assert not settled(happened=UNKNOWN).worse


def test_energy_of_a_power() -> None:
    """400 W for a quarter of an hour are 0.1 kWh."""
    assert energy_of(us(0.25) - us(0), 400.0) == pytest.approx(0.1)
    assert energy_of(1, None) is None


def test_tally_by_hand() -> None:
    """Two runs of 2 h and 1 h: plain means, means by hours, grams, units."""
    tally = Tally()
    tally.add(settled(energy_kwh=1.0, units=4.0))
    tally.add(
        settled(
            hours=1.0,
            moves=2,
            restored=True,
            promise=Promise(),
            happened=Happened(grade=Grade.MEASURED, actual=500.0, nominal=200.0),
        )
    )
    sums = tally.sums[Grade.MEASURED, "average"]

    assert (sums.runs, sums.moved, sums.worse, sums.hours) == (2, 2, 1, 3.0)
    assert (sums.nominal, sums.actual, sums.saving) == (300.0, 300.0, 0.0)
    # By hours: (2 * 400 + 1 * 200) / 3 and (2 * 100 + 1 * 500) / 3.
    assert sums.weighted_saving == pytest.approx(1 - 700 / 1000)
    assert (
        sums.with_energy, sums.energy_kwh, sums.grams, sums.grams_nominal,
    ) == (1, 1.0, 100.0, 400.0)  # fmt: skip
    assert (sums.promised, sums.promised_saving) == (1, 1 - 100 / 300)
    assert tally.rate == 25.0
    assert (
        tally.runs, tally.replanned, tally.restored, tally.overridden,
    ) == (2, 1, 1, 0)  # fmt: skip


def test_what_has_no_number_is_in_no_sum() -> None:
    """Runs that are unknown, that did not work, and those of a ratio alone are counted."""
    tally = Tally()
    tally.add(settled(happened=UNKNOWN))
    tally.add(settled(fate=Fate.WAITING, reason="overridden"))
    tally.add(settled(reason="<b>", happened=Happened(grade=Grade.TYPICAL, saving=0.2)))
    tally.add(settled(moved=False, happened=replace(settled().happened, nominal=100.0)))
    typical = tally.sums[Grade.TYPICAL, "average"]

    assert (tally.runs, tally.unknown, tally.overridden) == (4, 1, 1)
    assert tally.fates == {Fate.WORKED: 3, Fate.WAITING: 1}
    assert tally.reasons == {"cleaner_slot": 2, "overridden": 1, "other": 1}
    assert (
        typical.runs, typical.ratio_only, typical.actual, typical.weighted_saving,
        typical.promised_saving,
    ) == (1, 1, None, None, None)  # fmt: skip
    assert tally.sums[Grade.MEASURED, "average"].promised_saving == 0.0
    assert tally.rate is None


def test_report_and_back_test_agree() -> None:
    """The same runs, settled where a back-test had sent them, come to the same savings."""
    grams = [float(200 + (hour * 37) % 190) for hour in range(24 * 14)]
    actual = Forecast.from_points(
        [(START + i * HOUR, value) for i, value in enumerate(grams)],
        end=START + len(grams) * HOUR,
    )
    policy = Policy(window=9 * HOUR, duration=1.75 * HOUR, minimum_saving=0.0)
    dues = [START + day * 24 * HOUR + 1.3 * HOUR for day in range(13)]
    found = compare(
        actual,
        TrialPolicy(policy=policy).runs(dues),
        {"true": ByForecast(lambda _: actual)},
    )
    known = [Evidence(grade=Grade.MEASURED, values=Measured(actual), source="file")]
    tally = Tally()
    for run, placement in zip(found.runs, found.results["true"].placements, strict=True):
        (piece,) = placement.pieces
        did = Work((piece,), (run.at_once,), moved=piece != run.at_once)
        tally.add(settled(hours=1.75, happened=settle(did, known, Promise())))
    expected = score(found, found.results["true"], found.results["true"])
    sums = tally.sums[Grade.MEASURED, "average"]

    assert sums.runs == expected.runs == 13
    assert sums.actual == pytest.approx(expected.mean, rel=1e-12)
    assert sums.saving == pytest.approx(expected.saving, rel=1e-12)
    assert sums.weighted_saving == pytest.approx(expected.weighted_saving, rel=1e-12)
    assert sums.saving is not None
    assert sums.saving > 0.1
