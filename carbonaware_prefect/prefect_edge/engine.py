"""Every private name of Prefect that we use, but for those of its task runners.

Prefect has no public way to end a flow run's process with the run in a state that was
set meanwhile, and none to ask which tasks of a run are executing. Both are read off its
engine here. `tests/server/test_internals.py` fails loudly when Prefect changes one of
them; at run time a missing name means waiting in process instead.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any, NamedTuple
from uuid import UUID

from prefect import flow_engine, task_engine
from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.utilities.engine import resolve_to_final_result

from carbonaware_prefect.prefect_edge.task_runners import (
    begins_in_thread,
    executing_in_processes,
    started_runners,
)

__all__ = [
    "cancel_requested",
    "executing_elsewhere",
    "is_leaving",
    "leave_process",
    "missing",
    "owns_process",
    "send_receipt",
    "told_to_end",
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
    for work in _under_way():
        if not work.is_task and work.engine.flow_run is not None:
            work.engine.short_circuit = True
            if report := getattr(work.engine, "_capture_state_report", None):
                report(paused)
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


def told_to_end() -> bool:
    """Whether this process has promised its supervisor to end at the next SIGTERM.

    It promises only while Prefect's own handler of SIGTERM is there.
    """
    try:
        from prefect._internal.control_listener import get_intent
    except ImportError:
        return False
    return get_intent() is not None


def owns_process(flow_run_id: str | None) -> bool:
    """Whether Prefect started this process for that flow run, and for nothing else.

    Workers name the run in the environment. ``serve()`` names none, and starts a function
    of Prefect by multiprocessing.
    """
    target = getattr(multiprocessing.current_process(), "_target", None)
    by_serve = str(getattr(target, "__module__", "")).startswith("prefect.")
    return by_serve or os.environ.get("PREFECT__FLOW_RUN_ID") == flow_run_id


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
# In a task's stack, where it waits for the future ``expr`` of an upstream.
_UPSTREAM_CODE: CodeType = resolve_to_final_result.__code__


class _Work(NamedTuple):
    """An engine under way, its thread, and the task run that it still waits for."""

    thread: int
    engine: Any
    is_task: bool
    upstream: UUID | None


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
    runners = started_runners()
    if elsewhere := executing_in_processes(runners):
        return sorted(f"a task on the {name}" for name in elsewhere)
    deadline = time.monotonic() + _SETTLING_SECONDS
    while True:
        work = list(_under_way())
        held = _held(work, ignore_task)
        executing, beginning = _told_apart(work, held, context, task_run_id)
        if not executing and not beginning:
            threads = {one.thread for one in work if _task_run_id(one) in held}
            if not any(begins_in_thread(runner, threads) for runner in runners):
                return []
            beginning = {"a submitted task"}
        if executing or time.monotonic() > deadline:
            return sorted(executing | beginning)
        time.sleep(0.02)


def _held(work: list[_Work], ignore_task: str) -> set[UUID | None]:
    """Task runs that do not go on before we do: delay tasks, and what waits for them."""
    held: set[UUID | None] = {
        _task_run_id(one)
        for one in work
        if one.is_task and one.engine.task.task_key.startswith(ignore_task)
    }
    while more := {_task_run_id(one) for one in work if one.upstream in held} - held:
        held |= more
    return held - {None}


def _task_run_id(work: _Work) -> UUID | None:
    """The id of a task run that has not ended."""
    run = work.engine.task_run if work.is_task else None
    return None if run is None or (run.state and run.state.is_final()) else run.id


def _told_apart(
    work: list[_Work], held: set[UUID | None], context: FlowRunContext, task_run_id: UUID
) -> tuple[set[str], set[str]]:
    """Names of what executes, and of what begins."""
    flow_run_id = None if context.flow_run is None else context.flow_run.id
    executing: set[str] = set()
    beginning: set[str] = set()
    for one in work:
        engine = one.engine
        if not one.is_task:
            if engine.flow_run is not None and engine.flow_run.id != flow_run_id:
                executing.add(f"sub-flow {engine.flow.name!r}")
            continue
        run, name = engine.task_run, f"task {engine.task.name!r}"
        if run is None or run.state is None or run.state.is_pending():
            if run is None or run.id not in held:
                beginning.add(name)
        elif run.id != task_run_id and run.id not in held and not run.state.is_final():
            executing.add(name)
    return executing, beginning


def _under_way() -> Iterator[_Work]:
    """Every engine in this process: in stacks, then in the coroutines of event loops."""
    for thread, top in list(sys._current_frames().items()):  # noqa: SLF001
        yield from _engines_in(_frames(top), thread)
        for frame in _frames(top):
            loop = frame.f_locals.get("self")
            if frame.f_code.co_name == "run_forever" and isinstance(
                loop, asyncio.AbstractEventLoop
            ):
                for job in asyncio.all_tasks(loop):
                    stack = reversed(list(_awaited(job.get_coro())))
                    yield from _engines_in(stack, thread)


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


def _engines_in(frames: Iterator[FrameType], thread: int) -> Iterator[_Work]:
    """Engines in one stack, walked from the innermost frame outwards."""
    upstream: UUID | None = None
    for frame in frames:
        code = frame.f_code
        is_task = code in _TASK_CODES
        if is_task or code in _FLOW_CODES:
            engine = frame.f_locals.get("engine")
            if engine is not None:
                yield _Work(thread, engine, is_task, upstream)
            upstream = None
        elif code is _UPSTREAM_CODE:
            future = frame.f_locals.get("expr")
            if isinstance(future, PrefectFuture):
                upstream = future.task_run_id
