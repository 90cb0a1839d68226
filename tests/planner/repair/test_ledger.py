"""What is written down before a move, and read again whatever became of the table."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, cast
from uuid import UUID

import pytest

from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.repair.ledger import (
    Entry,
    Ledger,
    read_ledger,
    write_ledger,
)
from carbonaware_prefect.planner.upcoming import StartOwner, Upcoming, read_upcoming

RUN, OTHER, DEPLOYMENT = (str(UUID(int=n)) for n in (1, 2, 3))
NOMINAL = datetime(2026, 1, 10, 2, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
ENTRY = Entry(
    run=RUN,
    name="happy-heron",
    deployment=DEPLOYMENT,
    schedule="schedule",
    nominal_start=NOMINAL,
    start=NOMINAL + timedelta(hours=2, microseconds=7),
    moved_at=NOMINAL - timedelta(hours=6),
    origin=("nightly", "0123456789abcdef"),
    timetable="fedcba9876543210",
    beside=("schedule", "another"),
    record={"carbonaware.reason": "cleaner_slot", "carbonaware.moves": 2},
    sentence='Waiting: 300 -> 100, "zone" DE | ü',
)


class Shelf:
    """The versions of the table, newest first: what a server keeps of it."""

    def __init__(self) -> None:
        self.versions: list[Any] = []

    async def artifacts(self, key: str, count: int) -> list[dict[str, Any]]:
        return [{"data": data} for data in self.versions[:count]]

    async def write_artifact(self, artifact: dict[str, Any]) -> None:
        self.versions.insert(0, artifact["data"])


def write(shelf: Shelf, *entries: Entry) -> None:
    """One more version of the table."""
    asyncio.run(write_ledger(cast("Api", shelf), entries, {DEPLOYMENT: "nightly/etl"}))


def read(shelf: Shelf) -> dict[str, Entry]:
    """What waits."""
    return dict(asyncio.run(read_ledger(cast("Api", shelf))).waiting)


@pytest.mark.parametrize(
    "entry", [ENTRY, replace(ENTRY, schedule=None), replace(ENTRY, theirs=True)]
)
def test_round_trip(entry: Entry) -> None:
    """What was written is read again, all of it."""
    shelf = Shelf()
    write(shelf, entry)

    assert read(shelf) == {RUN: entry}


def test_what_is_settled_waits_no_longer() -> None:
    """The newest mention of a run holds."""
    shelf = Shelf()
    write(shelf, ENTRY)
    write(shelf, ENTRY.settled("it is Completed"))

    assert read(shelf) == {}


def test_two_planners_lose_nothing_of_one_another() -> None:
    """Versions that were written at once, each without the other's run, add up."""
    shelf, other = Shelf(), replace(ENTRY, run=OTHER)
    write(shelf, ENTRY)
    write(shelf, other)

    assert read(shelf) == {RUN: ENTRY, OTHER: other}


@pytest.mark.parametrize(
    "data", [None, "", "no table", "{}", "5", 5, {"run": 1}, [1, None]]
)
def test_what_somebody_else_wrote_there(data: Any) -> None:
    """A version that is no table of ours hides nothing that others say."""
    shelf = Shelf()
    write(shelf, ENTRY)
    shelf.versions.insert(0, data)

    assert read(shelf) == {RUN: ENTRY}


@pytest.mark.parametrize("value", [None, 5, "", "soon", [], {}, "0001-01-01T00:00+14:00"])
@pytest.mark.parametrize("column", ["nominal start", "starts at", "planned at"])
def test_rows_that_lost_their_times(column: str, value: Any) -> None:
    """A row without its times is passed over, the others count."""
    shelf, other = Shelf(), replace(ENTRY, run=OTHER)
    write(shelf, ENTRY, other)
    rows = json.loads(shelf.versions[0])
    rows[0][column] = value
    shelf.versions[0] = json.dumps(rows)

    assert list(read(shelf)) == [rows[1]["run id"]]


