"""One pass of the planner: read, decide all together, write down, move, put back.

Idempotent, and safe to end at any point: what is written down before a move tells the
next pass what was meant, and the state of the run tells what was done. Two passes at
once come to the same slots and write the same states.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from prefect.settings import PREFECT_WORKER_PREFETCH_SECONDS

from carbonaware_prefect.core import Interval, Reason
from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.decide import (
    Candidate,
    Choice,
    decide_all,
    left_alone,
)
from carbonaware_prefect.planner.events import Happened, Lack, send_events
from carbonaware_prefect.planner.forecasts import Need, decline, fetch_all
from carbonaware_prefect.planner.limits import Limits, parse_limits
from carbonaware_prefect.planner.moves import carry_out, move_of
from carbonaware_prefect.planner.order import Order
from carbonaware_prefect.planner.pages import Pages
from carbonaware_prefect.planner.policies import RunPolicies, RunPolicy, schedule_zone
from carbonaware_prefect.planner.repair.ledger import read_ledger
from carbonaware_prefect.planner.repair.repairs import Repairs
from carbonaware_prefect.planner.report import (
    Action,
    Outcome,
    Report,
    why_not_understood,
)
from carbonaware_prefect.planner.upcoming import (
    StartOwner,
    Upcoming,
)
from carbonaware_prefect.planner.world import World, read_world
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.wiring.fetch import Fetched

__all__ = ["one_pass"]

# A worker submits what starts within its look-ahead; that and the way there.
_MARGIN = timedelta(seconds=5)


async def one_pass(
    api: Api,
    settings: Settings,
    *,
    dry_run: bool = False,
    flow_run: str | None = None,
    pages: Pages | None = None,
    before_changes: Callable[[], None] | None = None,
) -> Report:
    """Plan the upcoming runs of all deployments that opted in.

    Args:
        api: the Prefect API.
        settings: the planner's own.
        dry_run: look and decide, and change nothing.
        flow_run: id of the planner's own flow run, where the pass is one.
        pages: what people see of it; those that earlier passes left are written too.
        before_changes: called when it has read and decided, before it changes anything.

    Returns:
        What was decided about each run, and what of it could not be done.

    Raises:
        InvalidSettingError: (a ValueError) the planner's own settings are wrong.
        httpx.HTTPError: the API could not be read; nothing was changed.
    """
    clock = asyncio.get_running_loop()
    begun, calls, api_seconds = clock.time(), api.calls, api.seconds
    unnamed = api.unnamed
    api.unreadable.clear()
    zones = parse_limits(settings.zone_limit, "CARBONAWARE_ZONE_LIMIT")
    pools = parse_limits(settings.pool_limit, "CARBONAWARE_POOL_LIMIT")
    world = await read_world(api, settings)
    ahead = timedelta(seconds=PREFECT_WORKER_PREFETCH_SECONDS.value()) + _MARGIN
    ledger = await read_ledger(api)
    world = replace(world, runs=tuple(ledger.recognise(run) for run in world.runs))
    repairs = Repairs(api, world.now, world.deployments, world.runs)
    await repairs.look(ledger)
    known = replace(
        world,
        runs=tuple(run for run in world.runs if run.id not in repairs.not_to_plan),
    )
    limits = Limits(world.deployments, world.pools, own_zones=zones, own_pools=pools)
    outcomes, choices, lacks = await _decide(api, settings, known, limits, ahead)
    moves = [move for choice in choices if (move := move_of(choice, world.now)) is not None]
    if not dry_run:
        if before_changes is not None:
            before_changes()
        await repairs.write(moves)
        faults = await carry_out(api, moves, not_before=ahead)
        choices = [
            replace(c, outcome=replace(c.outcome, fault=faults.get(c.outcome.run)))
            for c in choices
        ]
        await repairs.treat()
        await (pages or Pages()).write(
            api,
            choices,
            repairs,
            world.deployments,
            on=settings.pages,
            flow_run=flow_run,
        )
        happened = Happened(
            now=world.now,
            interval=settings.planner_interval,
            moves=moves,
            faults=faults,
            lacks=lacks,
            choices=choices,
            repairs=repairs,
            deployments=world.deployments,
        )
        await send_events(api, happened)
    outcomes += [choice.outcome for choice in choices] + repairs.outcomes()
    outcomes += world.unreadable
    return Report(
        at=world.now,
        dry_run=dry_run,
        outcomes=tuple(
            sorted(outcomes, key=lambda outcome: (outcome.nominal_start, outcome.run))
        ),
        deployments=len(world.deployments),
        calls=api.calls - calls,
        api_seconds=api.seconds - api_seconds,
        seconds=clock.time() - begun,
        unreadable=api.unnamed - unnamed,
    )


async def _decide(
    api: Api, settings: Settings, world: World, limits: Limits, ahead: timedelta
) -> tuple[list[Outcome], list[Choice], list[Lack]]:
    """Rows of runs that are not ours to move, a choice for each that is, what lacks."""
    policies = RunPolicies(settings, world.deployments, world.pools, api.policy_block)
    outcomes: list[Outcome] = []
    needs: list[tuple[Upcoming, RunPolicy, Need]] = []
    occupied: list[tuple[Upcoming, RunPolicy]] = []
    order = Order(world.runs, world.deployments)
    for run in world.runs:
        terms = await policies.of(run)
        why = left_alone(run, terms.settings or settings, world.now)
        if why is None and terms.fault is not None:
            why = (Reason.INVALID_SETTING.value, f"Left alone: {terms.fault}")
        need = None
        if why is None:
            try:
                need = _need(run, terms, world, order)
            except Exception as error:  # noqa: BLE001  the others are planned all the same
                why = why_not_understood(error)
        if why is not None:
            outcomes.append(_outcome(run, world, Action.LEAVE, *why))
            occupied.append((run, terms))
        elif need is not None:
            needs.append((run, terms, need))
    found = await fetch_all(
        [need for _, _, need in needs], world.now, within=settings.planner_interval
    )
    candidates, lacks = _with_forecasts(needs, found, world)
    outcomes += [lack.outcome for lack in lacks]
    occupied += [(lack.run, lack.terms) for lack in lacks]
    chosen = await _choose(api, world, limits, candidates, occupied, ahead)
    return outcomes, chosen, lacks


def _with_forecasts(
    needs: Iterable[tuple[Upcoming, RunPolicy, Need]],
    found: Mapping[tuple[Any, ...], Fetched],
    world: World,
) -> tuple[list[Candidate], list[Lack]]:
    """Those whose source brought a forecast, and the others."""
    candidates: list[Candidate] = []
    lacks: list[Lack] = []
    for run, terms, need in needs:
        fetched = found[need.key]
        if fetched.forecast is None:
            outcome = _without_forecast(run, world, need, fetched)
            lacks.append(
                Lack(run=run, terms=terms, outcome=outcome, settings=need.settings)
            )
            continue
        candidates.append(
            Candidate(
                run=run,
                deployment=world.deployments[run.deployment]["name"],
                request=need.request,
                forecast=fetched.forecast,
                failures=fetched.failures,
                settings=need.settings,
            )
        )
    return candidates, lacks


def _need(run: Upcoming, terms: RunPolicy, world: World, order: Order) -> Need | None:
    """What a run that may be moved needs a forecast for."""
    if terms.policy is None or terms.settings is None:
        return None
    zone = schedule_zone(world.deployments[run.deployment], run.schedule)
    overtake = terms.settings.policy_fields["overtake"]
    neighbours = None if overtake else order.of(run)
    request = terms.policy.bind(run.nominal_start, zone, neighbours=neighbours)
    return Need(
        request=request,
        settings=terms.settings,
        confined=terms.confined,
        deployment=run.deployment,
    )


async def _choose(
    api: Api,
    world: World,
    limits: Limits,
    candidates: list[Candidate],
    occupied: list[tuple[Upcoming, RunPolicy]],
    ahead: timedelta,
) -> list[Choice]:
    soonest = world.now + ahead

    def together(allowed: Mapping[str, int]) -> list[Choice]:
        return decide_all(
            [
                replace(each, limits=limits.of(each.run, each.request.zone))
                for each in candidates
            ],
            limits=allowed,
            occupied=_occupied(occupied, limits),
            now=world.now,
            soonest=soonest,
        )

    choices = together(limits.allowed)
    queues = {each.run.queue for each in candidates if each.run.queue is not None}
    if queues and any(choice.start for choice in choices):
        # Only a pass that moves something needs to know them.
        limits.add_queues({each["id"]: each for each in await api.queues(sorted(queues))})
        choices = together(limits.allowed)
    return choices


def _occupied(
    runs: Iterable[tuple[Upcoming, RunPolicy]], limits: Limits
) -> list[tuple[Interval, tuple[str, ...]]]:
    """What runs that stay where they are take of the limits."""
    taken = []
    for run, terms in runs:
        if terms.policy is not None:
            span = Interval(run.start, run.start + terms.policy.duration)
            taken.append((span, limits.of(run, terms.policy.zone)))
    return taken


def _without_forecast(run: Upcoming, world: World, need: Need, fetched: Fetched) -> Outcome:
    decision = decline(fetched, need.request, world.now)
    if run.start_owner is not StartOwner.SCHEDULE:
        # It was placed by an earlier forecast; that is better than none.
        because = f"Kept at its slot: {fetched.because}"
        return _outcome(run, world, Action.KEEP, fetched.reason.value, because)
    return _outcome(run, world, Action.KEEP, decision.reason.value, decision.sentence)


def _outcome(
    run: Upcoming, world: World, action: Action, reason: str, sentence: str
) -> Outcome:
    return Outcome(
        run=run.id,
        name=run.name,
        deployment=world.deployments[run.deployment]["name"],
        nominal_start=run.nominal_start,
        start=run.start,
        action=action,
        reason=reason,
        sentence=sentence,
    )
