"""The planner's memory: written as a log, read as one, and kept small."""

from __future__ import annotations

import asyncio
import json
import zlib
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest

from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.repair.artifacts import newest
from carbonaware_prefect.planner.repair.documents import Mention, pack, unpack
from carbonaware_prefect.planner.repair.entries import Entry, Snapshot
from carbonaware_prefect.planner.repair.ledger import (
    KEEP,
    KEY,
    Ledger,
    read_ledger,
    tidy,
    write_ledger,
)
from carbonaware_prefect.planner.repair.older import TABLE
from carbonaware_prefect.planner.repair.table import publish
from carbonaware_prefect.planner.upcoming import StartOwner, Upcoming, read_upcoming

RUN, OTHER, DEPLOYMENT = (str(UUID(int=n)) for n in (1, 2, 3))
NOMINAL = datetime(2026, 1, 10, 2, tzinfo=timezone.utc)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
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
    before=Snapshot(
        updated="2026-01-09T20:00:00Z",
        schedules={"schedule": "2026-01-09T20:00:00.1Z", "another": ""},
        content="0123456789abcdef",
    ),
    record={"carbonaware.reason": "cleaner_slot", "carbonaware.moves": 2},
    sentence='Waiting: 300 -> 100, "zone" DE | ü',
)


class Shelf:
    """Artifacts as a server keeps them, on a clock that goes on a second with each.

    Attributes:
        kept: all that there are, oldest first.
        calls: what was asked of it.
        deaths: after how many more calls it is not to be reached; None for never.
    """

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str]] = []
        self.dies_after: int | None = None
        self._now = NOMINAL

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        if self.dies_after is not None and len(self.calls) >= self.dies_after:
            raise PlannerDiedError
        self.calls.append((method, path))
        if path == "/artifacts/filter":
            (key,) = body["artifacts"]["key"]["any_"]
            found = [each for each in reversed(self.kept) if each["key"] == key]
            return found[body["offset"] :][: body["limit"]]
        if path == "/artifacts/latest/filter":
            last = {each["key"]: each for each in self.kept}
            asked = body["artifacts"]["key"]["any_"]
            found = [last[key] for key in asked if key in last]
            return [each | {"latest_id": each["id"], "id": "another"} for each in found]
        if method == "POST":
            self.put(**body)
        elif method == "PATCH":
            self._one(path).update(body)
        else:
            self.kept.remove(self._one(path))
        return None

    def put(self, **artifact: Any) -> None:
        """One more artifact, made now."""
        self._now += SECOND
        made = {"id": str(uuid4()), "created": self._now.isoformat()}
        self.kept.append(artifact | made)

    def _one(self, path: str) -> dict[str, Any]:
        found = [each for each in self.kept if path.endswith(each["id"])]
        if not found:
            gone = httpx.Response(404, request=httpx.Request("GET", "http://shelf"))
            gone.raise_for_status()
        return found[0]

    def of(self, key: str) -> list[dict[str, Any]]:
        return [each for each in self.kept if each["key"] == key]


class PlannerDiedError(Exception):
    """It makes no more calls."""


def write(shelf: Shelf, *entries: Entry) -> None:
    """One more document."""
    asyncio.run(write_ledger(cast("Api", shelf), entries))


def look(shelf: Shelf) -> Ledger:
    """What is written down."""
    return asyncio.run(read_ledger(cast("Api", shelf)))


def read(shelf: Shelf) -> dict[str, Entry]:
    """What waits."""
    return dict(look(shelf).waiting)


def clean(shelf: Shelf, now: datetime = NOMINAL + timedelta(days=1)) -> None:
    """What a planner does at the end of a pass."""
    asyncio.run(tidy(cast("Api", shelf), look(shelf), now))


@pytest.mark.parametrize(
    "entry",
    [
        ENTRY,
        replace(ENTRY, schedule=None),
        replace(ENTRY, theirs=True),
        replace(ENTRY, deletable=False),
        replace(ENTRY, before=Snapshot(), record={}),
    ],
)
def test_round_trip(entry: Entry) -> None:
    """What was written is read again, all of it, beside others with other labels."""
    shelf = Shelf()
    other = replace(ENTRY, run=OTHER, record={"carbonaware.zone": "DE"})
    write(shelf, entry, other)

    assert read(shelf) == {RUN: entry, OTHER: other}


