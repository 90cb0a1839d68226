"""What is written down about a run before the planner moves it.

A redeploy deletes the row of a scheduled run, and with it all that was written on it. An
entry has what it takes to put the run back, to tell whether anybody wants that, and to
know a start of the planner's for what it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from carbonaware_prefect.planner.calls import Json
from carbonaware_prefect.planner.upcoming import Upcoming, moment

__all__ = ["Entry", "Snapshot", "digest_of", "entry_for", "snapshot_of", "timetable_of"]

# What a deploy may change. Not among them: what Prefect changes by itself, such as when
# workers polled and how many slots of a limit are taken, and whether it is paused.
_CONTENT = (
    "concurrency_options", "description", "enforce_parameter_schema",
    "entrypoint", "flow_id", "job_variables", "labels", "name", "parameter_openapi_schema",
    "parameters", "path", "pull_steps", "storage_document_id", "tags", "version",
    "version_id", "work_pool_name", "work_queue_name",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """When a deployment and its schedules had last been written, and what it said.

    Attributes:
        updated: of the deployment, as the server wrote it.
        schedules: the same of its schedules, by id.
        content: digest of all that a deploy may change, but its schedules.
    """

    updated: str = ""
    schedules: Mapping[str, str] = field(default_factory=dict)
    content: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A run that was, or is about to be, moved.

    Attributes:
        run, name, deployment, schedule: as the server has them; the schedule's id.
        origin: what tells its schedule and parameters from others, also when a redeploy
            gives them new ids.
        timetable: tells when its schedule starts runs from when others do.
        before: its deployment as it was when that was planned.
        nominal_start, start: UTC; where the run was, and where it was put.
        moved_at: when that was planned, by the server's clock.
        record: the labels that the run carries.
        sentence: why it waits.
        theirs: whether a person has changed its start since.
        deletable: whether Prefect deletes it when its deployment is changed.
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
    before: Snapshot = field(default_factory=Snapshot)
    record: Json = field(default_factory=dict)
    sentence: str = ""
    theirs: bool = False
    deletable: bool = True
    note: str | None = None

    def settled(self, note: str) -> Entry:
        """The same entry, for the last time."""
        return replace(self, note=note)

    def says_the_same(self, other: Entry) -> bool:
        """Whether it is no news beside the other."""
        mine, theirs = (
            (each.start, each.schedule, each.theirs, each.deletable, each.note)
            for each in (self, other)
        )
        return mine == theirs


def digest_of(told: object) -> str:
    """What tells parameters from others without telling them: they may be secret."""
    said = json.dumps(told, sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def timetable_of(schedule: Json) -> str:
    """The same for schedules that start runs at the same times; "" where nobody knows."""
    return digest_of(schedule["schedule"]) if schedule.get("schedule") else ""


def snapshot_of(deployment: Json) -> Snapshot:
    """The deployment as the server has just answered it."""
    return Snapshot(
        updated=str(deployment.get("updated") or ""),
        schedules={
            str(each.get("id")): str(each.get("updated") or "")
            for each in deployment.get("schedules") or []
        },
        content=digest_of({name: deployment.get(name) for name in _CONTENT}),
    )


def entry_for(
    run: Upcoming,
    deployment: Json,
    *,
    start: datetime,
    record: Json,
    sentence: str,
    before: Snapshot | None = None,
) -> Entry:
    """The entry of a run of that deployment, put to ``start`` with these labels.

    Args:
        run: as it was read.
        deployment: likewise.
        start: UTC.
        record: labels of the run.
        sentence: why it waits.
        before: of that deployment, where it is known already.
    """
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
        origin=(run.schedule_name or "", digest_of(run.parameters)),
        timetable=timetable_of(schedules.get(str(run.schedule), {})),
        before=before or snapshot_of(deployment),
        record={k: v for k, v in record.items() if k.startswith("carbonaware.")},
        sentence=sentence,
        deletable=run.auto_scheduled,
    )
