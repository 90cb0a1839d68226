"""What a forecast says of itself, and what that does to a decision."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from carbonaware_prefect.core import Decision, Forecast, Policy, Reason, decide
from carbonaware_prefect.core.basis import Basis

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def decided(
    *values: float, basis: Basis | None = None, minimum_saving: float | None = None
) -> Decision:
    """The decision for an hour's run in AE that may wait, by hourly values."""
    forecast = Forecast.from_points(
        [(START + i * HOUR, value) for i, value in enumerate(values)],
        end=START + len(values) * HOUR,
        source="some",
        basis=basis,
    )
    policy = Policy(
        window=(len(values) - 1) * HOUR,
        duration=HOUR,
        zone="AE",
        minimum_saving=minimum_saving,
    )
    return decide(policy.bind(START), forecast, START)


@pytest.mark.parametrize(
    ("basis", "said", "least"),
    [
        (None, None, 0.02),
        (Basis("x"), None, 0.02),
        (Basis("x", 0.1), None, 0.1),
        (Basis("x", 0.0), None, 0.0),
        (Basis("x", 0.1), 0.05, 0.05),
        (Basis("x", 0.1), 0.0, 0.0),
        (None, 0.3, 0.3),
    ],
)
def test_the_least_saving(basis: Basis | None, said: float | None, least: float) -> None:
    """What the user says wins, then what the forecast says, then 2 %."""
    forecast = Forecast.from_points([(START, 1)], end=START + HOUR, basis=basis)

    found = Policy(minimum_saving=said).bind(START).least_saving(forecast)

    assert found == least


def test_a_forecast_s_own_least_saving_decides() -> None:
    """Four percent are worth a move by most forecasts, and too little for this one."""
    assert decided(100, 96).reason is Reason.CLEANER_SLOT
    held = decided(100, 96, basis=Basis("x", 0.05))
    assert held.reason is Reason.SAVING_TOO_SMALL
    assert "less than the minimum saving of 5 %" in held.sentence
    assert decided(100, 96, basis=Basis("x", 0.05), minimum_saving=0.03).wait


@pytest.mark.parametrize("values", [(100, 60), (100, 95), (60, 100)])
def test_each_sentence_gives_credit(values: tuple[float, ...]) -> None:
    """Whether a run waits or starts at once."""
    decision = decided(*values, basis=Basis("made by somebody", 0.1))

    assert decision.sentence.endswith(", zone AE; made by somebody")


def test_a_modelled_forecast_knows_savings_and_no_grams() -> None:
    """Percent of a day are not intensities, neither in numbers nor in words."""
    decision = decided(100, 80, basis=Basis("the sun", modelled=True))

    assert decision.wait
    assert decision.modelled
    assert (decision.intensity_nominal, decision.intensity_slot) == (None, None)
    assert decision.saving == pytest.approx(0.2)
    assert decision.sentence == (
        "Waiting for cleaner electricity: 01:00-02:00 UTC, -20 % by a modelled day, "
        "zone AE; the sun"
    )


def test_a_modelled_forecast_that_moves_nothing() -> None:
    """The sentence says so without grams."""
    decision = decided(80, 100, basis=Basis("the sun", modelled=True))

    assert not decision.wait
    assert "no start until 01:00 UTC is cleaner than now, zone AE" in decision.sentence
    assert "gCO2" not in decision.sentence


def test_a_modelled_forecast_that_begins_later() -> None:
    """Then there is no saving to state either, and the cleanest slot is taken."""
    forecast = Forecast.from_intervals(
        [(START + HOUR, START + 2 * HOUR, 90)], basis=Basis("", modelled=True)
    )
    policy = Policy(window=2 * HOUR, duration=HOUR)

    decision = decide(policy.bind(START), forecast, START)

    assert decision.wait
    assert decision.saving is None
    assert decision.sentence.endswith("01:00-02:00 UTC, cleanest by a modelled day")


def test_units() -> None:
    """A forecast says what its values are."""
    plain = Forecast.from_points([(START, 1)], end=START + HOUR)
    modelled = Forecast.from_points(
        [(START, 1)], end=START + HOUR, basis=Basis("", modelled=True)
    )

    assert plain.unit == "gCO2eq/kWh"
    assert modelled.unit == "% of a modelled day"
    assert plain != modelled
