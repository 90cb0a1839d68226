"""Carry out the moves: labels first, then the state, in batches, checked one by one.

The state is proposed to runs that are still where they were read: a run that a worker
picked up meanwhile, or that a person or another planner moved, no longer matches and is
left alone. What is cut off in between is mended by the next pass, because labels without
their state are known for what they are.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import httpx

from carbonaware_prefect.labels import labels_for
from carbonaware_prefect.planner.api import BATCH, Api
from carbonaware_prefect.planner.calls import Json, parts, together
from carbonaware_prefect.planner.decide import Choice
from carbonaware_prefect.planner.upcoming import (
    PLANNER,
    RESTORED,
    SAME,
    Upcoming,
    moment,
)
from carbonaware_prefect.prefect_edge.flow_runs import is_busy

__all__ = ["Move", "cancel", "carry_out", "is_locked", "move_of", "propose", "scheduled"]

_TRIES = 4
_PAUSE = 0.5
# Batches under way: no state shall be long behind its labels.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A run, where to put it, and what to write on it.

    Attributes:
        run: as it was read.
        start: its new start.
        message: of the new state: where it goes and why.
        labels: the record.
    """

    run: Upcoming
    start: datetime
    message: str
    labels: Json


def move_of(choice: Choice, now: datetime) -> Move | None:
    """The move that a choice comes to; None where its run stays."""
    if choice.start is None:
        return None
    run, decision = choice.candidate.run, choice.decision
    labels = labels_for(
        replace(decision, failures=choice.candidate.failures),
        key=None,
        decided_at=now,
        decided_by=PLANNER,
        moves=run.moves + 1,
    )
    if run.restored_from is not None:
        labels |= {name: value for name, value in run.labels.items() if name == RESTORED}
    return Move(run=run, start=choice.start, message=decision.sentence, labels=labels)


def scheduled(start: datetime, message: str) -> Json:
    """A Scheduled state. Under that name, so that it becomes Late when no worker comes."""
    return {
        "type": "SCHEDULED",
        "name": "Scheduled",
        "message": message,
        "state_details": {"scheduled_time": start.isoformat()},
    }


async def carry_out(
    api: Api, moves: Iterable[Move], *, not_before: timedelta
) -> dict[str, str]:
    """Move the runs.

    Args:
        api: the Prefect API.
        moves: in any order.
        not_before: runs that start sooner than that are left to their worker.

    Returns:
        What was in the way, by run; nothing for those that were moved.
    """
    groups: dict[tuple[datetime, str], list[Move]] = defaultdict(list)
    for move in moves:
        groups[move.start, move.message].append(move)
    gate = asyncio.Semaphore(_AT_ONCE)
    done = await together(
        _batch(api, batch, not_before, gate)
        for group in groups.values()
        for batch in parts(group, BATCH)
    )
    return {run: fault for faults in done for run, fault in faults.items()}


async def _batch(
    api: Api, moves: Sequence[Move], not_before: timedelta, gate: asyncio.Semaphore
) -> dict[str, str]:
    async with gate:
        told = await together(_label(api, move) for move in moves)
        faults = {
            move.run.id: fault
            for move, fault in zip(moves, told, strict=True)
            if fault is not None
        }
        left = [move for move in moves if move.run.id not in faults]
        if left:
            faults |= await _to_their_slot(api, left, not_before)
        return await _without_done(api, moves, faults)


_BUSY = "the server's database was busy; the next pass tries again"
_GONE = "it is no longer where it was: picked up, moved or deleted meanwhile"


async def _without_done(
    api: Api, moves: Sequence[Move], faults: dict[str, str]
) -> dict[str, str]:
    """The faults, less those of runs that turn out to be where they were to go.

    An answer may have been lost, and another planner may have come first.
    """
    if not faults:
        return faults
    starts = {move.run.id: move.start for move in moves}
    try:
        runs = await api.runs(sorted(faults))
    except httpx.HTTPError:
        return faults
    for run in runs:
        state = run.get("state") or {}
        at = moment((state.get("state_details") or {}).get("scheduled_time"))
        there = at is not None and abs(at - starts[run["id"]]) <= SAME
        if there and state.get("type") == "SCHEDULED":
            del faults[run["id"]]
    return faults


