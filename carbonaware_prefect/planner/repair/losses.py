"""Of the runs that are gone: which are lost, and which does nobody want any more?

All are looked at together, so that a thousand lost runs take some calls and not thousands.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from carbonaware_prefect.labels import read_plan
from carbonaware_prefect.planner.api import EXACTLY, Api
from carbonaware_prefect.planner.calls import Json, together
from carbonaware_prefect.planner.repair.bounds import start_within
from carbonaware_prefect.planner.repair.entries import Entry
from carbonaware_prefect.planner.repair.redeploys import Fate, Verdict, judge
from carbonaware_prefect.planner.repair.restore import Loss
from carbonaware_prefect.planner.repair.traces import pauses
from carbonaware_prefect.planner.upcoming import RESTORED, moment

__all__ = ["Losses", "sort_out"]


@dataclass(slots=True)
class Losses:
    """What became of runs that are gone.

    Attributes:
        settled: nobody wants them, or they are made anew.
        told: a person may have deleted them; that is reported.
        undecided: that can only be said in some seconds.
        lost: to be put back.
        too_late: lost, and no longer allowed to start.
        deployments: theirs, by id, as they are now.
    """

    settled: list[Entry] = field(default_factory=list)
    told: list[Entry] = field(default_factory=list)
    undecided: list[Entry] = field(default_factory=list)
    lost: list[Loss] = field(default_factory=list)
    too_late: list[Entry] = field(default_factory=list)
    deployments: dict[str, Json] = field(default_factory=dict)


async def sort_out(api: Api, entries: Sequence[Entry], now: datetime) -> Losses:
    """Judge runs that are gone and whose nominal start has passed.

    Args:
        api: the Prefect API.
        entries: what was written down about them.
        now: the present, by the server's clock.

    Raises:
        httpx.HTTPError: the API could not be read.
    """
    losses = Losses()
    # Read after the runs were seen to be gone: what was read before tells nothing of a
    # redeploy in between, and the runs would be taken for some that somebody deleted.
    ids = sorted({entry.deployment for entry in entries})
    losses.deployments = {each["id"]: each for each in await api.deployments_with(ids)}
    verdicts = [
        (each, judge(each, losses.deployments.get(each.deployment), now))
        for each in entries
    ]
    wanted = [each for each, verdict in verdicts if verdict.fate is Fate.PUT_BACK]
    paused = await pauses(api, _since(wanted))
    anew = await _made_anew(api, [e for e, v in verdicts if _is_wanted(v)], now)
    for entry, first in verdicts:
        if entry.deployment in api.unreadable:
            # It is there, whatever it says; a person has to see to it first.
            losses.undecided.append(entry)
            continue
        deployment = losses.deployments.get(entry.deployment)
        verdict = first
        if entry.run in anew:
            verdict = Verdict(Fate.SETTLE, "its occurrence was made anew")
        elif first.fate is Fate.PUT_BACK:
            verdict = judge(entry, deployment, now, paused.get(entry.deployment, ()))
        _sort(losses, entry, verdict, deployment, now)
    return losses


def _is_wanted(verdict: Verdict) -> bool:
    return verdict.fate in {Fate.PUT_BACK, Fate.WAIT}


def _since(entries: Iterable[Entry]) -> Mapping[str, datetime]:
    since: dict[str, datetime] = {}
    for entry in entries:
        known = since.get(entry.deployment, entry.moved_at)
        since[entry.deployment] = min(known, entry.moved_at)
    return since


def _sort(
    losses: Losses,
    entry: Entry,
    verdict: Verdict,
    deployment: Json | None,
    now: datetime,
) -> None:
    if verdict.fate is Fate.WAIT:
        losses.undecided.append(entry)
    elif verdict.fate is Fate.SETTLE:
        losses.settled.append(entry.settled(verdict.because))
    elif verdict.fate is Fate.TELL or deployment is None:
        losses.told.append(entry.settled(verdict.because))
    else:
        plan = read_plan(entry.record, None)
        start = None if plan is None else start_within(plan, entry.start, now)
        if start is None:
            losses.too_late.append(entry.settled("lost: no start is allowed any more"))
        else:
            loss = Loss(entry=entry, deployment=deployment, start=start)
            losses.lost.append(loss)


async def _made_anew(api: Api, entries: Sequence[Entry], now: datetime) -> set[str]:
    """Those whose occurrence has a run that was made after the move."""
    by_deployment: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_deployment[entry.deployment].append(entry)
    found = await together(
        api.runs_due(
            deployment,
            min(entry.nominal_start for entry in part),
            max(entry.nominal_start for entry in part),
        )
        for deployment, part in by_deployment.items()
    )
    made: dict[str, list[tuple[datetime, datetime]]] = {}
    for deployment, runs in zip(by_deployment, found, strict=True):
        times = (
            (moment(run["expected_start_time"]), moment(run.get("created")))
            for run in runs
            # Those that stand for lost ones are due when these were; see `put_back`.
            if RESTORED not in (run.get("labels") or {})
        )
        made[deployment] = sorted(
            (d, c) for d, c in times if d is not None and c is not None
        )
    for known in api.unreadable.values():
        # Made when nobody knows, and better not twice.
        due = moment(known.due)
        if known.deployment in made and due is not None:
            made[known.deployment] = sorted([*made[known.deployment], (due, now)])
    return {entry.run for entry in entries if _anew(entry, made[entry.deployment])}


def _anew(entry: Entry, made: Sequence[tuple[datetime, datetime]]) -> bool:
    first = bisect_left(made, (entry.nominal_start - EXACTLY,))
    for due, created in islice(made, first, None):
        if due > entry.nominal_start + EXACTLY:
            return False
        if created > entry.moved_at:
            return True
    return False
