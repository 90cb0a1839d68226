"""The delay task's protocol: put a deployment's flow run back to Scheduled.

In this order, each step because a run was lost, doubled or stuck without it (see
docs/how-it-works.md): look before touching anything; read the run's history and not
only its labels; decide; move; leave the process.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime
from typing import Literal

from prefect.transactions import get_transaction

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.core import Budget, Decision, Reason, run_now
from carbonaware_prefect.delay.call import Call
from carbonaware_prefect.delay.choice import choose, policy_for
from carbonaware_prefect.delay.in_process import log_decision, wait_until
from carbonaware_prefect.delay.move import Mover, shortest_move
from carbonaware_prefect.delay.record import announce, began, record, show
from carbonaware_prefect.delay.rehearsal import Rehearsal, rehearsal_here
from carbonaware_prefect.errors import RescheduleError
from carbonaware_prefect.labels import Plan, read_plan
from carbonaware_prefect.pages.events import RunEventName
from carbonaware_prefect.policies.given import GivenPolicy
from carbonaware_prefect.prefect_edge import engine, flow_runs, task_runners
from carbonaware_prefect.prefect_edge.timeouts import tightest_timeout
from carbonaware_prefect.prefect_edge.why_started import EARLY, StartCause, why_started

__all__ = ["TASK_FUNCTION", "Wait", "delay_flow_run"]

Wait = Literal["auto", "reschedule", "in_process"]
TASK_FUNCTION = "carbonaware_delay_body"

# Delay tasks of one process take turns: two moves at once would overwrite one another.
_turn = threading.Lock()


def delay_flow_run(given: GivenPolicy, *, key: str | None, wait: Wait) -> Decision:
    """The body of the delay task: decide, then move the run, wait here, or go on.

    Raises:
        RescheduleError: ``wait="reschedule"`` where the run cannot be moved.
    """
    call = Call.here(given, key)
    rehearsal = rehearsal_here()
    return _delay(call, wait) if rehearsal is None else _rehearse(call, rehearsal)


def _delay(call: Call, wait: Wait) -> Decision:
    with _turn:
        # Also when nothing is to wait for: an error that comes some days only is worse.
        if wait == "reschedule" and (obstacle := _obstacle(call, wait)) is not None:
            msg = f'wait="reschedule" is impossible here: {obstacle}'
            raise RescheduleError(msg)
        decision, moves = _decide(call, utc_now())
        if not decision.wait or decision.slot is None:
            began(call, decision, moves)
            return decision
        mover, obstacle = _move(call, decision, moves + 1, wait)
        if obstacle is None:
            return decision
    # The server may have accepted the move after all; then the process ends.
    if mover is not None and mover.settle():
        announce(call, RunEventName.MOVED, decision, moves + 1)
        return decision
    return _wait_here(call, decision, moves, obstacle)


def _move(
    call: Call, decision: Decision, moves: int, wait: Wait
) -> tuple[Mover | None, str | None]:
    """Who has tried to move the run, if anybody, and why it was not moved."""
    obstacle = _obstacle(call, wait)
    if obstacle is not None or call.context is None or decision.slot is None:
        return None, obstacle
    if engine.is_leaving(call.context):
        # Another delay task of this run has moved it meanwhile.
        return None, None
    shortest = shortest_move(policy_for(call.given, call.read))
    if decision.slot.start - utc_now() < shortest:
        return None, "the slot is so near that moving the run is not worth it"
    mover = Mover(
        call.context,
        decision,
        key=call.key,
        decided_by=call.decided_by,
        moves=moves,
        shortest=shortest,
    )
    if mover.move_patiently():
        announce(call, RunEventName.MOVED, decision, moves)
        return mover, None
    return mover, f"the run could not be moved: {mover.fault}"


def _wait_here(call: Call, decision: Decision, moves: int, obstacle: str) -> Decision:
    """Wait in this process, for as long as no time-out ends it before the work does."""
    budget, now = tightest_timeout(), utc_now()
    fitted = decision
    if budget and decision.slot and decision.slot.end > budget.end:
        fitted = _choose(call, now, budget)
    waits = "Waiting in this process until the slot" if fitted.wait else "Not put back"
    call.logger.info("%s: %s", waits, obstacle)
    if fitted is not decision:
        log_decision(call.logger, fitted)
        show(call, fitted)
    record(call, fitted, now, moves, waits_here=True)
    if fitted.wait and fitted.slot is not None:
        wait_until(fitted.slot.start, stop=flow_runs.stop_if_cancelled)
        call.logger.info("The slot is here: going on.")
    began(call, fitted, moves)
    return fitted


def _rehearse(call: Call, rehearsal: Rehearsal) -> Decision:
    """Decide for a user's test, and leave the decision without moving or waiting."""
    now = rehearsal.now()
    # Counted from the test's time: the run's due time is a real one.
    decision = _choose(replace(call, given=rehearsal.given(call.given), first=False), now)
    log_decision(call.logger, decision)
    record(call, decision, now, moves=0, waits_here=True)
    rehearsal.decisions.append(decision)
    return decision


