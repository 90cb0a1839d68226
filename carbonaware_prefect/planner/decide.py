"""Which runs move, and where to: all runs of a pass decided together.

A run that was moved before moves again only where a newer forecast makes that worth
it; one that is to start soon, or that is not ours to move, keeps its place in the
count of what a limit allows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from carbonaware_prefect.core import (
    Decision,
    Forecast,
    Interval,
    Request,
    Slot,
    conclude,
)
from carbonaware_prefect.core.capacity.demands import Demand, Placement
from carbonaware_prefect.core.capacity.place import place
from carbonaware_prefect.core.slots import cleanest_slot
from carbonaware_prefect.planner.report import Action, Outcome
from carbonaware_prefect.planner.upcoming import SAME, StartOwner, Upcoming
from carbonaware_prefect.settings import Settings

__all__ = ["Candidate", "Choice", "decide_all", "left_alone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A run that may be moved, with all that decides where to.

    Attributes:
        run: as it was read.
        deployment: its deployment's name.
        request: allowed starts and duration.
        forecast: of its zone.
        failures: of sources that were asked before.
        settings: of its deployment.
        limits: names of the limits it counts against.
    """

    run: Upcoming
    deployment: str
    request: Request
    forecast: Forecast
    failures: tuple[str, ...]
    settings: Settings
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a candidate's run does: the outcome, and its move where there is one.

    Attributes:
        candidate: the run.
        outcome: for the report.
        decision: what was decided.
        start: where to put the run; None when it stays.
    """

    candidate: Candidate
    outcome: Outcome
    decision: Decision
    start: datetime | None


def left_alone(run: Upcoming, settings: Settings, now: datetime) -> tuple[str, str] | None:
    """Why a run is not ours to move, as a code and a sentence; None when it is."""
    if run.start_owner is StartOwner.PERSON:
        return "overridden", "Left alone: somebody changed its start time"
    if run.start_owner is StartOwner.NOT_A_SCHEDULE:
        return "not_scheduled", "Left alone: no schedule made it, or it has started before"
    freeze = settings.policy_fields["freeze"]
    if run.start - now < freeze:
        return "starts_soon", f"Left alone: it starts within {freeze}"
    return None


def decide_all(
    candidates: Sequence[Candidate],
    *,
    limits: Mapping[str, int],
    occupied: Sequence[tuple[Interval, tuple[str, ...]]],
    now: datetime,
    soonest: datetime,
) -> list[Choice]:
    """Decide for all candidates.

    Args:
        candidates: runs that may be moved.
        limits: how many runs at a time each limit allows.
        occupied: what runs that are no candidates take of them.
        now: the present.
        soonest: no run is put before this.
    """
    settled: dict[str, Choice] = {}
    moving: list[Candidate] = []
    for candidate in candidates:
        if kept := _kept(candidate, soonest):
            settled[candidate.run.id] = kept
        else:
            moving.append(candidate)
    taken = [
        (_span(candidate, candidate.run.start), candidate.limits)
        for candidate in candidates
        if candidate.run.id in settled
    ]
    demands = [_demand(each, soonest) for each in moving]
    placements = place(demands, limits, [*occupied, *taken])
    for candidate, placement in zip(moving, placements, strict=True):
        settled[candidate.run.id] = _choice(candidate, placement, now, soonest)
    return [settled[candidate.run.id] for candidate in candidates]


def _span(candidate: Candidate, start: datetime) -> Interval:
    return Interval(start, start + candidate.request.duration)


def _moved(run: Upcoming) -> bool:
    return run.start_owner is StartOwner.PLANNER


def _misplaced(candidate: Candidate) -> bool:
    """Whether a moved run is where its policy and its schedule do not allow it any more."""
    return not candidate.request.allows(candidate.run.start, within=SAME)


def _kept(candidate: Candidate, soonest: datetime) -> Choice | None:
    """The choice to keep a run that was moved before, when no move of it can pay."""
    run = candidate.run
    if not _moved(run):
        return None
    best = _best_alone(candidate, soonest)
    if best is not None and _misplaced(candidate):
        return None
    if run.moves >= candidate.settings.policy_fields["max_moves"]:
        return _stay(candidate, "moved_often_enough", f"it was moved {run.moves} times")
    gain = None if best is None else _gain(candidate, best)
    if best is None or (
        gain is not None and gain < candidate.settings.policy_fields["replan_gain"]
    ):
        return _stay(candidate, "gain_too_small", "no other start is worth another move")
    return None


def _best_alone(candidate: Candidate, soonest: datetime) -> Slot | None:
    request = candidate.request
    starts = request.starts_from(soonest)
    return cleanest_slot(candidate.forecast, starts, request.duration)


def _gain(candidate: Candidate, slot: Slot) -> float | None:
    """Saving against the present start; None when that one has no mean to compare."""
    here = candidate.forecast.mean(candidate.run.start, candidate.request.duration)
    if here is None:
        return None
    if here <= 0:
        return 0.0 if slot.mean_intensity >= here else 1.0
    return 1 - slot.mean_intensity / here


def _demand(candidate: Candidate, soonest: datetime) -> Demand:
    request, run = candidate.request, candidate.run
    nominal = request.nominal_start
    usable = nominal >= soonest and request.allows(nominal)
    return Demand(
        key=run.id,
        forecast=candidate.forecast,
        duration=request.duration,
        ranges=request.starts_from(soonest),
        nominal=nominal if usable else None,
        resources=candidate.limits,
        minimum_saving=request.least_saving(candidate.forecast),
    )


def _choice(
    candidate: Candidate, placement: Placement, now: datetime, soonest: datetime
) -> Choice:
    request, run = candidate.request, candidate.run
    slot = None
    if placement.start is not None and placement.mean_intensity is not None:
        end = placement.start + request.duration
        slot = Slot(placement.start, end, placement.mean_intensity)
    if slot is not None and slot.start == request.nominal_start and not _moved(run):
        # What it would do alone says why it stays.
        slot = _best_alone(candidate, soonest)
        alone = conclude(request, candidate.forecast, slot, now)
        return _crowded_out(candidate, now) if alone.wait else _as_is(candidate, alone)
    decision = conclude(request, candidate.forecast, slot, now)
    if decision.slot is None:
        return _as_is(candidate, decision)
    if _moved(run) and not _misplaced(candidate):
        gain = _gain(candidate, decision.slot)
        if gain is not None and gain < candidate.settings.policy_fields["replan_gain"]:
            return _stay(
                candidate, "gain_too_small", "no other start is worth another move"
            )
    if (
        abs(decision.slot.start - run.start) <= SAME
        and run.start_owner is not StartOwner.UNFINISHED
    ):
        return _as_is(candidate, decision)
    outcome = _outcome(candidate, decision, Action.MOVE, decision.slot.start)
    return Choice(
        candidate=candidate, outcome=outcome, decision=decision, start=decision.slot.start
    )


def _stay(candidate: Candidate, reason: str, because: str) -> Choice:
    """Keep a moved run where it is, with the numbers of the present forecast."""
    run, request = candidate.run, candidate.request
    mean = candidate.forecast.mean(run.start, request.duration)
    slot = None if mean is None else Slot(run.start, run.start + request.duration, mean)
    decision = conclude(request, candidate.forecast, slot, run.start)
    sentence = f"Kept at its slot: {because}"
    outcome = _outcome(candidate, decision, Action.KEEP, run.start, reason, sentence)
    return Choice(candidate=candidate, outcome=outcome, decision=decision, start=None)


def _crowded_out(candidate: Candidate, now: datetime) -> Choice:
    """Keep a run at its nominal start because of what others take of its limits."""
    request = candidate.request
    mean = candidate.forecast.mean(request.nominal_start, request.duration)
    assert mean is not None  # noqa: S101  it was chosen for its mean
    end = request.nominal_start + request.duration
    slot = Slot(request.nominal_start, end, mean)
    decision = conclude(request, candidate.forecast, slot, now)
    sentence = (
        f"Starting at its nominal time {request.nominal_start:%H:%M} UTC: the cleaner "
        "slots in its window are taken by other runs"
    )
    outcome = _outcome(
        candidate, decision, Action.KEEP, candidate.run.start, "slots_taken", sentence
    )
    return Choice(candidate=candidate, outcome=outcome, decision=decision, start=None)


def _as_is(candidate: Candidate, decision: Decision) -> Choice:
    outcome = _outcome(candidate, decision, Action.KEEP, candidate.run.start)
    return Choice(candidate=candidate, outcome=outcome, decision=decision, start=None)


def _outcome(
    candidate: Candidate,
    decision: Decision,
    action: Action,
    start: datetime,
    reason: str | None = None,
    sentence: str | None = None,
) -> Outcome:
    return Outcome(
        run=candidate.run.id,
        name=candidate.run.name,
        deployment=candidate.deployment,
        nominal_start=candidate.run.nominal_start,
        start=start,
        action=action,
        reason=reason or decision.reason.value,
        sentence=sentence or decision.sentence,
        decision=decision,
    )