@pytest.mark.parametrize("column", list(ENTRY.as_row("nightly")))
@pytest.mark.parametrize("value", [None, 5, "", "x", [], {}, ["x"], True])
def test_no_damage_ends_a_pass(column: str, value: Any) -> None:
    """Whatever stands in a cell, the table is read."""
    shelf, other = Shelf(), replace(ENTRY, run=OTHER)
    write(shelf, ENTRY, other)
    rows = json.loads(shelf.versions[0])
    rows[0][column] = value
    shelf.versions[0] = json.dumps(rows)

    assert rows[1]["run id"] in read(shelf)


@pytest.mark.parametrize("column", ["run id", "deployment id"])
def test_ids_that_are_none(column: str) -> None:
    """A row of no run or no deployment is passed over: the server would refuse it."""
    shelf, other = Shelf(), replace(ENTRY, run=OTHER)
    write(shelf, ENTRY, other)
    rows = json.loads(shelf.versions[0])
    rows[0][column] = "x"
    shelf.versions[0] = json.dumps(rows)

    assert list(read(shelf)) == [rows[1]["run id"]]


def test_a_row_without_its_columns() -> None:
    """Rows of another version of this package are passed over."""
    shelf = Shelf()
    shelf.versions = [json.dumps([{"run id": "run"}, {}])]

    assert read(shelf) == {}


def a_run(start: datetime, set_at: datetime | None, **fields: Any) -> Upcoming:
    """A moved run as the server shows it, with a plan for another start on it."""
    state = {
        "name": "Scheduled",
        "timestamp": None if set_at is None else set_at.isoformat(),
        "state_details": {"scheduled_time": start.isoformat()},
    }
    labels = ENTRY.record | {
        "carbonaware.nominal_start": NOMINAL.isoformat(),
        "carbonaware.slot_start": (ENTRY.start + MINUTE).isoformat(),
        "carbonaware.decided_at": (ENTRY.moved_at - MINUTE).isoformat(),
        "carbonaware.decided_by": "planner",
    }
    found = read_upcoming(
        {
            "id": RUN,
            "name": "happy-heron",
            "deployment_id": DEPLOYMENT,
            "created": (NOMINAL - timedelta(days=1)).isoformat(),
            "expected_start_time": NOMINAL.isoformat(),
            "auto_scheduled": True,
            "labels": labels,
            "state": state,
        }
        | fields
    )
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("start", "after", "start_owner"),
    [
        (ENTRY.start, timedelta(seconds=2), StartOwner.UNFINISHED),
        (ENTRY.start, 9 * MINUTE, StartOwner.UNFINISHED),
        (ENTRY.start, 11 * MINUTE, StartOwner.PERSON),
        (ENTRY.start, -MINUTE / 2, StartOwner.PERSON),
        (ENTRY.start + 2 * MINUTE, timedelta(seconds=2), StartOwner.PERSON),
        (ENTRY.start, None, StartOwner.PERSON),
    ],
)
def test_a_start_that_another_planner_had_written_down(
    start: datetime, after: timedelta | None, start_owner: StartOwner
) -> None:
    """It is the planner's, if it was set when that was planned, whatever came later."""
    shelf = Shelf()
    write(shelf, ENTRY)
    write(shelf, replace(ENTRY, start=ENTRY.start + MINUTE))
    ledger = asyncio.run(read_ledger(cast("Api", shelf)))
    run = a_run(start, None if after is None else ENTRY.moved_at + after)

    assert run.start_owner is StartOwner.PERSON
    assert ledger.recognise(run).start_owner is start_owner
    assert Ledger().recognise(run).start_owner is StartOwner.PERSON


def test_only_a_persons_runs_may_turn_out_to_be_the_planners() -> None:
    """One that no schedule made stays nobody's, whatever is written down."""
    shelf = Shelf()
    write(shelf, ENTRY)
    ledger = asyncio.run(read_ledger(cast("Api", shelf)))
    run = a_run(ENTRY.start, ENTRY.moved_at, auto_scheduled=False)

    assert ledger.recognise(run) == run


def test_news_are_worth_a_version_and_nothing_else() -> None:
    """The table is written anew for another start or another owner, not for a sentence."""
    ledger = Ledger(waiting={RUN: ENTRY})

    assert not ledger.differs({RUN: replace(ENTRY, sentence="other words")})
    assert ledger.differs({})
    assert ledger.differs({RUN: replace(ENTRY, start=NOMINAL)})
    assert ledger.differs({RUN: replace(ENTRY, theirs=True)})
