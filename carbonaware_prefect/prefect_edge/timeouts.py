"""Which ``timeout_seconds`` of Prefect a wait in this process is charged to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from prefect.context import FlowRunContext, TaskRunContext

from carbonaware_prefect.core import Budget

__all__ = ["tightest_timeout"]

# A wait ends up to a second late, and then there are a log line and the work's beginning.
_MARGIN = timedelta(seconds=2)


def tightest_timeout() -> Budget | None:
    """What is used up first: the timeout of a flow or task that is executing here.

    Those of all that enclose this call count: the task itself, the task that called it,
    the flow, its parent flow. None where none of them has one.
    """
    budgets = [*_budgets(FlowRunContext, "flow"), *_budgets(TaskRunContext, "task")]
    return min(budgets, key=lambda budget: budget.end, default=None)


def _budgets(kind: Any, word: str) -> Iterator[Budget]:
    seen = set()
    for context in _enclosing(kind.get()):
        run, work = getattr(context, f"{word}_run"), getattr(context, word)
        # A context is entered anew for each attempt, and the first one stays below it.
        if run is None or work is None or run.id in seen:
            continue
        seen.add(run.id)
        if work.timeout_seconds is not None:
            end = _begun(context) + timedelta(seconds=work.timeout_seconds) - _MARGIN
            name = f"timeout_seconds={work.timeout_seconds:g} of {word} {work.name!r}"
            yield Budget(end=end, name=name)


def _enclosing(context: Any) -> Iterator[Any]:
    """A context and those that were there when it was entered, the innermost first."""
    while isinstance(context, (FlowRunContext, TaskRunContext)):
        yield context
        token = getattr(context, "_token", None)
        # Outermost it is a marker of contextvars.
        context = getattr(token, "old_value", None)


def _begun(context: Any) -> datetime:
    """When the attempt began that the timeout counts from."""
    if getattr(context, "detached", False) and context.flow_run.state is not None:
        # Made anew in a task runner's process; the run has been Running for longer.
        begun = context.flow_run.state.timestamp
    else:
        begun = context.start_time
    return datetime.fromtimestamp(begun.timestamp(), timezone.utc)
