"""A moved run whose row is gone: whether to put it back, and with what."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from carbonaware_prefect.planner.repair.entries import (
    Entry,
    digest_of,
    snapshot_of,
)
from carbonaware_prefect.planner.repair.redeploys import Fate, judge
from carbonaware_prefect.planner.repair.traces import counterpart

SECOND = timedelta(seconds=1)
MOVED = datetime(2026, 1, 10, 1, tzinfo=timezone.utc)
NOMINAL = MOVED + timedelta(hours=1)
NOW = NOMINAL + timedelta(minutes=30)
BEFORE, DUE, SINCE = (
    MOVED - timedelta(minutes=1),
    NOMINAL - timedelta(minutes=2),
    NOMINAL + timedelta(minutes=1),
)
NIGHTLY = {"cron": "0 2 * * *", "timezone": "UTC"}
CITY = {"city": "Bonn"}


def a_schedule(name: str, changed: datetime = BEFORE, **fields: Any) -> dict[str, Any]:
    """A schedule as the server answers it."""
    times = {"created": changed.isoformat(), "updated": changed.isoformat()}
    known: dict[str, Any] = {"id": f"{name}-id", "slug": name, "active": True}
    return known | {"schedule": NIGHTLY, "parameters": CITY} | times | fields


def a_deployment(
    *schedules: dict[str, Any], updated: datetime = BEFORE, **fields: Any
) -> dict[str, Any]:
    """A deployment as the server answers it; by default with the entry's schedules."""
    known = list(schedules) or [a_schedule("nightly"), a_schedule("hourly")]
    return {"schedules": known, "updated": updated.isoformat(), "paused": False} | fields


ENTRY = Entry(
    run="run",
    name="happy-heron",
    deployment="deployment",
    schedule="nightly-id",
    nominal_start=NOMINAL,
    start=NOMINAL + timedelta(hours=2),
    moved_at=MOVED,
    origin=("nightly", digest_of(CITY)),
    timetable=digest_of(NIGHTLY),
    before=snapshot_of(a_deployment()),
)
ANEW = [a_schedule(name, SINCE, id=f"new {name}") for name in ("nightly", "hourly")]


def deployed(at: datetime, **fields: Any) -> dict[str, Any]:
    """The deployment after a deploy: its schedules were written a moment later."""
    schedules = [
        a_schedule(name, at + SECOND / 10, created=BEFORE.isoformat())
        for name in ("nightly", "hourly")
    ]
    return a_deployment(*schedules, updated=at) | fields


@pytest.mark.parametrize(
    "deployment",
    [
        deployed(SINCE),
        a_deployment(*ANEW, updated=SINCE),
        a_deployment(updated=SINCE, parameters={"city": "Ulm"}),
        a_deployment(updated=SINCE, tags=["carbon-aware", "new"]),
        a_deployment(a_schedule("nightly", SINCE, schedule={"cron": "0 3 * * *"})),
        a_deployment(a_schedule("nightly", SINCE, parameters={"city": "Ulm"})),
        a_deployment(a_schedule("nightly"), a_schedule("hourly", SINCE)),
        a_deployment(a_schedule("nightly")),
    ],
    ids=[
        "deployed",
        "deployed without slugs",
        "parameters changed",
        "tags changed",
        "schedule changed",
        "parameters of the schedule changed",
        "another schedule changed",
        "another schedule deleted",
    ],
)
def test_what_a_change_deleted_is_put_back(deployment: dict[str, Any]) -> None:
    """Changed since it was due, the deployment has lost all its waiting runs at once."""
    assert judge(ENTRY, deployment, NOW).fate is Fate.PUT_BACK