async def _label(api: Api, move: Move) -> str | None:
    try:
        await api.label(move.run.id, move.labels)
    except httpx.HTTPStatusError as error:
        if error.response.status_code == httpx.codes.NOT_FOUND:
            return "it was deleted meanwhile"
        return f"its labels were refused: {error}"
    except httpx.HTTPError as error:
        return f"no answer to its labels: {error!r}"
    return None


async def _to_their_slot(
    api: Api, moves: Sequence[Move], not_before: timedelta
) -> dict[str, str]:
    """Move runs that go to one start; what was in the way, by run."""
    starts = [move.run.start for move in moves]
    first = max(min(starts) - SAME, api.now() + not_before)
    matching = {
        "id": {"any_": [move.run.id for move in moves]},
        "state": {"type": {"any_": ["SCHEDULED"]}, "name": {"any_": ["Scheduled"]}},
        "next_scheduled_start_time": {
            "after_": first.isoformat(),
            "before_": (max(starts) + SAME).isoformat(),
        },
    }
    state = scheduled(moves[0].start, moves[0].message)
    try:
        results = await propose(api, matching, state)
    except httpx.HTTPError as error:
        # It may have been carried out or not; the next pass reads which.
        return {move.run.id: f"no clear answer: {error!r}" for move in moves}
    faults = {}
    for move in moves:
        result = results.get(move.run.id)
        if result is None:
            faults[move.run.id] = _GONE
        elif is_locked(result):
            faults[move.run.id] = _BUSY
        elif not _moved(result, move):
            reason = str((result.get("details") or {}).get("reason") or result["status"])
            faults[move.run.id] = f"the server refused: {reason}"
    return faults


async def propose(api: Api, matching: Json, state: Json) -> dict[str, Json]:
    """Propose a state to all runs that match; the result for each, by run.

    Runs whose turn it was not on a busy database are tried again, a few times. Where the
    server says no to several together, it is asked about half of them at a time, because
    what it says no to may be one of them.

    Raises:
        httpx.HTTPError: no clear answer; some may have the state.
    """
    results: dict[str, Json] = {}
    left = list(matching["id"]["any_"])
    for attempt in range(_TRIES):
        if attempt:
            await asyncio.sleep(_PAUSE * 2 ** (attempt - 1))
        answers = await _answers(api, matching, left, state)
        results |= {answer["flow_run_id"]: answer for answer in answers}
        left = [run for run in left if is_locked(results.get(run, {}))]
        if not left:
            break
    return results


async def _answers(api: Api, matching: Json, runs: list[str], state: Json) -> list[Json]:
    try:
        return await api.set_states(matching | {"id": {"any_": runs}}, state)
    except httpx.HTTPStatusError as error:
        if is_busy(error):
            # That is not about any of them, and has been tried for long enough.
            raise
        if len(runs) == 1:
            why = f"it answers {error.response.status_code}"
            return [
                {"flow_run_id": runs[0], "status": "REJECT", "details": {"reason": why}}
            ]
    half = len(runs) // 2
    return [
        *await _answers(api, matching, runs[:half], state),
        *await _answers(api, matching, runs[half:], state),
    ]


async def cancel(api: Api, run: Upcoming, message: str) -> str | None:
    """Cancel a run that waits; what was in the way, None when nothing."""
    matching = {"id": {"any_": [run.id]}, "state": {"type": {"any_": ["SCHEDULED"]}}}
    state = {"type": "CANCELLED", "name": "Cancelled", "message": message}
    try:
        result = (await propose(api, matching, state)).get(run.id)
    except httpx.HTTPError as error:
        return f"could not be cancelled: {error}"
    if result is None:
        return "it was not cancelled: it waits no longer"
    return None if result["status"] == "ACCEPT" else "the server refused to cancel it"


def is_locked(result: Json) -> bool:
    """Whether an answer of 200 has a failure of this kind in it: "database is locked"."""
    reason = str((result.get("details") or {}).get("reason"))
    return result.get("status") == "ABORT" and "locked" in reason


def _moved(result: Json, move: Move) -> bool:
    details = (result.get("state") or {}).get("state_details") or {}
    start = moment(details.get("scheduled_time"))
    return (
        result["status"] == "ACCEPT"
        and start is not None
        and abs(start - move.start) <= SAME
    )