def test_what_is_settled_waits_no_longer() -> None:
    """The newest mention of a run holds."""
    shelf = Shelf()
    write(shelf, ENTRY)
    write(shelf, ENTRY.settled("it is Completed"))

    assert read(shelf) == {}


def test_two_planners_lose_nothing_of_one_another() -> None:
    """Documents that were written at once, each without the other's run, add up."""
    shelf, other = Shelf(), replace(ENTRY, run=OTHER)
    write(shelf, ENTRY)
    write(shelf, other)

    assert read(shelf) == {RUN: ENTRY, OTHER: other}


@pytest.mark.parametrize(
    "data",
    [
        None,
        "",
        "no document",
        "{}",
        "5",
        5,
        [1, None],
        {"format": 2, "crashes_until": None, "packed": "x"},
        {"format": 2, "crashes_until": None, "packed": b64encode(b"x").decode()},
        {
            "format": 2,
            "crashes_until": None,
            "packed": b64encode(
                zlib.compress(b'{"snapshots": {}, "columns": {"run": 1}}')
            ).decode(),
        },
        {
            "format": 2,
            "crashes_until": None,
            "packed": b64encode(zlib.compress(b"[" * 100_000)).decode(),
        },
        pack([(ENTRY, None)])[:-40] + '"}',
    ],
)
def test_what_somebody_else_wrote_there(data: Any) -> None:
    """A document that is none of ours hides nothing that others say."""
    shelf = Shelf()
    write(shelf, ENTRY)
    shelf.put(key=KEY, data=data)

    assert read(shelf) == {RUN: ENTRY}


def _damaged(column: str, value: Any) -> str:
    """A document of two entries, in which one cell of the first was changed."""
    document = json.loads(pack([(ENTRY, None), (replace(ENTRY, run=OTHER), None)]))
    content = json.loads(zlib.decompress(_bytes(document["packed"])))
    content["columns"][column][0] = value
    document["packed"] = b64encode(zlib.compress(json.dumps(content).encode())).decode()
    return json.dumps(document)


def _bytes(packed: str) -> bytes:

    return b64decode(packed)


_COLUMNS = json.loads(zlib.decompress(_bytes(json.loads(pack([(ENTRY, None)]))["packed"])))[
    "columns"
]


@pytest.mark.parametrize("column", sorted(_COLUMNS))
@pytest.mark.parametrize("value", [None, 5, "", "x", [], {}, ["x"], True])
def test_no_damage_ends_a_pass(column: str, value: Any) -> None:
    """Whatever stands in a cell, the others are read."""
    mentions, _ = unpack(_damaged(column, value), NOMINAL)

    assert OTHER in {mention.entry.run for mention in mentions}


@pytest.mark.parametrize("column", ["run", "deployment", "nominal_start", "start"])
def test_entries_that_lost_what_they_need(column: str) -> None:
    """An entry of no run, no deployment or no time is passed over."""
    mentions, _ = unpack(_damaged(column, "x"), NOMINAL)

    assert [mention.entry.run for mention in mentions] == [OTHER]


def test_until_when_crashes_were_looked_at() -> None:
    """The latest time in any document holds, and outlives them."""
    shelf = Shelf()
    for minutes in (2, 1):
        asyncio.run(write_ledger(cast("Api", shelf), [], NOMINAL + minutes * MINUTE))
    for _ in range(16):
        write(shelf, ENTRY)
    clean(shelf)

    assert len(shelf.of(KEY)) == 1
    assert look(shelf).crashes_until == NOMINAL + 2 * MINUTE


def _busy_shelf(passes: int = 17) -> Shelf:
    """Documents of so many passes; in each a run is put elsewhere, and one is settled."""
    shelf = Shelf()
    for number in range(passes):
        moved = replace(ENTRY, start=ENTRY.start + number * MINUTE)
        done = replace(ENTRY, run=str(UUID(int=100 + number)), note="it is Completed")
        write(shelf, moved, done)
    return shelf


