"""A moved run whose row is gone: whether to put it back, and with what."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from carbonaware_prefect.planner.repair.ledger import Entry, digest_of
from carbonaware_prefect.planner.repair.redeploys import judge, schedule_parameters

SECOND = timedelta(seconds=1)
MOVED = datetime(2026, 1, 10, 1, tzinfo=timezone.utc)
NOMINAL = MOVED + timedelta(hours=1)
NOW = NOMINAL + timedelta(minutes=30)
BEFORE, DUE, SINCE = (
    MOVED - timedelta(minutes=1),
    NOMINAL - timedelta(minutes=1),
    NOMINAL + timedelta(minutes=1),
)
NIGHTLY = {"cron": "0 2 * * *", "timezone": "UTC"}
ENTRY = Entry(
    run="run",
    name="happy-heron",
    deployment="deployment",
    schedule="nightly-id",
    nominal_start=NOMINAL,
    start=NOMINAL + timedelta(hours=2),
    moved_at=MOVED,
    origin=("nightly", digest_of({"city": "Bonn"})),
    timetable=digest_of(NIGHTLY),
    beside=("nightly-id", "hourly-id"),
)


def a_schedule(name: str, changed: datetime = BEFORE, **fields: Any) -> dict[str, Any]:
    """A schedule as the server answers it."""
    times = {"created": changed.isoformat(), "updated": changed.isoformat()}
    return {"id": f"{name}-id", "slug": name, "active": True} | times | fields


def a_deployment(
    *schedules: dict[str, Any], updated: datetime = BEFORE, **fields: Any
) -> dict[str, Any]:
    """A deployment as the server answers it; by default with the entry's schedules."""
    known = list(schedules) or [a_schedule("nightly"), a_schedule("hourly")]
    return {"schedules": known, "updated": updated.isoformat(), "paused": False} | fields


ANEW = [a_schedule(name, SINCE, id=f"new {name}") for name in ("nightly", "hourly")]


@pytest.mark.parametrize(
    "deployment",
    [
        a_deployment(updated=SINCE),
        a_deployment(*ANEW, updated=SINCE),
        a_deployment(a_schedule("nightly", SINCE), a_schedule("hourly")),
        a_deployment(a_schedule("nightly")),
    ],
    ids=["deployed", "deployed without slugs", "schedule changed", "another one deleted"],
)
def test_what_a_change_deleted_is_put_back(deployment: dict[str, Any]) -> None:
    """Changed since it was due, the deployment has lost all its waiting runs at once."""
    assert judge(ENTRY, deployment, NOW).restore


@pytest.mark.parametrize(
    ("entry", "deployment", "because"),
    [
        (ENTRY, None, "its deployment was deleted"),
        (ENTRY, a_deployment(), "somebody deleted it"),
        (replace(ENTRY, schedule=None), a_deployment(updated=SINCE), "somebody deleted it"),
        (replace(ENTRY, theirs=True), a_deployment(updated=SINCE), "changed its start"),
        (ENTRY, a_deployment(updated=SINCE, paused=True), "its deployment is paused"),
        (
            ENTRY,
            a_deployment(a_schedule("nightly", SINCE, active=False), a_schedule("hourly")),
            "switched off",
        ),
        (ENTRY, a_deployment(a_schedule("hourly")), "switched off or deleted"),
        (ENTRY, a_deployment(updated=DUE), "changed before it was due"),
    ],
    ids=[
        "deployment gone",
        "nothing changed",
        "put back before",
        "started by a person",
        "paused",
        "switched off",
        "schedule gone",
        "changed before it was due",
    ],
)
def test_what_somebody_did_not_want_is_left(
    entry: Entry, deployment: dict[str, Any] | None, because: str
) -> None:
    """A person's terms, or an occurrence that is made anew anyhow, is not put back."""
    verdict = judge(entry, deployment, NOW)

    assert not verdict.restore
    assert because in verdict.because


def redeployed(changed: datetime, timetable: dict[str, Any], **fields: Any) -> Any:
    """Its deployment, deployed anew then, with that schedule."""
    nightly = a_schedule("nightly", changed, id="new", schedule=timetable, **fields)
    return a_deployment(nightly, updated=changed)


@pytest.mark.parametrize("seconds", [1, 59])
def test_deployed_too_late_to_be_made_anew(seconds: int) -> None:
    """Put back, once Prefect is surely not about to make it: no sooner than that."""
    deployment = redeployed(NOMINAL - seconds * SECOND, NIGHTLY)
    early = judge(ENTRY, deployment, NOMINAL + 4 * SECOND)

    assert (early.restore, early.too_soon) == (False, True)
    assert judge(ENTRY, deployment, NOMINAL + 5 * SECOND).restore
    assert judge(ENTRY, deployment, NOW).restore


@pytest.mark.parametrize(
    ("entry", "deployment"),
    [
        (ENTRY, redeployed(NOMINAL - 61 * SECOND, NIGHTLY)),
        (ENTRY, redeployed(NOMINAL - SECOND, NIGHTLY | {"cron": "0 3 * * *"})),
        (replace(ENTRY, timetable=""), redeployed(NOMINAL - SECOND, NIGHTLY)),
        (replace(ENTRY, timetable=""), redeployed(NOMINAL - SECOND, {})),
    ],
    ids=["in time", "other times", "from an older version", "nothing known"],
)
def test_changed_before_it_was_due(entry: Entry, deployment: dict[str, Any]) -> None:
    """Prefect has made it anew, or it is wanted no more."""
    verdict = judge(entry, deployment, NOW)

    assert (verdict.restore, verdict.too_soon) == (False, False)


def with_parameters(name: str, city: str, **fields: Any) -> dict[str, Any]:
    """A schedule with parameters of its own."""
    return a_schedule(name, parameters={"city": city}, **fields)


@pytest.mark.parametrize(
    "schedules",
    [
        [with_parameters("hourly", "Kiel"), with_parameters("nightly", "Ulm")],
        [with_parameters("hourly", "Kiel"), with_parameters("nightly", "Ulm", id="new")],
        [
            with_parameters("hourly", "Bonn", id="new 1"),
            with_parameters("nightly", "Ulm", id="new 2"),
        ],
    ],
    ids=["same id", "same name", "name before parameters"],
)
def test_parameters_of_its_own_schedule(schedules: list[dict[str, Any]]) -> None:
    """Among several schedules its own is found, with the parameters that it has now."""
    assert schedule_parameters(ENTRY, a_deployment(*schedules)) == {"city": "Ulm"}


def test_parameters_where_schedules_have_no_names() -> None:
    """Without names, the schedule that gives the parameters that the run had."""
    schedules = [
        with_parameters("", city, id=f"new {city}") for city in ("Kiel", "Bonn", "Ulm")
    ]

    assert schedule_parameters(ENTRY, a_deployment(*schedules)) == {"city": "Bonn"}
