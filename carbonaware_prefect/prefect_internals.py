"""Every private name of Prefect that we use, and nothing else.

Prefect has no public way to end a flow run's process with the run in a state that was
set meanwhile, and none to ask which tasks of a run are executing. Both are read off its
engine here. `tests/server/test_internals.py` fails loudly when Prefect changes one of
them; at run time a missing name means waiting in process instead.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any
from uuid import UUID

from prefect import flow_engine, task_engine
from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner

__all__ = [
    "cancel_requested",
    "executing_elsewhere",
    "is_leaving",
    "leave_process",
    "missing",
    "send_receipt",
]

_HOOK = "flow_run_suspension_request"
_SETTLING_SECONDS = 2.0


def missing(context: FlowRunContext) -> str | None:
    """What this Prefect lacks for leaving a flow run's process, or None if nothing."""
    request = getattr(context, _HOOK, None)
    if request is None or not hasattr(request, "mark_requested"):
        return f"FlowRunContext.{_HOOK} (Prefect 3.7.1 and later have it)"
    return None


def _as_paused(state: State[Any]) -> State[Any]:
    """The accepted state in the type that the engine takes as a reason to leave.

    The engine reports a *handled* outcome to the worker for final and paused states
    only; with it, a later kill or bad exit code no longer marks the run Crashed.
    """
    return state.model_copy(update={"type": StateType.PAUSED})


def leave_process(context: FlowRunContext, accepted: State[Any]) -> None:
    """Make the engine leave the flow run's process at the next task boundary.

    From here on the engine touches the run's state no more, not even after a SIGTERM in
    another thread than ours, and reports the attempt as concluded when it ends.
    """
    paused = _as_paused(accepted)
    for engine, is_task in _engines():
        if not is_task and engine.flow_run is not None:
            engine.short_circuit = True
            engine._capture_state_report(paused)  # noqa: SLF001
    getattr(context, _HOOK).mark_requested(paused)


def is_leaving(context: FlowRunContext) -> bool:
    """Whether the engine was already told to leave this flow run's process."""
    return bool(getattr(context, _HOOK).is_requested())


def send_receipt(accepted: State[Any]) -> bool:
    """Tell the worker now, not at the process's end, that this attempt is concluded.

    Works in the main thread only (elsewhere the engine does it when the flow ends). It
    closes most of the second in which a SIGKILL would turn the accepted Scheduled state
    into Crashed.
    """
    try:
        from prefect._internal.attempt_control import EngineOutcomeReceipt
        from prefect._internal.control_listener import report_engine_outcome
    except ImportError:
        return False
    paused = _as_paused(accepted)
    return report_engine_outcome(
        EngineOutcomeReceipt.state_reported(
            state_id=paused.id, state_type=paused.type.value, state_name=str(paused.name)
        )
    )


def cancel_requested(context: FlowRunContext, task_run_id: UUID) -> bool:
    """Whether the task runner was told to cancel that task run (thread pool only)."""
    events = getattr(context.task_runner, "_cancel_events", {})
    event = events.get(task_run_id)
    return bool(event is not None and event.is_set())


# Engines live as the local ``engine`` of these functions while a task or flow executes.
_TASK_CODES: frozenset[CodeType] = frozenset(
    function.__code__
    for function in (
        task_engine.run_task_sync,
        task_engine.run_task_async,
        task_engine.run_generator_task_sync,
        task_engine.run_generator_task_async,
    )
)
_FLOW_CODES: frozenset[CodeType] = frozenset(
    function.__code__
    for function in (
        flow_engine.run_flow_sync,
        flow_engine.run_flow_async,
        flow_engine.run_generator_flow_sync,
        flow_engine.run_generator_flow_async,
    )
)
# A task that still waits for its upstreams will see the request to leave and not begin.
_UPSTREAM_CODES: frozenset[CodeType] = frozenset(
    {
        task_engine.SyncTaskRunEngine._wait_for_dependencies.__code__,  # noqa: SLF001
        task_engine.AsyncTaskRunEngine._wait_for_dependencies.__code__,  # noqa: SLF001
    }
)


