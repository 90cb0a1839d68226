"""From what a call gave to a decision: which place, which source, what to do.

`checked` runs where a delay is *defined* and raises typed errors for bad input. `choose`
runs where the flow *runs* and raises nothing: every fault there is a reason to start
now, because a fault must never cost a run.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, tzinfo
from functools import partial

from carbonaware_prefect.clouds.findings import Detection
from carbonaware_prefect.core import (
    Budget,
    Decision,
    Neighbours,
    Policy,
    Reason,
    Request,
    decide,
    run_now,
)
from carbonaware_prefect.errors import InvalidInputError
from carbonaware_prefect.policies.given import GivenPolicy
from carbonaware_prefect.policies.place import find_place
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.base import Source
from carbonaware_prefect.sources.typical import TypicalSource
from carbonaware_prefect.sources.wiring.catalogue import open_source
from carbonaware_prefect.sources.wiring.coverage import check_table, unknown_zone
from carbonaware_prefect.sources.wiring.fetch import Fetched, fetch_for, needs_zone

__all__ = ["checked", "choose", "consult", "policy_for"]

_REMEDY = (
    "give provider and region, or zone, in the call, or set CARBONAWARE_PROVIDER and "
    "CARBONAWARE_REGION, or CARBONAWARE_ZONE"
)


def checked(given: GivenPolicy) -> GivenPolicy:
    """``given``, if all of it is allowed.

    A zone that nothing here knows is no error, since the work may have a source that
    does: it is a `UserWarning` for whoever called the function that calls this.

    Raises:
        InvalidInputError: (a ValueError) a value out of its range.
        UnknownPlaceError: (a ValueError) unknown or mismatched provider, region, zone;
            typical days asked for, for a zone that has none.
        UnknownSourceError: (a ValueError) no source of that name.
    """
    given.policy()
    place, named = given.place(), given.fields.get("source")
    # Without settings: what runs elsewhere has other credentials, but the same names.
    source = open_source(named, Settings.model_construct())
    if place is None:
        return given
    if named is not None and isinstance(source, TypicalSource):
        check_table(place.zone)
    elif fault := unknown_zone(place.zone, source):
        warnings.warn(fault, UserWarning, stacklevel=3)
    return given


def policy_for(given: GivenPolicy, read: Callable[[], Settings] = Settings.read) -> Policy:
    """The policy of a call here and now; without the settings where those are bad.

    Args:
        given: what the call gave, checked.
        read: reads the settings.
    """
    try:
        everything = given.over(read().given())
        place = everything.place()
        return everything.policy(None if place is None else place.zone)
    except InvalidInputError:
        place = given.place()
        return given.policy(None if place is None else place.zone)


def choose(
    given: GivenPolicy,
    *,
    due: datetime,
    now: datetime,
    log: Callable[[str], None] = lambda _: None,
    read: Callable[[], Settings] = Settings.read,
    time_zone: Callable[[], tzinfo | None] = lambda: None,
    next_due: Callable[[], datetime | None] = lambda: None,
    budget: Budget | None = None,
) -> Decision:
    """Decide for a run that is due at ``due`` and would start now. Raises nothing.

    Args:
        given: what the call gave, checked.
        due: when the run is meant to start (aware); its window counts from here.
        now: the present (aware).
        log: takes a sentence on what was detected.
        read: reads the settings.
        time_zone: finds that of the run's schedule; called only where a time of day
            needs one and nobody named it.
        next_due: finds when the next run of its schedule is due; called only for a
            decision to wait.
        budget: what a wait is charged to.

    Returns:
        The decision; any fault on the way (settings, place, source, forecast) makes it
        ``run now`` with the fault as its reason.
    """
    nominal_start = max(due, now)
    try:
        settings = read()
        everything = given.over(settings.given())
        source = open_source(everything.fields.get("source"), settings)
        detect = settings.detect and needs_zone(source)
        place, detection = find_place(everything, detect=detect)
        policy = everything.policy(None if place is None else place.zone)
    except InvalidInputError as error:
        # Without settings: reading them may be what failed.
        policy = policy_for(given, Settings.model_construct)
        request = policy.bind(due, nominal_start=nominal_start)
        return run_now(request, Reason.INVALID_SETTING, str(error))
    if detection is not None and place is not None:
        log(f"Nobody said where this runs; {detection.sentence}, zone {place.zone}")
    bind = partial(
        policy.bind,
        due,
        time_zone() if policy.is_local() else None,
        nominal_start=nominal_start,
    )
    request = bind()
    if place is None and needs_zone(source):
        return run_now(request, Reason.NO_PLACE, _nowhere(detection))
    decision = consult(source, request, now)
    neighbours = None
    if decision.wait and not everything.complete()["overtake"]:
        neighbours = Neighbours(following=next_due())
        decision = _within(source, decision, bind(neighbours=neighbours), now)
    return _within(source, decision, bind(neighbours=neighbours, budget=budget), now)


def _within(
    source: Source, decision: Decision, request: Request, now: datetime
) -> Decision:
    """The decision, or another one where a tighter request does not allow its slot."""
    waits = decision.wait and decision.slot is not None
    if not waits or (decision.slot and request.allows(decision.slot.start)):
        return decision
    return consult(source, request, now)


def _nowhere(detection: Detection | None) -> str:
    if detection is None:
        return f"nobody said where this runs, and detection is switched off; {_REMEDY}"
    # Without detection's own remedy, which is part of ours.
    found = detection.sentence.rpartition("; ")[0]
    tried = ", ".join(dict.fromkeys(probe.asked for probe in detection.probes))
    looked = f" (looked at: {tried})" if tried else ""
    return f"nobody said where this runs, and detection says: {found}{looked}; {_REMEDY}"


def consult(source: Source, request: Request, now: datetime) -> Decision:
    """Decide by what a source forecasts; its faults make it ``run now``."""
    if request.conflict is not None:
        return run_now(request, request.conflict_reason, request.conflict)
    fetched = fetch_for(source, [request], now)
    if fetched.forecast is None:
        decision = run_now(request, fetched.reason, fetched.because)
    else:
        decision = decide(request, fetched.forecast, now)
    return replace(
        decision,
        sentence=decision.sentence + _notes(decision, fetched),
        source=decision.source or fetched.source,
        failures=fetched.failures,
    )


def _notes(decision: Decision, fetched: Fetched) -> str:
    """What limits the decision, for the end of its sentence."""
    if fetched.forecast is None:
        return ""
    notes = []
    known = fetched.forecast.end
    request = decision.request
    if decision.slot is not None and known < request.latest_start + request.duration:
        notes.append(f"the forecast ends at {known:%Y-%m-%d %H:%M} UTC, before the window")
    if fetched.failures:
        notes.append(f"{fetched.source} answered, after {'; '.join(fetched.failures)}")
    return "".join(f" ({note})" for note in notes)
