"""Put runs back, such as Prefect's scheduler makes them: due when the lost ones were.

A new run is due when its first state is scheduled for, and that is in the past; a worker
would take it at once. So it is made hidden from workers, with its nominal start, then moved
to its slot, and then shown. What is cut off in between is found and finished by the next
pass, since an idempotency key makes it one run however many planners try, and how often.

Processes that serve their flows without a work pool see all runs. Theirs are made with the
slot as their time, because one that started at once might start in hours kept free.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import httpx

from carbonaware_prefect.planner.api import BATCH, CREATED_AT_ONCE, Api
from carbonaware_prefect.planner.calls import Json, parts, together
from carbonaware_prefect.planner.moves import propose, scheduled
from carbonaware_prefect.planner.repair.entries import (
    Entry,
    digest_of,
    snapshot_of,
    timetable_of,
)
from carbonaware_prefect.planner.repair.traces import counterpart
from carbonaware_prefect.planner.upcoming import HIDDEN, RESTORED, is_hidden, stands_for

__all__ = ["Loss", "Restored", "put_back"]

# What the server says where another writer of SQLite had its turn, inside an answer of 200.
_TRIES, _PAUSE = 4, 0.5
# As Prefect's scheduler marks and explains its runs.
_TAG, _MADE = "auto-scheduled", "Flow run scheduled"
# Of a hidden run, whose time is past. Under the name of Scheduled the server would mark it
# late, and may do so when it has been moved already.
_UNTIL_MOVED = "Restoring"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A run to be put back.

    Attributes:
        entry: what was written down about it.
        deployment: as it is now.
        start: where to, in UTC.
    """

    entry: Entry
    deployment: Json
    start: datetime

    @property
    def sentence(self) -> str:
        """Why it waits."""
        told = self.entry.sentence or "Waiting for cleaner electricity"
        return f"{told} (put back: a redeploy had deleted the waiting run)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What became of a loss.

    Attributes:
        entry: of the run that stands for it now; None where there is none.
        fault: what was in the way; None when nothing.
    """

    entry: Entry | None = None
    fault: str | None = None


async def put_back(
    api: Api, losses: Iterable[Loss], now: datetime
) -> Mapping[str, Restored]:
    """Make the runs anew, each once.

    Args:
        api: the Prefect API.
        losses: in any order.
        now: the present, by the server's clock.

    Returns:
        What became of each, by the id of the lost run.
    """
    by_deployment: dict[str, list[Loss]] = defaultdict(list)
    for loss in losses:
        by_deployment[loss.entry.deployment].append(loss)
    done = await together(
        _create(api, part)
        for each in by_deployment.values()
        for part in parts(each, CREATED_AT_ONCE)
    )
    made = {lost: each for part in done for lost, each in part.items()}
    runs = {str(each): lost for lost, each in made.items() if not isinstance(each, _Fault)}
    faults = {lost: each.told for lost, each in made.items() if isinstance(each, _Fault)}
    known = {loss.entry.run: loss for part in by_deployment.values() for loss in part}
    try:
        there = await api.runs(sorted(runs))
    except httpx.HTTPError as error:
        return {lost: Restored(fault=f"could not be put back: {error}") for lost in known}
    # Where another writer had its turn, what was made before in the same call is undone.
    undone = runs.keys() - {run["id"] for run in there}
    faults |= {runs[run]: "the server's database was busy" for run in undone}
    hidden = [run for run in there if is_hidden(run) and run["state_type"] == "SCHEDULED"]
    faults |= await _to_their_slots(api, {runs[run["id"]]: run for run in hidden}, known)
    return {
        lost: Restored(fault=f"could not be put back: {faults[lost]}")
        if lost in faults
        else Restored(entry=_entry(known[lost], str(made[lost]), now))
        for lost in known
    }


@dataclass(frozen=True, slots=True)
class _Fault:
    told: str


async def _create(api: Api, losses: Sequence[Loss]) -> dict[str, str | _Fault]:
    """The id of the run for each loss of one deployment, or why there is none."""
    made: dict[str, str | _Fault] = {}
    left = list(losses)
    for attempt in range(_TRIES):
        if attempt:
            await asyncio.sleep(_PAUSE * 2 ** (attempt - 1))
        deployment = losses[0].entry.deployment
        try:
            results = await api.create_runs(deployment, [_run(loss) for loss in left])
        except httpx.HTTPError as error:
            return made | {loss.entry.run: _Fault(str(error)) for loss in left}
        again = []
        for loss, result in zip(left, results, strict=True):
            told = str(result.get("error") or "the server refused")
            if result["status"] == "CREATED":
                made[loss.entry.run] = str(result["flow_run_id"])
            else:
                made[loss.entry.run] = _Fault(told)
                if "locked" in told:
                    again.append(loss)
        left = again
        if not left:
            break
    return made


def _run(loss: Loss) -> Json:
    """As the server is asked for it."""
    entry, schedule = loss.entry, counterpart(loss.entry, loss.deployment) or {}
    served = not loss.deployment.get("work_pool_name")
    body: Json = {
        "name": entry.name,
        "state": scheduled(entry.nominal_start, _MADE) | {"name": _UNTIL_MOVED},
        "empirical_policy": HIDDEN,
        "parameters": schedule.get("parameters") or {},
        # The scheduler does not look whether they fit.
        "enforce_parameter_schema": False,
        "tags": [_TAG],
        "labels": _record(loss),
        "idempotency_key": stands_for(entry.run),
    }
    if served:
        body |= {"state": scheduled(loss.start, loss.sentence), "empirical_policy": {}}
    return body


def _record(loss: Loss) -> Json:
    entry = loss.entry
    return entry.record | {
        "carbonaware.slot_start": loss.start.isoformat(),
        # Of the first, where one after the other was lost.
        RESTORED: entry.record.get(RESTORED, entry.run),
    }


async def _to_their_slots(
    api: Api, hidden: Mapping[str, Json], losses: Mapping[str, Loss]
) -> dict[str, str]:
    """Move hidden runs and show them; what was in the way, by lost run."""
    groups: dict[tuple[datetime, str], list[str]] = defaultdict(list)
    for lost in hidden:
        groups[losses[lost].start, losses[lost].sentence].append(lost)
    faults = await together(
        _move(api, part, hidden, losses)
        for each in groups.values()
        for part in parts(each, BATCH)
    )
    return {lost: fault for part in faults for lost, fault in part.items()}


async def _move(
    api: Api, part: Sequence[str], hidden: Mapping[str, Json], losses: Mapping[str, Loss]
) -> dict[str, str]:
    """The same for some with one slot."""
    ids = {str(hidden[lost]["id"]): lost for lost in part}
    first = losses[part[0]]
    matching = {
        "id": {"any_": list(ids)},
        # They may be Late already, where a planner died before it came so far.
        "state": {"type": {"any_": ["SCHEDULED"]}},
    }
    try:
        results = await propose(api, matching, scheduled(first.start, first.sentence))
    except httpx.HTTPError as error:
        return dict.fromkeys(part, f"no clear answer: {error!r}")
    accepted = {run for run, each in results.items() if each["status"] == "ACCEPT"}
    faults = {lost: "it was not moved" for run, lost in ids.items() if run not in accepted}
    told = await together(_show(api, hidden[ids[run]]) for run in sorted(accepted))
    shown = zip(sorted(accepted), told, strict=True)
    return faults | {ids[run]: fault for run, fault in shown if fault is not None}


async def _show(api: Api, run: Json) -> str | None:
    """Let workers see the run; what was in the way, None when nothing."""
    policy = dict(run.get("empirical_policy") or {}) | {"retry_type": None}
    try:
        await api.update(run["id"], empirical_policy=policy)
    except httpx.HTTPError as error:
        return f"no clear answer: {error!r}"
    return None


def _entry(loss: Loss, run: str, now: datetime) -> Entry:
    """Of the run that stands for a lost one."""
    schedule = counterpart(loss.entry, loss.deployment) or {}
    default = loss.deployment.get("parameters") or {}
    parameters = default | (schedule.get("parameters") or {})
    return replace(
        loss.entry,
        run=run,
        schedule=str(schedule["id"]) if schedule.get("id") else None,
        start=loss.start,
        moved_at=now,
        origin=(str(schedule.get("slug") or loss.entry.origin[0]), digest_of(parameters)),
        timetable=timetable_of(schedule) or loss.entry.timetable,
        before=snapshot_of(loss.deployment),
        record=_record(loss),
        deletable=False,
    )
