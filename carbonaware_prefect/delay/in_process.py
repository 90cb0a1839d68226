"""The delay in process: wait here, in this process, until the slot.

For ad-hoc runs, and the fallback of the delay task. A waiting process holds its memory
and its worker slot; `carbonaware_prefect.delay.task` is the way that frees both.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Any

from typing_extensions import Unpack

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.core import Budget, Decision, Reason, run_now
from carbonaware_prefect.delay.choice import checked, choose, policy_for
from carbonaware_prefect.delay.rehearsal import rehearsal_here
from carbonaware_prefect.policies.fields import (
    DEFAULT_DURATION,
    DEFAULT_WINDOW,
    PolicyOptions,
)
from carbonaware_prefect.policies.given import GivenPolicy, given_in_call
from carbonaware_prefect.policies.signature import shows_options
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.base import SourceLike

__all__ = ["carbonaware_delay", "delay", "delay_async", "logger_here", "wait_until"]

# A sleeping thread hears of a cancellation, a changed clock or a resumed laptop only
# when it wakes, so it wakes often.
_TICK = 0.5
_WARNINGS = {
    Reason.NO_PLACE,
    Reason.NO_FORECAST,
    Reason.SOURCE_FAILED,
    Reason.INVALID_SETTING,
}
if TYPE_CHECKING:
    Logger = logging.Logger | logging.LoggerAdapter[Any]
else:
    # With its parameter only from Python 3.11 on.
    Logger = logging.Logger | logging.LoggerAdapter


@shows_options()
def carbonaware_delay(
    window: timedelta = DEFAULT_WINDOW,
    duration: timedelta = DEFAULT_DURATION,
    region: str | None = None,
    provider: str | None = None,
    *,
    source: SourceLike | None = None,
    **options: Unpack[PolicyOptions],
) -> Decision:
    """Wait in this process until the cleanest start within ``window``, then return.

    Never fails for want of a forecast: whatever goes wrong on the way is logged, and the
    call returns at once.

    Args:
        window: longest wait; bounds the start, not the end.
        duration: expected run time of the work, which the mean intensity is taken over.
        region: cloud region; implies its provider where the name is unique.
        provider: ``"aws"``, ``"azure"`` or ``"gcp"``.
        source: forecast source, see docs/sources.md; by default ``"typical"``, the
            embedded table, or ``"auto"`` where credentials are set.
        **options: the above by name, see `PolicyOptions`; left out or None, the
            environment decides.

    Returns:
        What was decided, after the wait.

    Raises:
        InvalidInputError: (a ValueError) something given is not allowed.

    Example:
        >>> from datetime import timedelta
        >>> from carbonaware_prefect import carbonaware_delay
        >>> decision = carbonaware_delay(timedelta(microseconds=1), zone="DE")
        >>> decision.wait
        False
    """
    given = given_in_call(window, duration, region, provider, source=source, **options)
    return delay(checked(given))


def delay(given: GivenPolicy) -> Decision:
    """Decide now, say so in the log, and wait in this thread."""
    decision, until, logger = _begin(given)
    if until is not None:
        wait_until(until, stop=_stop_check())
        _woken(logger)
    return decision


async def delay_async(given: GivenPolicy) -> Decision:
    """Decide now, say so in the log, and wait without blocking the event loop."""
    # A source may use the network, so that too happens beside the loop.
    decision, until, logger = await asyncio.to_thread(_begin, given)
    if until is not None:
        # No event tells of a changed clock, so look again and again.
        while (remaining := _remaining(until)) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(remaining, _TICK))
        _woken(logger)
    return decision


def wait_until(moment: datetime, *, stop: Callable[[], None] | None = None) -> None:
    """Sleep until ``moment`` by the wall clock; wakes within a second of it.

    ``stop`` is called twice a second and ends the wait by raising.
    """
    while (remaining := _remaining(moment)) > 0:
        if stop is not None:
            stop()
        time.sleep(min(remaining, _TICK))


def _remaining(moment: datetime) -> float:
    return (moment - utc_now()).total_seconds()


def _begin(given: GivenPolicy) -> tuple[Decision, datetime | None, Logger]:
    """The decision, and until when to wait for it; None for not at all."""
    rehearsal = rehearsal_here()
    now = utc_now() if rehearsal is None else rehearsal.now()
    given = given if rehearsal is None else rehearsal.given(given)
    logger = logger_here()
    read = _settings_reader(logger)
    decision = _placed_already(given, now, read) or choose(
        given,
        due=now,
        now=now,
        log=logger.info,
        read=read,
        time_zone=_time_zone,
        budget=_budget(),
    )
    log_decision(logger, decision)
    _record(decision, now, logger)
    if rehearsal is not None:
        rehearsal.decisions.append(decision)
        return decision, None, logger
    until = decision.slot.start if decision.wait and decision.slot is not None else None
    return decision, until, logger


def log_decision(logger: Logger, decision: Decision) -> None:
    """Say what was decided, as a warning where the user can mend something."""
    mendable = decision.reason in _WARNINGS or decision.failures
    level = logging.WARNING if mendable else logging.INFO
    logger.log(level, decision.sentence)


def _woken(logger: Logger) -> None:
    logger.info("The slot is here: going on.")


def logger_here() -> Logger:
    """Prefect's run logger inside a run, this package's logger outside."""
    if _inside_a_run():
        from prefect.logging import get_run_logger

        return get_run_logger()
    return logging.getLogger("carbonaware_prefect")


def _inside_a_run() -> bool:
    # Where Prefect was never imported there is no run, and no need to import it.
    if "prefect.context" not in sys.modules:
        return False
    from prefect.context import FlowRunContext, TaskRunContext

    return FlowRunContext.get() is not None or TaskRunContext.get() is not None


def _placed_already(
    given: GivenPolicy, now: datetime, read: Callable[[], Settings]
) -> Decision | None:
    """The decision of the planner where it has placed this run: nobody waits twice."""
    if not _inside_a_run():
        return None
    from carbonaware_prefect.prefect_edge.flow_runs import EARLY, plan_of_this_run

    plan = plan_of_this_run()
    if plan is None or plan.slot_start is None:
        return None
    request = policy_for(given, read).bind(plan.nominal_start)
    if now < plan.slot_start - EARLY:
        because = "somebody started this run before its slot"
        return run_now(request, Reason.OVERRIDDEN, because)
    return run_now(request, Reason.SLOT_REACHED, "the planner has placed this run")


def _settings_reader(logger: Logger) -> Callable[[], Settings]:
    """The environment's settings; inside a run also those of its policy block."""
    if not _inside_a_run():
        return Settings.read
    from carbonaware_prefect.delay.run_settings import read_settings

    return partial(read_settings, logger.warning)


