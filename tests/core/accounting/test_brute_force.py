"""Back-tests equal what loops over quarter hours come to, to nine digits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from math import fsum, sin
from pathlib import Path

import pytest

from carbonaware_prefect.core import Forecast, Interval, Policy
from carbonaware_prefect.core.accounting.comparison import compare
from carbonaware_prefect.core.accounting.scores import Score, score
from carbonaware_prefect.core.accounting.strategies import ByForecast, Interrupted
from carbonaware_prefect.core.accounting.trial_runs import TrialPolicy
from carbonaware_prefect.core.cron import Cron
from tests.core.accounting.brute_force import QUARTER, Quarters, Sums, back_test, read

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
START = datetime(2026, 3, 28, tzinfo=timezone.utc)


def forecast_of(first: datetime, quarters: Quarters) -> Forecast:
    """The same numbers as a forecast, with a gap where one is not known."""
    return Forecast.from_intervals(
        (first + i * QUARTER, first + (i + 1) * QUARTER, float(value))
        for i, value in enumerate(quarters)
        if value is not None
    )


def assert_equal(sums: Sums, found: Score) -> None:
    """All figures of one strategy."""
    runs = found.runs
    assert float(sums.total / runs) == pytest.approx(found.mean, rel=1e-9)
    assert float(sums.savings / runs) == pytest.approx(
        fsum(found.savings) / len(found.savings), rel=1e-9, abs=1e-12
    )
    assert sums.moved == found.moved
    assert sums.worse == found.worse
    assert sums.wait * QUARTER / timedelta(hours=1) == pytest.approx(fsum(found.waits))


def assert_same(
    actual: tuple[datetime, Quarters],
    known: Quarters,
    cron: str,
    *,
    earlier: int = 0,
    window: int,
    duration: int,
    least: str = "0",
) -> None:
    """Both ways come to the same, with and without interruptions."""
    first, quarters = actual
    history, forecast = forecast_of(first, quarters), forecast_of(first, known)
    dues = Cron.parse(cron).between(Interval(history.start, history.end), timezone.utc)
    slow = back_test(
        quarters,
        known,
        [(due - first) // QUARTER for due in dues],
        earlier=earlier,
        window=window,
        duration=duration,
        least=Decimal(least),
    )
    policy = Policy(
        window=window * QUARTER,
        duration=duration * QUARTER,
        earlier=earlier * QUARTER,
        minimum_saving=float(least),
    )

    quick = compare(
        history,
        TrialPolicy(policy=policy).runs(dues),
        {
            "chosen": ByForecast(lambda _: forecast),
            "split": Interrupted(lambda _: forecast),
        },
    )

    assert slow.runs > 0
    assert (slow.runs, slow.unknown) == (len(quick.runs), len(quick.unknown))
    for sums, result in (
        (slow.at_once, quick.at_once),
        (slow.chosen, quick.results["chosen"]),
        (slow.split, quick.results["split"]),
    ):
        assert_equal(sums, score(quick, result, quick.results["chosen"]))


def waves(count: int, phase: float, missing: Sequence[int] = ()) -> list[Decimal | None]:
    """Quarters in half-hourly steps that follow a day, with some noise and gaps."""
    return [
        None
        if i // 2 in missing
        else Decimal(round(3000 + 900 * sin(i // 2 / 7.6 + phase) + 31 * (i // 2 % 13)))
        / 10
        for i in range(count)
    ]


@pytest.mark.parametrize(
    ("earlier", "window", "duration"),
    [(0, 24, 8), (8, 8, 2), (32, 32, 2), (3, 7, 41), (1, 30, 7)],
)
@pytest.mark.parametrize("least", ["0", "0.05"])
def test_half_hourly_traces(earlier: int, window: int, duration: int, least: str) -> None:
    """With gaps in the history and in a forecast that is often wrong."""
    actual = START, waves(96 * 12, 0.0, missing=(20, 21, 300))
    known = waves(96 * 12, 0.9, missing=(21, 100, 101, 102, 103, 404))

    assert_same(
        actual, known, "45 */2 * * *",
        earlier=earlier, window=window, duration=duration, least=least,
    )  # fmt: skip


@pytest.mark.skipif(not SHARED.is_dir(), reason="its data is not part of the project")
@pytest.mark.parametrize("name", ["cc_DE_lifecycle_2020_2021.csv", "eia_CISO_2022.csv"])
def test_measured_traces(name: str) -> None:
    """On measured years, by perfect foresight and by what was true a day before."""
    first, quarters = read(SHARED / name)
    yesterday = [None] * 96 + list(quarters[:-96])

    assert_same((first, quarters), quarters, "0 5,16 * * *", window=24, duration=8)
    assert_same(
        (first, quarters), yesterday, "30 1 * * mon", earlier=16, window=16, duration=10,
        least="0.02",
    )  # fmt: skip
