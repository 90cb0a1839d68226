"""What a pass reports about repairs: one outcome for each run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from carbonaware_prefect.planner.calls import Json
from carbonaware_prefect.planner.repair.crashes import Crash
from carbonaware_prefect.planner.repair.entries import Entry
from carbonaware_prefect.planner.repair.losses import Losses
from carbonaware_prefect.planner.repair.restore import Loss
from carbonaware_prefect.planner.report import Action, Outcome
from carbonaware_prefect.planner.upcoming import Upcoming

__all__ = [
    "SCHEDULE_GONE",
    "STARTED_ALREADY",
    "TWICE",
    "cancelled",
    "crashed",
    "not_put_back",
    "put_back",
]

TWICE = "Its occurrence has a run already"
# Why that one counts: it was moved before its nominal start, or has the schedule.
STARTED_ALREADY, SCHEDULE_GONE = "started_already", "schedule_gone"
_TOO_LATE = "the starts that its policy allows have passed"


def put_back(loss: Loss, fault: str | None) -> Outcome:
    """Of a run that a redeploy had deleted."""
    return _of(
        loss.entry,
        loss.deployment,
        start=loss.start,
        action=Action.PUT_BACK,
        reason="redeployed",
        sentence="A redeploy deleted it while it waited for its slot",
        fault=fault,
    )


def not_put_back(losses: Losses) -> list[Outcome]:
    """Of runs that are gone, and that nobody makes anew though they may be wanted."""
    late = [
        _of(
            entry,
            losses.deployments[entry.deployment],
            start=entry.start,
            action=Action.LOST,
            reason="redeployed",
            sentence=f"A redeploy deleted it while it waited; {_TOO_LATE}",
        )
        for entry in losses.too_late
    ]
    return late + [
        _of(
            entry,
            losses.deployments[entry.deployment],
            start=entry.start,
            action=Action.LEAVE,
            reason="paused",
            sentence=f"Not put back: {entry.note}",
        )
        for entry in losses.told
    ]


def crashed(
    crash: Crash, deployments: Mapping[str, Json], fault: str | None = None
) -> Outcome:
    """Of a run that crashed before its work began."""
    known = deployments.get(crash.run["deployment_id"]) or {}
    reason, until = "crashed_while_leaving", "its process could leave"
    if crash.starting:
        reason, until = "crashed_while_starting", "its work began"
    sentence = f"It was moved, and then marked Crashed before {until}"
    return Outcome(
        run=crash.run["id"],
        name=crash.run["name"],
        deployment=str(known.get("name", "")),
        nominal_start=crash.plan.nominal_start,
        start=crash.start or crash.slot,
        action=Action.MOVE_AGAIN if crash.start else Action.LOST,
        reason=reason,
        sentence=sentence if crash.start else f"{sentence}; {_TOO_LATE}",
        fault=fault,
    )


def cancelled(
    run: Upcoming, deployment: Json, reason: str, sentence: str, fault: str | None = None
) -> Outcome:
    """Of a run whose occurrence has another one."""
    return Outcome(
        run=run.id,
        name=run.name,
        deployment=str(deployment["name"]),
        nominal_start=run.nominal_start,
        start=run.start,
        action=Action.CANCEL,
        reason=reason,
        sentence=sentence,
        fault=fault,
    )


def _of(
    entry: Entry,
    deployment: Json,
    *,
    start: datetime,
    action: Action,
    reason: str,
    sentence: str,
    fault: str | None = None,
) -> Outcome:
    return Outcome(
        run=entry.run,
        name=entry.name,
        deployment=str(deployment["name"]),
        nominal_start=entry.nominal_start,
        start=start,
        action=action,
        reason=reason,
        sentence=sentence,
        fault=fault,
    )