def _time_zone() -> tzinfo | None:
    """The time zone of the schedule of the run around this call."""
    if not _inside_a_run():
        return None
    from carbonaware_prefect.delay.schedule import ScheduleOfRun
    from carbonaware_prefect.prefect_edge.flow_runs import deployed_run

    try:
        return ScheduleOfRun(deployed_run()).time_zone()
    except Exception:  # noqa: BLE001  no fault of the API may cost a run
        return None


def _budget() -> Budget | None:
    """What a wait here is charged to."""
    if not _inside_a_run():
        return None
    from carbonaware_prefect.prefect_edge.timeouts import tightest_timeout

    return tightest_timeout()


def _stop_check() -> Callable[[], None] | None:
    if not _inside_a_run():
        return None
    from carbonaware_prefect.prefect_edge.flow_runs import stop_if_cancelled

    return stop_if_cancelled


def _record(decision: Decision, now: datetime, logger: Logger) -> None:
    """Leave the decision on the flow run, where there is one."""
    if not _inside_a_run():
        return
    from carbonaware_prefect.prefect_edge.flow_runs import record_in_process

    try:
        record_in_process(decision, decided_at=now)
    except Exception as error:  # noqa: BLE001  a record must never cost a run
        logger.warning("Could not record the decision on the flow run: %s", error)
