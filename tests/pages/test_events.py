"""What an event says, and that it is the same event however often it is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from prefect.events import Event

from carbonaware_prefect.pages.events import RunEvent, RunEventName

NOW = datetime(2026, 11, 21, 22, tzinfo=timezone.utc)
RUN, DEPLOYMENT = (f"01234567-89ab-cdef-0123-00000000000{n}" for n in (1, 2))
MOVED = RunEvent(
    name=RunEventName.MOVED,
    run=RUN,
    run_name="happy-heron",
    deployment=DEPLOYMENT,
    deployment_name="nightly",
    record={"carbonaware.slot_start": "2026-11-22T01:00:00+00:00", "carbonaware.moves": 1},
    sentence="Waiting",
    occurred=NOW,
)


def test_the_names_are_a_contract() -> None:
    """Automations match them."""
    assert [each.value for each in RunEventName] == [
        "carbonaware.run.moved",
        "carbonaware.run.placed",
        "carbonaware.run.overridden",
        "carbonaware.run.no_forecast",
        "carbonaware.run.settled",
    ]


def test_prefect_takes_the_document() -> None:
    """The run and its deployment are related, and the payload is the record."""
    event = Event.model_validate(MOVED.document())

    assert event.resource.id == f"carbonaware.run.{RUN}"
    assert {each.role: each.id for each in event.related} == {
        "flow-run": f"prefect.flow-run.{RUN}",
        "deployment": f"prefect.deployment.{DEPLOYMENT}",
    }
    assert event.payload == {
        "slot_start": "2026-11-22T01:00:00+00:00",
        "moves": 1,
        "sentence": "Waiting",
    }
    assert event.occurred == NOW


def test_a_run_without_a_deployment() -> None:
    """Only the run is related."""
    (related,) = replace(MOVED, deployment=None).related

    assert related["prefect.resource.id"] == f"prefect.flow-run.{RUN}"


def test_the_same_event_has_the_same_id() -> None:
    """Two planners tell of one move, and of two moves twice."""
    later = replace(MOVED, occurred=NOW + timedelta(minutes=5), sentence="as said")
    again = replace(MOVED, record={**MOVED.record, "carbonaware.moves": 2})
    placed = replace(MOVED, name=RunEventName.PLACED)

    assert later.id == MOVED.id
    assert len({MOVED.id, again.id, placed.id, replace(placed, key="a").id}) == 4
    assert replace(placed, record=again.record).id == placed.id
