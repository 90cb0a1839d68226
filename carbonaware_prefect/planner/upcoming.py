"""A scheduled run as the server shows it: whose is it, and may the planner touch it?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from carbonaware_prefect.core.intervals import far_from_the_ends, to_utc
from carbonaware_prefect.labels import PLANNER, Plan, planner_plan
from carbonaware_prefect.planner.api import Json

__all__ = [
    "HIDDEN", "PLANNER", "RESTORED", "SAME",
    "StartOwner", "Upcoming", "is_hidden", "moment", "read_upcoming", "stands_for",
]  # fmt: skip

RESTORED = "carbonaware.restored_from"
HIDDEN = {"retry_type": "in_process"}
"""The policy of a run that workers do not see."""
_STANDS_FOR = "carbonaware "
# A start survives the server's rounding, not more.
SAME = timedelta(seconds=1)
# No window is longer, and a day; labels may say anything.
_LONGEST = timedelta(days=367)


class StartOwner(Enum):
    """Whose the present start time of a run is."""

    SCHEDULE = "the schedule's"
    PLANNER = "the planner's"
    UNFINISHED = "the schedule's or the planner's; the plan on it was not carried out"
    PERSON = "a person's"
    NOT_A_SCHEDULE = "no schedule made this run, or it has started before"


def moment(text: Any) -> datetime | None:
    """A time in the server's JSON, in UTC; None where there is none to reckon with."""
    if not isinstance(text, str):
        return None
    try:
        # Python 3.10 does not read "Z".
        utc = to_utc(datetime.fromisoformat(text.replace("Z", "+00:00")), "time")
    except ValueError:
        return None
    return utc if far_from_the_ends(utc) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcoming:
    """A run in a Scheduled state.

    Attributes:
        id, name, deployment, flow: as the server has them.
        schedule, schedule_name: id and name of the schedule that made it, None when none
            did.
        parameters: what it is called with.
        nominal_start: when it would start without us, in UTC.
        start: when it starts now, in UTC.
        created: when its outcome was made.
        set_at: when its present state was set, None when nobody says.
        plan: what the planner wrote on it, None when nothing.
        start_owner: whose ``start`` is.
        queue, pool: of its work, None where it has none.
        env: its own ``CARBONAWARE_*`` variables.
        labels: all that it carries.
        auto_scheduled: whether Prefect deletes it when its deployment is changed.
        hidden_for: the id of the lost run that it stands for, while no worker sees it;
            else None.
    """

    id: str
    name: str
    deployment: str
    schedule: str | None
    schedule_name: str | None
    parameters: Json
    nominal_start: datetime
    start: datetime
    created: datetime
    set_at: datetime | None
    plan: Plan | None
    start_owner: StartOwner
    queue: str | None
    pool: str | None
    env: dict[str, Any]
    labels: Json
    auto_scheduled: bool = True
    hidden_for: str | None = None

    @property
    def restored_from(self) -> str | None:
        """The id of the run that a redeploy deleted and this one stands for."""
        found = self.labels.get(RESTORED)
        return str(found) if found else None

    @property
    def moves(self) -> int:
        """How often the planner moved it."""
        return 0 if self.plan is None else self.plan.moves


def read_upcoming(run: Json) -> Upcoming | None:
    """The run, or None when it lacks what every scheduled run has."""
    state = run.get("state") or {}
    details = state.get("state_details") or {}
    start = moment(details.get("scheduled_time"))
    nominal = moment(run.get("expected_start_time"))
    created, deployment = moment(run.get("created")), run.get("deployment_id")
    if start is None or nominal is None or created is None or deployment is None:
        return None
    labels = run.get("labels") or {}
    plan = planner_plan(labels)
    if (
        RESTORED in labels
        and plan is not None
        and abs(plan.nominal_start - nominal) <= _LONGEST
    ):
        # Older versions made it with its slot as its time; its own is on the labels.
        nominal = plan.nominal_start
    maker = run.get("created_by") or {}
    by_schedule = maker.get("type") == "SCHEDULE"
    return Upcoming(
        id=run["id"],
        name=run["name"],
        deployment=deployment,
        schedule=maker.get("id") if by_schedule else None,
        schedule_name=maker.get("display_value") if by_schedule else None,
        parameters=run.get("parameters") or {},
        nominal_start=nominal,
        start=start,
        created=created,
        set_at=moment(state.get("timestamp")),
        plan=plan,
        start_owner=_start_owner(run, plan, nominal=nominal, start=start),
        queue=run.get("work_queue_id"),
        pool=run.get("work_pool_name"),
        env=carbonaware_among(run.get("job_variables")),
        labels=labels,
        auto_scheduled=bool(run.get("auto_scheduled")) and not run.get("run_count"),
        hidden_for=_hidden_for(run),
    )


def is_hidden(run: Json) -> bool:
    """Whether no worker sees the run, though it is scheduled.

    Workers pass over runs that are about to be retried in their own process.
    """
    return (run.get("empirical_policy") or {}).get("retry_type") == HIDDEN["retry_type"]


def stands_for(lost: str) -> str:
    """The idempotency key of a run that stands for a lost one."""
    return f"{_STANDS_FOR}{lost}"


def _hidden_for(run: Json) -> str | None:
    key = str(run.get("idempotency_key") or "")
    ours = key.startswith(_STANDS_FOR) and is_hidden(run)
    return key.removeprefix(_STANDS_FOR) if ours else None


def carbonaware_among(job_variables: Any) -> dict[str, Any]:
    """Our variables among job variables: in ``env``, or alone as ``env.NAME``."""
    given = job_variables or {}
    alone = {
        name.removeprefix("env."): value
        for name, value in given.items()
        if name.startswith("env.")
    }
    return carbonaware(alone) | carbonaware(given.get("env"))


def carbonaware(env: Any) -> dict[str, Any]:
    """Those variables of an environment that are ours.

    For Kubernetes it may be a list of ``{"name": …, "value": …}``; an entry without a
    value names a secret of the cluster.
    """
    if isinstance(env, list):
        entries = [entry for entry in env if isinstance(entry, dict)]
        env = {str(entry.get("name")): entry.get("value") for entry in entries}
    if not isinstance(env, dict):
        return {}
    return {
        str(name): value
        for name, value in env.items()
        if str(name).upper().startswith("CARBONAWARE_") and value is not None
    }


def _start_owner(
    run: Json, plan: Plan | None, *, nominal: datetime, start: datetime
) -> StartOwner:
    state = run["state"]
    ours_made = run.get("auto_scheduled") or RESTORED in (run.get("labels") or {})
    if not ours_made or run.get("run_count") or state.get("name") != "Scheduled":
        return StartOwner.NOT_A_SCHEDULE
    at_nominal = abs(start - nominal) <= SAME
    if plan is None or plan.slot_start is None:
        return StartOwner.SCHEDULE if at_nominal else StartOwner.PERSON
    if abs(start - plan.slot_start) <= SAME:
        return StartOwner.PLANNER
    return StartOwner.UNFINISHED if _older(run, plan) else StartOwner.PERSON


def _older(run: Json, plan: Plan) -> bool:
    """Whether the run's state is older than the plan on its labels.

    Labels are written first: then the planner ended in between, or was overtaken.
    """
    set_at, created = moment(run["state"].get("timestamp")), moment(run.get("created"))
    if set_at is None:
        return False
    # Made while a pass was reading, it is younger than the pass, and yet nobody's move.
    first = created is not None and abs(set_at - created) <= SAME
    return first or set_at < plan.decided_at
