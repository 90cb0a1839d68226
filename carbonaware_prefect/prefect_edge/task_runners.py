"""Every private name of Prefect's task runners that we use, and nothing else.

Prefect has no public way to ask a task runner what it executes. Futures do not tell: the
user may have dropped them, and their task goes on all the same. So each kind of runner is
asked where it keeps its work, and a runner of another kind counts as one that may be
executing something. `tests/server/test_runner_internals.py` fails loudly when Prefect or
prefect-dask changes one of the names.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable
from typing import Any

from prefect import task_runners
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

__all__ = [
    "begins_in_thread",
    "executing_in_processes",
    "opaque_runner",
    "started_runners",
]

# Made for each task of a process pool; the pool holds it until the task has ended.
_POOL_FUTURE: type | None = getattr(task_runners, "_ChainedFuture", None)
# Dask is optional, so its runner is known by where it comes from.
_DASK_RUNNERS = "prefect_dask.task_runners"
# For an answer of a cluster; on a busy machine it takes its time.
_DASK_SECONDS = 10.0


def started_runners() -> list[Any]:
    """The task runners of this process's flows, and any that user code started itself."""
    found = [thing for thing in gc.get_objects() if TaskRunner in type(thing).__mro__]
    return [runner for runner in found if getattr(runner, "_started", True)]


def opaque_runner() -> str | None:
    """A started task runner of which nobody can tell what it executes, if there is one."""
    opaque = (runner for runner in started_runners() if not _can_be_asked(runner))
    return next((type(runner).__name__ for runner in opaque), None)


def _can_be_asked(runner: Any) -> bool:
    if isinstance(runner, ThreadPoolTaskRunner):
        return {"_active_submission_count", "_worker_thread_ids"} <= vars(runner).keys()
    if isinstance(runner, ProcessPoolTaskRunner):
        return _POOL_FUTURE is not None
    return _is_dask(runner) and hasattr(runner, "_client")


def _is_dask(runner: Any) -> bool:
    return any(kind.__module__ == _DASK_RUNNERS for kind in type(runner).__mro__)


def begins_in_thread(runner: Any, held: set[int]) -> bool:
    """Whether a thread of a pool has taken a task, or is to, that does not show yet.

    Args:
        runner: any task runner.
        held: threads with a task that shows and cannot go on.
    """
    if not isinstance(runner, ThreadPoolTaskRunner):
        return False
    at_work = min(runner._active_submission_count, runner._max_workers)  # noqa: SLF001
    return at_work > len(runner._worker_thread_ids & held)  # noqa: SLF001


def executing_in_processes(runners: Iterable[Any]) -> set[str]:
    """Names of runners that execute something outside of this process's threads."""
    return {
        type(runner).__name__
        for runner in runners
        if (isinstance(runner, ProcessPoolTaskRunner) and _pool_executes())
        or (_is_dask(runner) and _dask_executes(runner._client))  # noqa: SLF001
    }


def _pool_executes() -> bool:
    return any(
        _POOL_FUTURE in type(thing).__mro__ and not thing.done()
        for thing in gc.get_objects()
    )


def _dask_executes(client: Any) -> bool:
    """Whether a Dask cluster executes anything, or may.

    A task whose future was dropped is forgotten by client and scheduler, and goes on in
    its worker; so the workers are asked. One that was dropped as soon as submitted may
    not have reached its worker: another one, sent after it, takes its turn in all queues.

    Args:
        client: the runner's; None before anything was submitted.
    """
    if client is None:
        return False
    if any(future.status == "pending" for future in list(client.futures.values())):
        return True
    try:
        client.submit(int, pure=False).result(timeout=_DASK_SECONDS)
        return bool(client.call_stack())
    except Exception:  # noqa: BLE001  no answer: the cluster is busy, or gone
        return True