def test_many_documents_become_one() -> None:
    """What holds is in it, and what does not hold any more is gone with the others."""
    shelf = _busy_shelf()
    before = read(shelf)
    clean(shelf)

    assert len(shelf.of(KEY)) == 1
    assert read(shelf) == before == {RUN: replace(ENTRY, start=ENTRY.start + 16 * MINUTE)}
    assert len(look(shelf).mentions) == 1


def test_few_documents_are_left_as_they_are() -> None:
    """A pass with little news does not write all that is known."""
    shelf = _busy_shelf(16)
    before = list(shelf.kept)
    clean(shelf)

    assert shelf.kept == before


def test_much_that_is_out_of_date_is_left_out() -> None:
    """However few the documents are."""
    shelf = Shelf()
    many = [replace(ENTRY, run=str(UUID(int=n))) for n in range(1, 1202)]
    write(shelf, *many)
    write(shelf, *(each.settled("it is Completed") for each in many[1:]))
    clean(shelf)

    assert len(shelf.of(KEY)) == 1
    assert read(shelf) == {RUN: ENTRY}


def test_what_others_may_still_need_is_kept() -> None:
    """For an hour, what was settled and where runs were to be put before."""
    shelf = _busy_shelf()
    clean(shelf, NOMINAL + KEEP)

    ledger = look(shelf)
    assert len(ledger.mentions) == 2 * 17
    assert ledger.newest[str(UUID(int=100))].entry.note == "it is Completed"


def test_settled_by_one_while_another_makes_one_of_many() -> None:
    """What the other still has as waiting in its document does not wait again."""
    shelf = _busy_shelf()
    old = look(shelf)
    write(shelf, replace(ENTRY, note="it is Completed"))
    clean(shelf, NOMINAL + MINUTE)
    asyncio.run(tidy(cast("Api", shelf), old, NOMINAL + MINUTE))

    assert read(shelf) == {}


@pytest.mark.parametrize("calls", range(20))
def test_a_planner_that_dies_while_it_makes_one_of_many(calls: int) -> None:
    """Between any two calls: nothing is lost, and the next one finishes it."""
    shelf = _busy_shelf()
    before, shelf.calls = read(shelf), []
    shelf.dies_after = calls
    try:
        clean(shelf)
    except PlannerDiedError:
        assert calls < 19
    shelf.dies_after = None
    assert read(shelf) == before
    for _ in range(17):
        write(shelf, replace(ENTRY, start=ENTRY.start + 16 * MINUTE))
    clean(shelf)

    assert read(shelf) == before
    assert len(shelf.of(KEY)) == 1


def _older_row(entry: Entry = ENTRY, state: str = "waiting", note: str = "") -> Any:
    """A row as version 0.2 wrote it."""
    return {
        "run": entry.name,
        "deployment": "nightly/etl",
        "nominal start": entry.nominal_start.isoformat(),
        "starts at": entry.start.isoformat(),
        "why": entry.sentence,
        "state": state,
        "note": note,
        "planned at": entry.moved_at.isoformat(),
        "run id": entry.run,
        "deployment id": entry.deployment,
        "schedule id": entry.schedule or "",
        "origin": list(entry.origin),
        "timetable": entry.timetable,
        "schedules": list(entry.before.schedules),
        "record": json.dumps(entry.record),
    }


def _older(shelf: Shelf, *rows: Any) -> None:
    """One more version of the table that 0.2 kept everything in."""
    shelf.put(key=TABLE, data=json.dumps(rows))


OLD = replace(ENTRY, before=Snapshot(schedules={"schedule": "", "another": ""}))


