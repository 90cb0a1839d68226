"""The record of a decision on a run, written and read back."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from carbonaware_prefect.core import Forecast, Policy, Reason, decide
from carbonaware_prefect.core.basis import Basis
from carbonaware_prefect.labels import labels_for, read_plan

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize("modelled", [False, True])
def test_a_plan_can_be_carried_out_again(modelled: bool) -> None:
    """From its labels alone, with the same slot and saving; a model leaves no grams."""
    forecast = Forecast.from_points(
        [(START, 100), (START + HOUR, 80)],
        end=START + 2 * HOUR,
        source="typical (sun)" if modelled else "typical",
        basis=Basis("credit", modelled=modelled),
    )
    policy = Policy(window=HOUR, duration=HOUR, zone="AE")
    decision = decide(policy.bind(START), forecast, START)

    labels = labels_for(decision, key=None, decided_at=START, decided_by="task", moves=1)
    plan = read_plan(labels, None)

    assert ("carbonaware.intensity_slot" in labels) is not modelled
    assert ("carbonaware.intensity_nominal" in labels) is not modelled
    assert labels["carbonaware.saving_percent"] == 20
    assert plan is not None
    again = plan.decision(policy)
    assert again.wait
    assert again.reason is Reason.CLEANER_SLOT
    assert again.slot == decision.slot
    assert again.saving == pytest.approx(0.2)
    assert again.intensity_slot == decision.intensity_slot


@pytest.mark.parametrize("field", ["nominal_start", "slot_start", "decided_at"])
@pytest.mark.parametrize(
    "far",
    ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00+14:00"],
)
def test_a_plan_at_the_end_of_the_calendar(field: str, far: str) -> None:
    """Somebody else wrote that; no window could be added to it."""
    times = ("nominal_start", "slot_start", "decided_at")
    labels = {f"carbonaware.{name}": START.isoformat() for name in times}
    assert read_plan(labels, None) is not None

    assert read_plan(labels | {f"carbonaware.{field}": far}, None) is None
    pieces = {"carbonaware.allowed_starts": f"{START.isoformat()}/{far}"}
    assert read_plan(labels | pieces, None) is None
