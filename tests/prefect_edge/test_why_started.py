"""Why a process started, told from the run's states and labels alone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from prefect.client.schemas.objects import State
from prefect.states import AwaitingRetry, Crashed, Pending, Running, Scheduled

from carbonaware_prefect.core import Forecast, Policy, Reason
from carbonaware_prefect.delay.choice import choose
from carbonaware_prefect.labels import Plan, labels_for, read_plan
from carbonaware_prefect.policies.given import given_in_call
from carbonaware_prefect.prefect_edge.why_started import StartCause, why_started

NOON = datetime(2026, 7, 1, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
SLOT = NOON + 2 * HOUR


def decision_labels(key: str | None = None) -> dict[str, Any]:
    """The labels of a run that is to wait two hours."""
    forecast = Forecast.from_points(
        [(NOON - HOUR, 300), (SLOT, 100), (SLOT + HOUR, 300)],
        end=NOON + 48 * HOUR,
        source="test",
        signal="marginal",
    )
    decision = choose(given_in_call(source=forecast, zone="DE"), due=NOON, now=NOON)
    return dict(labels_for(decision, key=key, decided_at=NOON, decided_by="task", moves=1))


def a_plan() -> Plan:
    """The plan that those labels hold."""
    plan = read_plan(decision_labels(), None)
    assert plan is not None
    return plan


def told(*states: State[Any]) -> list[State[Any]]:
    """States a minute apart, in the order given."""
    for i, state in enumerate(states):
        state.timestamp = NOON + i * timedelta(minutes=1)
    return list(states)


def at(moment: datetime, **more: Any) -> State[Any]:
    """A Scheduled state."""
    return Scheduled(scheduled_time=moment, **more)


OURS = "Waiting for cleaner electricity: 14:00-14:30 UTC"


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        # moved, and started by a server whose clock is ahead of ours
        (
            [
                Scheduled(),
                Running(),
                at(SLOT, message=OURS),
                Running(),
            ],
            StartCause.AT_THE_SLOT,
        ),
        # moved, then no worker came for a while
        (
            [
                Scheduled(),
                Running(),
                at(SLOT, message=OURS),
                at(SLOT, name="Late"),
                Running(),
            ],
            StartCause.AT_THE_SLOT,
        ),
        # "Run now"
        (
            [
                Scheduled(),
                Running(),
                at(SLOT),
                at(NOON),
                Running(),
            ],
            StartCause.BY_A_PERSON,
        ),
        # Retry in the UI, from the command line
        (
            [
                Scheduled(),
                Running(),
                at(SLOT),
                AwaitingRetry(message="Retry from the UI"),
                Running(),
            ],
            StartCause.BY_A_PERSON,
        ),
        (
            [Scheduled(), Running(), Crashed(), Scheduled(message="Retried via CLI")],
            StartCause.BY_A_PERSON,
        ),
        # a supervisor after SIGTERM, or a retry of the flow
        (
            [
                Scheduled(),
                Running(),
                at(SLOT),
                AwaitingRetry(),
                Running(),
            ],
            StartCause.BEFORE_THE_MOVE,
        ),
        # restarted by its infrastructure between the labels and the move
        ([Scheduled(), Pending(), Running(), Running()], StartCause.BEFORE_THE_MOVE),
        ([], StartCause.BEFORE_THE_MOVE),
    ],
)
def test_why_a_process_started(states: list[State[Any]], expected: StartCause) -> None:
    """The last Scheduled state tells who started the run."""
    assert expected is why_started(told(*states), a_plan())


def test_labels_hold_the_plan() -> None:
    """What is written on a run is read back, under its key."""
    plan = read_plan(decision_labels("stage"), "stage")

    assert plan is not None
    assert (plan.slot_start, plan.nominal_start, plan.moves) == (SLOT, NOON, 1)
    assert plan.waits()
    assert read_plan(decision_labels("stage"), None) is None


def test_plan_is_carried_out_as_it_was_decided() -> None:
    """A plan gives the same slot, numbers and sentence that were decided."""
    decision = a_plan().decision(Policy(zone="DE"))

    assert decision.wait
    assert decision.slot is not None
    assert (decision.slot.start, decision.slot.mean_intensity) == (SLOT, 100)
    assert decision.sentence.startswith(OURS)
    assert decision.signal == "marginal"


@pytest.mark.parametrize(
    "damage",
    [{"slot_start": "soon"}, {"moves": "many"}, {"nominal_start": 7}, {"decided_at": ""}],
)
def test_labels_that_somebody_else_wrote_are_no_plan(damage: dict[str, Any]) -> None:
    """Labels that cannot be read count as none."""
    broken = {f"carbonaware.{name}": value for name, value in damage.items()}

    assert read_plan(decision_labels() | broken, None) is None


def test_incomplete_plan_means_start_now() -> None:
    """A plan without the slot's intensity is not carried out."""
    labels = decision_labels()
    del labels["carbonaware.intensity_slot"], labels["carbonaware.saving_percent"]
    plan = read_plan(labels, None)

    assert plan is not None
    assert plan.decision(Policy(zone="DE")).reason is Reason.WINDOW_CLOSED


def test_labels_are_only_strings_numbers_and_booleans() -> None:
    """No label is null, a list or a dict: the server would break on reading the run."""
    unknown = choose(given_in_call(), due=NOON, now=NOON)
    labels = labels_for(unknown, key=None, decided_at=NOON, decided_by="task", moves=0)

    assert all(isinstance(v, (str, int, float, bool)) for v in labels.values())
    assert "carbonaware.slot_start" not in labels
