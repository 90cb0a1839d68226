"""The runs that wait elsewhere than at their nominal start, written down outside of them.

A redeploy deletes the row of such a run, and with it all that was written on it. So
before the planner moves a run it writes the run into an artifact, a table that people
can read too. Each version lists all runs that still wait; what was settled since the
last one is listed once. Readers take the newest mention of a run over the last versions,
so two planners that write at once lose nothing of one another.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from carbonaware_prefect.planner.api import Api, Json
from carbonaware_prefect.planner.upcoming import SAME, StartOwner, Upcoming, moment

__all__ = [
    "KEY",
    "Entry",
    "Ledger",
    "digest_of",
    "entry_for",
    "origin_of",
    "read_ledger",
    "timetable_of",
    "write_ledger",
]

KEY = "carbon-aware-runs"
_WAITING, _THEIRS, _SETTLED = "waiting", "a person's", "settled"
_VERSIONS = 20
# What is planned is done by then, if it is done.
_CARRIED_OUT = timedelta(minutes=10)
# Two clocks are taken for the same until they are so far apart.
_CLOCKS_APART = timedelta(seconds=5)
_DESCRIPTION = (
    "Flow runs that `carbonaware-prefect` moved away from their nominal start. The planner "
    "reads this table to put back what a redeploy deletes: please leave it as it is."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A run that was, or is about to be, moved.

    Attributes:
        run, name, deployment, schedule: as the server has them; the schedule's id.
        origin: what tells its schedule and parameters from others, also when a redeploy
            gives them new ids.
        timetable: tells when its schedule starts runs from when others do.
        beside: ids of all schedules that its deployment had.
        nominal_start, start: UTC; where the run was, and where it was put.
        moved_at: when that was planned, by the server's clock.
        record: the labels that the run carries.
        sentence: why it waits.
        theirs: whether a person has changed its start since.
        note: why it waits no longer, None while it does.
    """

    run: str
    name: str
    deployment: str
    schedule: str | None
    nominal_start: datetime
    start: datetime
    moved_at: datetime
    origin: tuple[str, str] = ("", "")
    timetable: str = ""
    beside: tuple[str, ...] = ()
    record: Json = field(default_factory=dict)
    sentence: str = ""
    theirs: bool = False
    note: str | None = None

    def settled(self, note: str) -> Entry:
        """The same entry, for the last time."""
        return replace(self, note=note)

    def _state(self) -> str:
        if self.note is not None:
            return _SETTLED
        return _THEIRS if self.theirs else _WAITING

    def as_row(self, deployment_name: str) -> Json:
        """The entry as a row of the table."""
        return {
            "run": self.name,
            "deployment": deployment_name,
            "nominal start": self.nominal_start.isoformat(),
            "starts at": self.start.isoformat(),
            "why": self.sentence,
            "state": self._state(),
            "note": self.note or "",
            "planned at": self.moved_at.isoformat(),
            "run id": self.run,
            "deployment id": self.deployment,
            "schedule id": self.schedule or "",
            "origin": list(self.origin),
            "timetable": self.timetable,
            "schedules": list(self.beside),
            "record": json.dumps(self.record),
        }


