"""What was done to a deployment since a run of it was moved, by what it left behind.

Whatever is done to a deployment deletes the scheduled runs of it. The server does not say
who did it; it only says when the deployment and each schedule were last written. Measured
with Prefect 3.8.8:

* a deploy writes the deployment, and its schedules within a second after that: it makes
  them anew, or writes those that have the same slug;
* a pause and a resume write the deployment alone, and it says the same as before;
* a change of its parameters, tags or the like writes it alone, and it says something else;
* a schedule that is switched off and on is written alone, and has the same times as before.

Where two things were done, the later one may hide the earlier. A deploy also ends a pause:
the event that Prefect keeps of it says so. A pause that was ended before a deploy leaves
nothing at all, if no pass of the planner came in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.calls import Json, together
from carbonaware_prefect.planner.repair.entries import (
    Entry,
    digest_of,
    snapshot_of,
    timetable_of,
)
from carbonaware_prefect.planner.upcoming import moment

__all__ = ["Act", "Change", "change_since", "counterpart", "pauses"]

# A deploy writes the deployment and its schedules in one transaction.
_TOGETHER = timedelta(seconds=10)


class Act(Enum):
    """What was done last."""

    NOTHING = "nothing"
    DEPLOYED = "deployed, or changed in another way that deletes its runs"
    PAUSED = "paused and resumed"
    SWITCHED = "its schedule was switched off and on"
    UNCLEAR = "deployed, and then changed, or paused and resumed"


@dataclass(frozen=True, slots=True)
class Change:
    """What was done, and when, by the server's clock; None for nothing."""

    act: Act
    at: datetime | None = None


def counterpart(entry: Entry, deployment: Json) -> Json | None:
    """The schedule that the run came from, as it is now; None where there is none.

    Deployed anew, the same schedule may have another id.
    """
    schedules: Sequence[Json] = deployment.get("schedules") or []
    for schedule in schedules:
        if schedule.get("id") == entry.schedule:
            return schedule
    known = entry.before.schedules
    others = [each for each in schedules if each.get("id") not in known]
    name, digest = entry.origin

    def likeness(schedule: Json) -> tuple[bool, bool, bool, bool]:
        return (
            bool(schedule.get("active")),
            bool(name) and schedule.get("slug") == name,
            _parameters(schedule, deployment) == digest,
            timetable_of(schedule) == entry.timetable,
        )

    return max(others, key=likeness) if others else None


def _parameters(schedule: Json, deployment: Json) -> str:
    default = deployment.get("parameters") or {}
    return digest_of(default | (schedule.get("parameters") or {}))


def change_since(entry: Entry, deployment: Json, now: datetime) -> Change:
    """What was done to a deployment since the entry was written.

    Args:
        entry: of a run of it.
        deployment: as it is now.
        now: for what leaves no time behind.
    """
    schedules = {str(s.get("id")): s for s in deployment.get("schedules") or []}
    written = _if_later(deployment.get("updated"), entry.before.updated, entry)
    own = counterpart(entry, deployment) or {}
    rewritten = _rewritten(own, entry)
    if written is None and rewritten is None:
        others = [_rewritten(each, entry) for key, each in schedules.items()]
        later = [at for at in others if at is not None]
        if entry.before.schedules.keys() - schedules.keys():
            later.append(now)
        return Change(Act.DEPLOYED, max(later)) if later else Change(Act.NOTHING)
    if rewritten is None:
        assert written is not None  # noqa: S101  one of them is not
        act = Act.PAUSED if _says_the_same(entry, deployment) else Act.DEPLOYED
        return Change(act, written)
    of_deployment = moment(deployment.get("updated"))
    if of_deployment is not None and of_deployment - rewritten > _TOGETHER:
        return Change(Act.UNCLEAR, of_deployment)
    alone = of_deployment is None or rewritten - of_deployment > _TOGETHER
    if alone and _starts_the_same(entry, own, deployment):
        return Change(Act.SWITCHED, rewritten)
    return Change(Act.DEPLOYED, max(rewritten, written or rewritten))


def _rewritten(schedule: Json, entry: Entry) -> datetime | None:
    """When a schedule was written since the entry was; None where it was not."""
    key, known = str(schedule.get("id")), entry.before.schedules
    if known and key not in known:
        return moment(schedule.get("updated"))
    return _if_later(schedule.get("updated"), known.get(key, ""), entry)


def _if_later(updated: str | None, before: str, entry: Entry) -> datetime | None:
    """The time, where it is another than before; without that, where it is later."""
    at = moment(updated)
    if at is None:
        return None
    if before:
        return at if at != moment(before) else None
    return at if at > entry.moved_at else None


def _says_the_same(entry: Entry, deployment: Json) -> bool:
    # What an older version has written down does not tell; then a person wins.
    content = entry.before.content
    return not content or content == snapshot_of(deployment).content


def _starts_the_same(entry: Entry, schedule: Json, deployment: Json) -> bool:
    times = not entry.timetable or timetable_of(schedule) == entry.timetable
    return times and _parameters(schedule, deployment) == entry.origin[1]


async def pauses(
    api: Api, deployments: Mapping[str, datetime]
) -> Mapping[str, Sequence[datetime]]:
    """When deployments are known to have been paused, by the events about them.

    A deploy ends a pause; all that tells of the pause is the event of the deploy.

    Args:
        api: the Prefect API.
        deployments: since when to look, by id.
    """
    told = await together(
        api.events("prefect.deployment.updated", f"prefect.deployment.{key}", since)
        for key, since in deployments.items()
    )
    return {
        key: [
            at
            for event in events
            if _tells_of_a_pause(event) and (at := moment(event.get("occurred")))
        ]
        for key, events in zip(deployments, told, strict=True)
    }


def _tells_of_a_pause(event: Json) -> bool:
    updates = (event.get("payload") or {}).get("updates") or {}
    change: Iterable[object] = (updates.get("paused") or {}).values()
    return any(value is True for value in change)
