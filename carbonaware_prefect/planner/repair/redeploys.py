"""What became of a moved run whose row is gone: a redeploy's doing, or a person's?

Prefect deletes the scheduled runs of a deployment whenever it is deployed, changed or
paused. Before the nominal start that is well: what is still wanted is created anew. A
run that was moved past its nominal start is lost, though nobody said that it should be.
A person who deletes a run, pauses the deployment or switches its schedule off did say so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from carbonaware_prefect.planner.calls import Json
from carbonaware_prefect.planner.repair.entries import Entry, timetable_of
from carbonaware_prefect.planner.repair.traces import Act, Change, change_since
from carbonaware_prefect.planner.upcoming import moment

__all__ = ["Fate", "Verdict", "judge", "unwanted"]

# What Prefect's scheduler may take to see that a deployment was changed.
_SCHEDULER = timedelta(minutes=1)
# What it has begun to make before a nominal start is there by then.
_WRITTEN = timedelta(seconds=5)


class Fate(Enum):
    """What to do about a run that is gone."""

    PUT_BACK = "put it back, where its bounds allow that"
    SETTLE = "nobody wants it any more, or it is made anew"
    TELL = "a person may have deleted it, and wins; that is told"
    WAIT = "that can only be said in some seconds"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a run that is gone, and why."""

    fate: Fate
    because: str


def judge(
    entry: Entry,
    deployment: Json | None,
    now: datetime,
    paused_at: Iterable[datetime] = (),
) -> Verdict:
    """What to do about a moved run whose row is gone and whose nominal start has passed.

    Args:
        entry: what was written down about it.
        deployment: as it is now; None when it is gone.
        now: the present, by the server's clock.
        paused_at: when the deployment is known to have been paused.
    """
    if deployment is None:
        return Verdict(Fate.SETTLE, "its deployment was deleted")
    if not entry.deletable:
        # It is none of those that Prefect deletes by itself.
        return Verdict(Fate.SETTLE, "somebody deleted it")
    if because := unwanted(entry, deployment):
        return Verdict(Fate.SETTLE, because)
    change = change_since(entry, deployment, now)
    if change.act is Act.NOTHING or change.at is None:
        return Verdict(Fate.SETTLE, "somebody deleted it")
    if change.at < entry.nominal_start:
        return _changed_before(entry, deployment, change.at, now)
    return _changed_since(entry, change, paused_at)


def unwanted(entry: Entry, deployment: Json) -> str | None:
    """Why nobody wants the run any more, as far as the deployment says now."""
    if entry.theirs:
        return "somebody had changed its start"
    if deployment.get("paused"):
        return "its deployment is paused"
    if entry.schedule is None:
        # An older version put it back, and has not written down whose it is.
        return None
    schedules = deployment.get("schedules") or []
    mine = [each for each in schedules if each.get("id") == entry.schedule]
    # A deploy makes schedules anew; one that is missing beside old ones was deleted.
    known = entry.before.schedules
    anew = [
        each
        for each in schedules
        if each.get("id") not in known and (known or _made_after(each, entry))
    ]
    if not any(each.get("active") for each in mine or anew):
        return "its schedule is switched off or deleted"
    return None


def _made_after(schedule: Json, entry: Entry) -> bool:
    made = moment(schedule.get("created"))
    return made is not None and made > entry.moved_at


def _changed_before(
    entry: Entry, deployment: Json, changed: datetime, now: datetime
) -> Verdict:
    """What was deleted before it was due is made anew, but for what Prefect overlooks.

    It looks every few seconds for deployments that were changed, and makes runs for what
    lies ahead then. That is still wanted if a schedule has the same times as before.
    """
    schedules = [each for each in deployment.get("schedules") or [] if each.get("active")]
    as_before = entry.timetable in map(timetable_of, schedules)
    late = entry.nominal_start - changed <= _SCHEDULER
    if not (entry.timetable and as_before and late):
        return Verdict(Fate.SETTLE, "its schedule was changed before it was due")
    if now < entry.nominal_start + _WRITTEN:
        return Verdict(Fate.WAIT, "Prefect may be about to make it anew")
    return Verdict(Fate.PUT_BACK, "a redeploy deleted it while it waited")


def _changed_since(entry: Entry, change: Change, paused_at: Iterable[datetime]) -> Verdict:
    if any(at > entry.moved_at for at in paused_at):
        return Verdict(Fate.TELL, "its deployment was paused while it waited")
    if change.act is Act.DEPLOYED:
        return Verdict(Fate.PUT_BACK, "a redeploy deleted it while it waited")
    because = {
        Act.PAUSED: "its deployment was paused and resumed while it waited",
        Act.SWITCHED: "its schedule was switched off and on while it waited",
    }.get(change.act, "its deployment was changed, or paused and resumed, after a deploy")
    return Verdict(Fate.TELL, because)