def digest_of(parameters: Json) -> str:
    """What tells parameters from others without telling them: they may be secret."""
    said = json.dumps(parameters, sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def timetable_of(schedule: Json) -> str:
    """The same for schedules that start runs at the same times; "" where nobody knows."""
    return digest_of(schedule["schedule"]) if schedule.get("schedule") else ""


def origin_of(run: Upcoming) -> tuple[str, str]:
    """The name of a run's schedule, and a digest of its parameters."""
    return run.schedule_name or "", digest_of(run.parameters)


def entry_for(
    run: Upcoming,
    deployment: Json,
    *,
    start: datetime,
    record: Json,
    sentence: str,
) -> Entry:
    """The entry of a run of that deployment, put to ``start`` with these labels."""
    planned = moment(record.get("carbonaware.decided_at"))
    schedules = {str(each["id"]): each for each in deployment.get("schedules") or []}
    return Entry(
        run=run.id,
        name=run.name,
        deployment=run.deployment,
        schedule=run.schedule,
        nominal_start=run.nominal_start,
        start=start,
        moved_at=planned or run.created,
        origin=origin_of(run),
        timetable=timetable_of(schedules.get(str(run.schedule), {})),
        beside=tuple(schedules),
        record={k: v for k, v in record.items() if k.startswith("carbonaware.")},
        sentence=sentence,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What was written down.

    Attributes:
        waiting: the runs that wait, by id.
        meant: where each run was to be put, and when that was planned, in all versions.
    """

    waiting: Mapping[str, Entry] = field(default_factory=dict)
    meant: Mapping[str, Sequence[tuple[datetime, datetime]]] = field(default_factory=dict)

    def recognise(self, run: Upcoming) -> Upcoming:
        """The same run, in the planner's start_owner where a person's turn out to be those.

        Of two planners that decide at once, one may write its labels on a run last and
        the other its state. The labels then tell of another start than the run's, and
        the state is newer than they are, as if a person had set it.
        """
        if run.start_owner is not StartOwner.PERSON or run.set_at is None:
            return run
        for start, planned in self.meant.get(run.id, ()):
            in_time = -_CLOCKS_APART <= run.set_at - planned <= _CARRIED_OUT
            if in_time and abs(run.start - start) <= SAME:
                return replace(run, start_owner=StartOwner.UNFINISHED)
        return run

    def differs(self, waiting: Mapping[str, Entry]) -> bool:
        """Whether the table has to be written anew for these runs."""
        now = {run: (each.start, each.theirs) for run, each in waiting.items()}
        return now != {run: (e.start, e.theirs) for run, e in self.waiting.items()}


async def read_ledger(api: Api) -> Ledger:
    """The newest mention of each run in the last versions of the table; one call."""
    entries: dict[str, Entry] = {}
    meant: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for artifact in await api.artifacts(KEY, _VERSIONS):
        for row in _rows(artifact.get("data")):
            entry = _entry(row)
            if entry is None:
                continue
            entries.setdefault(entry.run, entry)
            meant[entry.run].append((entry.start, entry.moved_at))
    return Ledger(
        waiting={run: e for run, e in entries.items() if e.note is None}, meant=meant
    )


async def write_ledger(
    api: Api,
    entries: Iterable[Entry],
    names: Mapping[str, str],
    flow_run: str | None = None,
) -> None:
    """A new version of the table; one call.

    Args:
        api: the Prefect API.
        entries: all that wait, and what was settled since the last version.
        names: of the deployments, by id.
        flow_run: the run of the planner's own flow, where it is one.
    """
    rows = [entry.as_row(names.get(entry.deployment, "")) for entry in entries]
    artifact: dict[str, Any] = {
        "key": KEY,
        "type": "table",
        "description": _DESCRIPTION,
        "data": json.dumps(sorted(rows, key=lambda row: str(row["starts at"]))),
    }
    if flow_run is not None:
        artifact["flow_run_id"] = flow_run
    await api.write_artifact(artifact)


def _rows(data: Any) -> list[Json]:
    """The table's rows; none where somebody else wrote something else there."""
    try:
        rows = json.loads(data) if isinstance(data, str) else data
    except ValueError:
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _entry(row: Json) -> Entry | None:
    try:
        nominal, start = moment(row["nominal start"]), moment(row["starts at"])
        moved_at = moment(row["planned at"])
        record = json.loads(row["record"])
        if nominal is None or start is None or moved_at is None:
            return None
        return Entry(
            # The server refuses a whole question for one id that is none.
            run=str(UUID(row["run id"])),
            name=str(row["run"]),
            deployment=str(UUID(row["deployment id"])),
            schedule=str(row["schedule id"]) or None,
            nominal_start=nominal,
            start=start,
            moved_at=moved_at,
            origin=_origin(row.get("origin")),
            timetable=str(row.get("timetable", "")),
            beside=tuple(map(str, row["schedules"])),
            record=record if isinstance(record, dict) else {},
            sentence=str(row["why"]),
            theirs=row["state"] == _THEIRS,
            note=str(row["note"]) if row["state"] == _SETTLED else None,
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _origin(told: Any) -> tuple[str, str]:
    name, digest = told
    return str(name), str(digest)