@pytest.mark.parametrize(
    ("entry", "deployment", "because"),
    [
        (ENTRY, None, "its deployment was deleted"),
        (ENTRY, a_deployment(), "somebody deleted it"),
        (replace(ENTRY, deletable=False), deployed(SINCE), "somebody deleted it"),
        (replace(ENTRY, theirs=True), deployed(SINCE), "changed its start"),
        (ENTRY, deployed(SINCE, paused=True), "its deployment is paused"),
        (
            ENTRY,
            a_deployment(a_schedule("nightly", SINCE, active=False), a_schedule("hourly")),
            "switched off",
        ),
        (ENTRY, a_deployment(a_schedule("hourly")), "switched off or deleted"),
        (ENTRY, deployed(DUE), "changed before it was due"),
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

    assert verdict.fate is Fate.SETTLE
    assert because in verdict.because


LATER = SINCE + timedelta(hours=1)


@pytest.mark.parametrize(
    ("deployment", "because"),
    [
        (a_deployment(updated=SINCE), "paused and resumed"),
        (deployed(SINCE, updated=LATER.isoformat()), "paused and resumed, after a deploy"),
        (
            a_deployment(a_schedule("nightly", SINCE), a_schedule("hourly")),
            "switched off and on",
        ),
        (
            a_deployment(a_schedule("nightly", LATER), updated=SINCE),
            "switched off and on",
        ),
    ],
    ids=[
        "paused and resumed",
        "deployed, then paused and resumed",
        "switched off and on",
        "deployed, then switched off and on",
    ],
)
def test_a_person_wins(deployment: dict[str, Any], because: str) -> None:
    """What looks as a pause and a resume leave it is not put back, and that is told."""
    verdict = judge(ENTRY, deployment, NOW)

    assert verdict.fate is Fate.TELL
    assert because in verdict.because


@pytest.mark.parametrize(
    ("paused", "fate"),
    [
        ([], Fate.PUT_BACK),
        ([MOVED - SECOND], Fate.PUT_BACK),
        ([MOVED + SECOND], Fate.TELL),
        ([MOVED - SECOND, SINCE], Fate.TELL),
    ],
)
def test_a_deploy_that_ended_a_pause(paused: list[datetime], fate: Fate) -> None:
    """A pause that is known to have been while the run waited deleted it."""
    assert judge(ENTRY, deployed(SINCE), NOW, paused).fate is fate


def test_deployed_while_a_pass_was_reading() -> None:
    """What differs from what the pass had read was done later, whatever the clocks say."""
    just_before = MOVED - SECOND / 2
    entry = replace(ENTRY, nominal_start=just_before - SECOND)

    assert judge(entry, deployed(just_before), NOW).fate is Fate.PUT_BACK


OLD = replace(
    ENTRY, before=replace(ENTRY.before, updated="", content="", schedules=dict.fromkeys(
        ENTRY.before.schedules, ""
    ))
)  # fmt: skip


@pytest.mark.parametrize(
    ("deployment", "fate"),
    [
        (deployed(SINCE), Fate.PUT_BACK),
        (a_deployment(*ANEW, updated=SINCE), Fate.PUT_BACK),
        (a_deployment(a_schedule("nightly")), Fate.PUT_BACK),
        (a_deployment(), Fate.SETTLE),
        (a_deployment(updated=SINCE), Fate.TELL),
    ],
    ids=["deployed", "without slugs", "another deleted", "nothing", "perhaps paused"],
)
def test_entries_of_an_older_version(deployment: dict[str, Any], fate: Fate) -> None:
    """What they do not know is told by times; in doubt the person wins."""
    assert judge(OLD, deployment, NOW).fate is fate


def test_a_run_that_an_older_version_put_back() -> None:
    """It has no schedule written down: only a pause tells that nobody wants it."""
    entry = replace(OLD, schedule=None, origin=("", ""), timetable="")

    assert judge(entry, a_deployment(), NOW).because == "somebody deleted it"
    paused = judge(entry, a_deployment(paused=True), NOW)
    assert paused.because == "its deployment is paused"


def redeployed(changed: datetime, timetable: dict[str, Any], **fields: Any) -> Any:
    """Its deployment, deployed anew then, with that schedule."""
    nightly = a_schedule("nightly", changed, id="new", schedule=timetable, **fields)
    return a_deployment(nightly, updated=changed)


@pytest.mark.parametrize("seconds", [1, 59])
def test_deployed_too_late_to_be_made_anew(seconds: int) -> None:
    """Put back, once Prefect is surely not about to make it: no sooner than that."""
    deployment = redeployed(NOMINAL - seconds * SECOND, NIGHTLY)

    assert judge(ENTRY, deployment, NOMINAL + 4 * SECOND).fate is Fate.WAIT
    assert judge(ENTRY, deployment, NOMINAL + 5 * SECOND).fate is Fate.PUT_BACK
    assert judge(ENTRY, deployment, NOW).fate is Fate.PUT_BACK


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
    assert judge(entry, deployment, NOW).fate is Fate.SETTLE


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
    found = counterpart(ENTRY, a_deployment(*schedules))

    assert found is not None
    assert found["parameters"] == {"city": "Ulm"}


def test_parameters_where_schedules_have_no_names() -> None:
    """Without names, the schedule that gives the parameters that the run had."""
    schedules = [
        with_parameters("", city, id=f"new {city}") for city in ("Kiel", "Bonn", "Ulm")
    ]

    found = counterpart(ENTRY, a_deployment(*schedules))

    assert found is not None
    assert found["parameters"] == {"city": "Bonn"}


def test_no_schedule_is_left() -> None:
    """Where the old schedules are still there, none stands for one that was deleted."""
    assert counterpart(ENTRY, a_deployment(a_schedule("hourly"))) is None
    assert counterpart(ENTRY, {}) is None
