"""Task runners keep their work where we look for it."""

from __future__ import annotations

import gc
import inspect
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from prefect import task_runners
from prefect.task_runners import (
    PrefectTaskRunner,
    ProcessPoolTaskRunner,
    ThreadPoolTaskRunner,
)
from prefect_dask.task_runners import DaskTaskRunner

from carbonaware_prefect.prefect_edge.task_runners import (
    begins_in_thread,
    executing_in_processes,
    opaque_runner,
    started_runners,
)
from tests.prefect_server.waiting import eventually

# In threads of this process; any port, for another cluster may have the usual one.
_CLUSTER = {
    "processes": False, "n_workers": 1, "threads_per_worker": 2, "dashboard_address": ":0"
}  # fmt: skip


def test_thread_pool_counts_its_work() -> None:
    """The thread pool counts what was submitted and not done, and knows its threads."""
    source = inspect.getsource(ThreadPoolTaskRunner)
    assert "self._active_submission_count += 1" in source
    assert "self._worker_thread_ids.add(threading.get_ident())" in source

    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=2)
    assert not begins_in_thread(runner, set())
    runner._active_submission_count, runner._worker_thread_ids = 3, {7, 8}
    assert begins_in_thread(runner, {7, 9})
    assert not begins_in_thread(runner, {7, 8})


def test_process_pool_holds_a_future_while_a_task_executes() -> None:
    """The future in the chain of each task of a process pool lives until the task ends."""
    assert "_ChainedFuture(resolution_future)" in inspect.getsource(
        ProcessPoolTaskRunner.submit
    )
    runner = ProcessPoolTaskRunner(max_workers=1)
    resolving: Future[Future[bytes]] = Future()
    executing: Future[bytes] = Future()
    seen = weakref.ref(task_runners._ChainedFuture(resolving))

    assert executing_in_processes([runner]) == {"ProcessPoolTaskRunner"}
    resolving.set_result(executing)
    del resolving
    gc.collect()
    assert seen() is not None
    assert executing_in_processes([runner]) == {"ProcessPoolTaskRunner"}
    executing.set_result(b"")
    assert not executing_in_processes([runner])


@pytest.fixture(scope="module")
def dask() -> Iterator[DaskTaskRunner]:
    """A Dask task runner; before its first task it has no cluster."""
    runner = DaskTaskRunner(cluster_kwargs=_CLUSTER)
    assert not executing_in_processes([runner])
    with runner:
        yield runner


# By name, for Dask sends copies of what it executes.
_EVENTS: dict[str, tuple[threading.Event, threading.Event]] = {}


def _work(name: str) -> None:
    begun, end = _EVENTS[name]
    begun.set()
    end.wait(60)


@pytest.mark.parametrize("dropped_after", ["at once", "executing", "never"])
def test_dask_tells_what_its_workers_execute(
    dask: DaskTaskRunner, dropped_after: str
) -> None:
    """A task on Dask is seen until it ends, also when nobody holds its future."""
    begun, end = _EVENTS[dropped_after] = threading.Event(), threading.Event()
    client: Any = dask.client
    future = client.submit(_work, dropped_after, pure=False)
    key = future.key
    if dropped_after == "executing":
        assert begun.wait(30)
    if dropped_after != "never":
        del future
        eventually(lambda: key not in client.futures, within=10, what="let go", every=0)
    try:
        seen = executing_in_processes([dask]) == {"DaskTaskRunner"}
        # Dropped at once, Dask may also have cancelled it.
        assert seen or (dropped_after == "at once" and not begun.wait(1))
    finally:
        end.set()
    eventually(lambda: not executing_in_processes([dask]), within=10, what="it ended")


def test_dask_that_does_not_answer_may_be_executing() -> None:
    """A cluster that is gone counts as one that executes."""
    runner = DaskTaskRunner(cluster_kwargs=_CLUSTER)
    with runner:
        assert runner.client
    assert executing_in_processes([runner]) == {"DaskTaskRunner"}


def test_runners_that_cannot_be_asked() -> None:
    """Prefect's pools and Dask's runner can be asked; another one is named."""
    proxy = weakref.proxy(set())  # a dead one answers every question with an error
    assert opaque_runner() is None
    known: list[Any] = [ThreadPoolTaskRunner(), DaskTaskRunner(address="never used")]
    other: Any = PrefectTaskRunner  # its constructor has no types
    with known[0], known[1]:
        assert all(runner in started_runners() for runner in known)
        assert opaque_runner() is None
        with other():
            assert opaque_runner() == "PrefectTaskRunner"
    del proxy
