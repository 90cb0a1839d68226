"""What became of a moved run whose row is gone: a redeploy's doing, or a person's?

Prefect deletes the scheduled runs of a deployment whenever it is deployed, changed or
paused. Before the nominal start that is well: what is still wanted is created anew. A
run that was moved past its nominal start is lost, though nobody said that it should be.
A person who deletes a run, pauses the deployment or switches its schedule off did say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from carbonaware_prefect.planner.api import Api, Json
from carbonaware_prefect.planner.moves import scheduled
from carbonaware_prefect.planner.repair.ledger import Entry, digest_of, timetable_of
from carbonaware_prefect.planner.upcoming import RESTORED, moment

__all__ = ["Verdict", "deployment_of", "judge", "put_back"]

# What Prefect's scheduler may take to see that a deployment was changed.
_SCHEDULER = timedelta(minutes=1)
# What it has begun to make before a nominal start is there by then.
_WRITTEN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether to put a run back, and why.

    Attributes:
        restore: whether to.
        because: of what.
        too_soon: whether that can only be said in some seconds.
    """

    restore: bool
    because: str
    too_soon: bool = False


def judge(entry: Entry, deployment: Json | None, now: datetime) -> Verdict:
    """What to do about a moved run whose row is gone and whose nominal start has passed.

    Args:
        entry: what was written down about it.
        deployment: as it is now; None when it is gone.
        now: the present, by the server's clock.
    """
    settled = _settled(entry, deployment)
    if settled is not None or deployment is None:
        return Verdict(restore=False, because=settled or "")
    changed = _changed_at(entry, deployment, now)
    if changed is None:
        return Verdict(restore=False, because="somebody deleted it")
    if changed < entry.nominal_start:
        if not _overlooked(entry, deployment, changed):
            because = "its schedule was changed before it was due"
            return Verdict(restore=False, because=because)
        if now < entry.nominal_start + _WRITTEN:
            because = "Prefect may be about to make it anew"
            return Verdict(restore=False, because=because, too_soon=True)
    return Verdict(restore=True, because="a redeploy deleted it while it waited")


def _overlooked(entry: Entry, deployment: Json, changed: datetime) -> bool:
    """Whether Prefect may have come too late to make the occurrence anew.

    It looks every few seconds for deployments that were changed, and makes runs for what
    lies ahead then. That is still wanted if a schedule has the same times as before.
    """
    schedules = [each for each in deployment.get("schedules") or [] if each.get("active")]
    as_before = entry.timetable in map(timetable_of, schedules)
    return (
        bool(entry.timetable) and as_before and entry.nominal_start - changed <= _SCHEDULER
    )


def _settled(entry: Entry, deployment: Json | None) -> str | None:
    """Why nobody wants the run any more, as far as the deployment says."""
    if deployment is None:
        return "its deployment was deleted"
    if entry.schedule is None:
        # Put back by us, it is none of those that Prefect deletes by itself.
        return "somebody deleted it"
    if entry.theirs:
        return "somebody had changed its start"
    if deployment.get("paused"):
        return "its deployment is paused"
    schedules = deployment.get("schedules") or []
    mine = [each for each in schedules if each.get("id") == entry.schedule]
    # A deploy makes schedules anew; one that is missing beside old ones was deleted.
    anew = [each for each in schedules if _later(each.get("created"), entry)]
    if not any(each.get("active") for each in mine or anew):
        return "its schedule is switched off or deleted"
    return None


def _later(written: str | None, entry: Entry) -> bool:
    at = moment(written)
    return at is not None and at > entry.moved_at


def _changed_at(entry: Entry, deployment: Json, now: datetime) -> datetime | None:
    """When all scheduled runs of the deployment were deleted after the move, if ever.

    Prefect keeps ``updated`` of a deployment as it is when workers poll it, so that it
    tells of changes alone. A schedule that is changed by itself has a time of its own,
    and one that is deleted leaves none.
    """
    schedules = {each.get("id"): each for each in deployment.get("schedules") or []}
    known = [schedules[key] for key in entry.beside if key in schedules]
    later = [
        moment(each["updated"])
        for each in (deployment, *known)
        if _later(each.get("updated"), entry)
    ]
    if later:
        return max(at for at in later if at is not None)
    return now if len(known) < len(entry.beside) else None


def schedule_parameters(entry: Entry, deployment: Json) -> Json:
    """The parameters of the schedule that the run came from, as it is now."""
    schedules = [each for each in deployment.get("schedules") or [] if each.get("active")]
    mine = [each for each in schedules if each.get("id") == entry.schedule]
    if not mine and schedules:
        # Deployed anew, the same schedule has another id.
        default = deployment.get("parameters") or {}
        name, digest = entry.origin

        def likeness(schedule: Json) -> tuple[bool, bool]:
            parameters = default | (schedule.get("parameters") or {})
            return schedule.get("slug") == name, digest_of(parameters) == digest

        mine = [max(schedules, key=likeness)]
    return dict((mine[0].get("parameters") or {}) if mine else {})


async def put_back(api: Api, entry: Entry, deployment: Json, now: datetime) -> Entry:
    """Create the run anew, at its slot or, when that has passed, at once.

    The idempotency key makes it one run however many planners try, and however often.

    Raises:
        httpx.HTTPError: the server did not; the entry stays as it is.
    """
    start = max(entry.start, now)
    record = entry.record | {
        "carbonaware.slot_start": start.isoformat(),
        RESTORED: entry.run,
    }
    sentence = f"{entry.sentence} (put back: a redeploy had deleted the waiting run)"
    run = await api.create_run(
        entry.deployment,
        {
            "name": entry.name,
            "state": scheduled(start, sentence),
            "parameters": schedule_parameters(entry, deployment),
            "labels": record,
            "idempotency_key": f"carbonaware {entry.run}",
        },
    )
    return Entry(
        run=run["id"],
        name=entry.name,
        deployment=entry.deployment,
        schedule=None,
        nominal_start=entry.nominal_start,
        start=start,
        moved_at=now,
        record=record,
        sentence=sentence,
    )


async def deployment_of(api: Api, entry: Entry) -> Json | None:
    """The deployment, also one that has lost its tag; None when it is gone."""
    try:
        found = await api.call("GET", f"/deployments/{entry.deployment}")
    except httpx.HTTPStatusError as error:
        if error.response.status_code == httpx.codes.NOT_FOUND:
            return None
        raise
    return dict(found)