def test_what_an_older_version_wrote_down() -> None:
    """The newest mention of each run in its last versions is read, and written down."""
    shelf, other = Shelf(), replace(ENTRY, run=OTHER, schedule=None)
    _older(shelf, _older_row(), _older_row(other))
    _older(shelf, _older_row(state="a person's"))
    _older(shelf, _older_row(replace(ENTRY, run=DEPLOYMENT), "settled", "it is gone"))
    put_back = replace(OLD, run=OTHER, schedule=None, deletable=False)
    waiting = {RUN: replace(OLD, theirs=True), OTHER: put_back}
    ledger = look(shelf)

    assert dict(ledger.waiting) == waiting
    assert ledger.news(waiting.values()) == list(waiting.values())
    write(shelf, *waiting.values())
    assert look(shelf).news(waiting.values()) == []


@pytest.mark.parametrize("column", sorted(_older_row()))
@pytest.mark.parametrize("value", [None, 5, "", "x", [], {}, ["x"], True])
def test_no_damage_to_an_older_table_ends_a_pass(column: str, value: Any) -> None:
    """Whatever stands in a cell, the other rows are read."""
    shelf, other = Shelf(), replace(ENTRY, run=OTHER)
    _older(shelf, _older_row() | {column: value}, _older_row(other))

    assert OTHER in read(shelf)


def show(shelf: Shelf, *entries: Entry) -> bool:
    """Write the table for people."""
    names, api = {DEPLOYMENT: "nightly"}, cast("Api", shelf)

    async def shown() -> bool:
        there = await newest(api, [TABLE])
        return await publish(api, entries, names, there.get(TABLE))

    return asyncio.run(shown())


def test_people_read_one_table() -> None:
    """It is written over, shows who waits for what, and is no memory."""
    shelf = Shelf()
    assert not show(shelf, ENTRY)
    many = [replace(ENTRY, run=str(UUID(int=n))) for n in range(300)]
    assert not show(shelf, *many)

    (table,) = shelf.of(TABLE)
    rows = json.loads(table["data"])
    assert "the next 100 of 300" in table["description"]
    assert len(rows) == 100
    assert rows[0] == {
        "run": "happy-heron",
        "deployment": "nightly",
        "nominal start": "2026-01-10 02:00 UTC",
        "starts at": "2026-01-10 04:00 UTC",
        "why": ENTRY.sentence,
    }
    assert read(shelf) == {}


def test_versions_that_an_older_planner_left_are_cleared() -> None:
    """Some with each pass that has news, once they are written down elsewhere."""
    shelf = Shelf()
    for _ in range(5):
        _older(shelf, _older_row(replace(ENTRY, sentence="x" * 1024 * 1024)))
    assert show(shelf, ENTRY)
    assert len(shelf.of(TABLE)) == 6
    assert not show(shelf, ENTRY)
    assert len(shelf.of(TABLE)) == 2
    assert not show(shelf, ENTRY)

    (table,) = shelf.of(TABLE)
    assert json.loads(table["data"])[0]["run"] == "happy-heron"


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
        (ENTRY.start, 59 * MINUTE, StartOwner.UNFINISHED),
        (ENTRY.start, 61 * MINUTE, StartOwner.PERSON),
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


def test_news_are_written_and_nothing_else() -> None:
    """Another start or another owner is news, a sentence is none."""
    ledger = Ledger.of([Mention(ENTRY, NOMINAL)], ["document"])
    moved, theirs = replace(ENTRY, start=NOMINAL), replace(ENTRY, theirs=True)
    other = replace(ENTRY, run=OTHER)

    assert ledger.news([replace(ENTRY, sentence="other words")]) == []
    assert ledger.news([moved, other]) == [moved, other]
    assert ledger.news([theirs]) == [theirs]
    assert ledger.news([ENTRY.settled("it is Completed")]) != []
    assert ledger.with_news([moved], NOMINAL).news([moved]) == []


def test_a_run_that_was_put_back_has_its_schedule() -> None:
    """The server knows no schedule of it; the ledger does."""
    ledger = Ledger.of([Mention(ENTRY, NOMINAL)], ["document"])
    restored = ENTRY.record | {"carbonaware.restored_from": OTHER}
    run = ledger.recognise(a_run(ENTRY.start, None, labels=restored))

    assert (run.schedule, run.schedule_name) == ("schedule", "nightly")