def _obstacle(call: Call, wait: Wait) -> str | None:  # noqa: PLR0911  a list of reasons
    """Why the run cannot be moved from here and what to change, or None."""
    context, flow_run = call.context, call.flow_run
    if wait == "in_process":
        return 'wait="in_process" says so'
    if context is None or flow_run is None:
        return "this is no flow run; call the delay task inside a flow"
    if flow_run.deployment_id is None:
        where = "a sub-flow" if flow_run.parent_task_run_id else "an ad-hoc run"
        return f"this is {where}; only the run of a deployment can be rescheduled"
    if context.detached:
        return "the task runner executes this task in another process; call it directly"
    if lacking := engine.missing(context):
        return f"this Prefect has no {lacking}"
    if runner := task_runners.opaque_runner():
        return f"nobody can tell what a {runner} is executing"
    others = engine.executing_elsewhere(context, call.task_run.id, TASK_FUNCTION)
    if others:
        return f"{', '.join(others)} is executing; call the delay task before it"
    # The task's own is one; a parent is the user's.
    transaction = get_transaction()
    if transaction is not None and transaction.get_parent() is not None:
        return "a transaction is open; call the delay task before it"
    return None


def _decide(call: Call, now: datetime) -> tuple[Decision, int]:
    """The decision for this call, made earlier or now, and the moves made so far."""
    plan = None
    if call.flow_run is not None:
        plan = read_plan(call.flow_run.labels, call.key)
    if plan is None:
        decision, moves = _choose(call, now), 0
        log_decision(call.logger, decision)
        if not decision.wait:
            record(call, decision, now, moves)
        show(call, decision)
        return decision, moves
    start = _look_back(call, plan, now)
    policy = policy_for(call.given, call.read)
    if start is StartCause.BEFORE_THE_MOVE:
        decision = plan.decision(policy)
    elif start is StartCause.BY_A_PERSON:
        because = "somebody started this run before its slot"
        decision = run_now(policy.bind(plan.nominal_start), Reason.OVERRIDDEN, because)
        record(call, decision, plan.decided_at, plan.moves)
    else:
        decision = run_now(
            policy.bind(plan.nominal_start),
            Reason.SLOT_REACHED,
            "the time that was chosen for this run is here",
        )
    log_decision(call.logger, decision)
    return decision, plan.moves


def _choose(call: Call, now: datetime, budget: Budget | None = None) -> Decision:
    """Decide for the run's first delay from its due time, for later ones from now."""
    due = None
    if call.first and call.flow_run is not None:
        due = call.flow_run.expected_start_time
    return choose(
        call.given,
        # Who starts a run before it is due means it to start then.
        due=now if due is None else min(due, now),
        now=now,
        log=call.logger.info,
        read=call.read,
        time_zone=call.schedule.time_zone,
        next_due=call.schedule.next_due if call.first else lambda: None,
        budget=budget,
    )


def _look_back(call: Call, plan: Plan, now: datetime) -> StartCause:
    """How this start of the process relates to the plan on the run's labels."""
    if plan.slot_start is None or not plan.waits() or now >= plan.slot_start - EARLY:
        return StartCause.AT_THE_SLOT
    if call.flow_run is None:
        return StartCause.BEFORE_THE_MOVE
    try:
        with flow_runs.brief_client() as client:
            states = client.read_flow_run_states(call.flow_run.id)
    except Exception as error:  # noqa: BLE001  whatever it was, waiting is safe
        call.logger.warning("Could not read the run's history: %s", error)
        return StartCause.BEFORE_THE_MOVE
    return why_started(states, plan)