def executing_elsewhere(
    context: FlowRunContext, task_run_id: UUID, ignore_task: str
) -> list[str]:
    """Names of this run's tasks and sub-flows, other than ours, that are under way.

    A task that was just submitted may be about to wait for ours, or about to execute;
    it gets a moment to show which.

    Args:
        context: of the flow run that is to leave its process.
        task_run_id: our own task run.
        ignore_task: task keys starting with this are delay tasks; those wait for one
            another by themselves.
    """
    deadline = time.monotonic() + _SETTLING_SECONDS
    while True:
        executing, beginning = _under_way(context, task_run_id, ignore_task)
        if executing or not beginning or time.monotonic() > deadline:
            return sorted(executing | beginning)
        time.sleep(0.02)


def _under_way(
    context: FlowRunContext, task_run_id: UUID, ignore_task: str
) -> tuple[set[str], set[str]]:
    """Names of what executes, and of what begins."""
    flow_run_id = None if context.flow_run is None else context.flow_run.id
    executing: set[str] = set()
    beginning: set[str] = set()
    for engine, is_task in _engines():
        if not is_task:
            if engine.flow_run is not None and engine.flow_run.id != flow_run_id:
                executing.add(f"sub-flow {engine.flow.name!r}")
            continue
        run, name = engine.task_run, f"task {engine.task.name!r}"
        if run is None or run.state is None or run.state.is_pending():
            if not engine.task.task_key.startswith(ignore_task):
                beginning.add(name)
        elif run.id != task_run_id and not (
            run.state.is_final() or engine.task.task_key.startswith(ignore_task)
        ):
            executing.add(name)
    if not isinstance(context.task_runner, ThreadPoolTaskRunner):
        executing |= _unfinished_futures(task_run_id)
    return executing, beginning


def _engines() -> Iterator[tuple[Any, bool]]:
    """Every task and flow engine under way in this process: threads, then coroutines."""
    loops: set[asyncio.AbstractEventLoop] = set()
    for top in list(sys._current_frames().values()):  # noqa: SLF001
        yield from _engines_in(_frames(top))
        for frame in _frames(top):
            runner = frame.f_locals.get("self")
            if frame.f_code.co_name == "run_forever" and isinstance(
                runner, asyncio.AbstractEventLoop
            ):
                loops.add(runner)
    for loop in loops:
        for job in asyncio.all_tasks(loop):
            yield from _engines_in(reversed(list(_awaited(job.get_coro()))))


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _awaited(awaitable: Any) -> Iterator[FrameType]:
    """The frames of a suspended coroutine, outermost first."""
    while awaitable is not None:
        frame = getattr(awaitable, "cr_frame", None) or getattr(awaitable, "gi_frame", None)
        if frame is not None:
            yield frame
        awaitable = getattr(awaitable, "cr_await", None) or getattr(
            awaitable, "gi_yieldfrom", None
        )


def _engines_in(frames: Iterator[FrameType]) -> Iterator[tuple[Any, bool]]:
    """Engines in one stack, walked from the innermost frame outwards."""
    waits_for_upstream = False
    for frame in frames:
        code = frame.f_code
        waits_for_upstream = waits_for_upstream or code in _UPSTREAM_CODES
        is_task = code in _TASK_CODES
        if not is_task and code not in _FLOW_CODES:
            continue
        engine = frame.f_locals.get("engine")
        if engine is not None and not (is_task and waits_for_upstream):
            yield engine, is_task
        if is_task:
            waits_for_upstream = False


def _unfinished_futures(task_run_id: UUID) -> set[str]:
    """Futures of runners whose tasks execute outside this process's threads.

    Such runners keep no common list of what they run; the futures themselves are the
    only thing that all of them have.
    """
    return {
        "a task on the flow's task runner"
        for future in gc.get_objects()
        if isinstance(future, PrefectFuture)
        and future.task_run_id != task_run_id
        and not future.state.is_final()
    }
