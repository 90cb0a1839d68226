"""Flows with a delay task and tasks on a task runner; TEST_RUNNER says which."""

from __future__ import annotations

import atexit
import gc
import os
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psutil
from journal import dipping, note, noted, notes, wait_for
from plain import WINDOW, step
from prefect import flow, task
from prefect.context import FlowRunContext
from prefect.futures import wait
from prefect.task_runners import (
    PrefectTaskRunner,
    ProcessPoolTaskRunner,
    ThreadPoolTaskRunner,
)

from carbonaware_prefect import carbonaware_delay_task
from carbonaware_prefect.delay.task import DelayResult
from carbonaware_prefect.prefect_edge.engine import executing_elsewhere


def _runner() -> Any:
    name = os.environ.get("TEST_RUNNER", "thread")
    if name == "dask":
        from prefect_dask.task_runners import DaskTaskRunner

        return DaskTaskRunner(
            cluster_kwargs={
                "n_workers": 1, "threads_per_worker": 2, "dashboard_address": ":0"
            }
        )  # fmt: skip
    if name == "process":
        return ProcessPoolTaskRunner(max_workers=1)
    if name == "task_server":
        other: Any = PrefectTaskRunner  # its constructor has no types
        return other()
    return ThreadPoolTaskRunner()


RUNNER = _runner()


def begin(journal: str) -> None:
    """Note the start, processes of an earlier start that are still there, and the end."""
    note(journal, "start")
    earlier = {entry["pid"] for entry in notes(journal)} - {os.getpid()}
    for _ in filter(psutil.pid_exists, earlier):
        note(journal, "an earlier process is still there")
    atexit.register(note, journal, "exit")


def delay_task(dip_in: float, journal: str) -> Any:
    """A delay task towards a dip ``dip_in`` seconds after it was first made."""
    note(journal, "delays")
    return carbonaware_delay_task(
        window=WINDOW,
        duration=timedelta(hours=1),
        zone="DE",
        source=dipping(dip_in, journal, since="delays"),
    )


@task
def slow(journal: str) -> None:
    note(journal, "slow starts")
    wait_for(journal, "go on")
    note(journal, "slow ends")


@task
def pause(journal: str, until: str) -> None:
    wait_for(journal, until)


@task
def told(journal: str, decision: DelayResult) -> None:
    assert decision.reason
    note(journal, "told")


@task
def parent(journal: str) -> None:
    slow.submit(journal)


@flow(task_runner=RUNNER)
def after_flow(dip_in: float, journal: str) -> None:
    """The delay first, then tasks on the runner."""
    begin(journal)
    delay_task(dip_in, journal)()
    step.submit(journal, "work").wait()
    step.map(journal, ["mapped", "mapped"]).wait()


@flow(task_runner=RUNNER)
async def async_after_flow(dip_in: float, journal: str) -> None:
    """The same in an async flow."""
    begin(journal)
    await delay_task(dip_in, journal)()
    step.submit(journal, "work").wait()
    step.map(journal, ["mapped", "mapped"]).wait()


@flow(task_runner=RUNNER)
def before_flow(dip_in: float, journal: str) -> None:
    """Tasks on the runner have ended before the delay; their futures are still held."""
    begin(journal)
    futures = [step.submit(journal, "before"), *step.map(journal, ["mapped", "mapped"])]
    wait(futures)
    delay_task(dip_in, journal)()
    step.submit(journal, "work").wait()


@flow(task_runner=RUNNER)
def held_flow(dip_in: float, journal: str) -> None:
    """A task executes on the runner, and its future is held."""
    begin(journal)
    future = slow.submit(journal)
    wait_for(journal, "slow starts")
    delay_task(dip_in, journal)()
    future.wait()
    note(journal, "work")


@flow(task_runner=RUNNER)
def dropped_flow(dip_in: float, journal: str) -> None:
    """A task executes on the runner, and nobody holds its future."""
    begin(journal)
    future = slow.submit(journal)
    wait_for(journal, "slow starts")
    del future
    gc.collect()
    delay_task(dip_in, journal)()
    note(journal, "work")


@flow(task_runner=RUNNER)
def hasty_flow(dip_in: float, journal: str) -> None:
    """The delay comes right after a task was submitted."""
    begin(journal)
    delay = delay_task(dip_in, journal)
    slow.submit(journal)
    delay()
    note(journal, "work")


@flow(task_runner=RUNNER)
def nested_flow(dip_in: float, journal: str) -> None:
    """A task has submitted another one, and has ended."""
    begin(journal)
    parent.submit(journal).wait()
    delay_task(dip_in, journal)()
    note(journal, "work")


@flow(task_runner=RUNNER)
def looking_flow(dip_in: float, journal: str) -> None:
    """Looks for work the moment that it was submitted."""
    begin(journal)
    context = FlowRunContext.get()
    assert context
    for number in range(5):
        future = pause.submit(journal, f"looked {number}")
        found = executing_elsewhere(context, uuid4(), "no such task")
        note(journal, f"seen: {', '.join(found)}")
        note(journal, f"looked {number}")
        future.wait()


@flow(task_runner=RUNNER)
def holding_flow(dip_in: float, journal: str) -> None:
    """User code holds the process, and the runner its own, after the move."""
    begin(journal)
    step.submit(journal, "before").wait()
    try:
        delay_task(dip_in, journal)()
        note(journal, "work")
    finally:
        if not noted(journal, "work"):
            time.sleep(600)


@flow(task_runner=RUNNER)
def submitted_flow(dip_in: float, journal: str) -> None:
    """The delay itself is submitted, and tasks wait for it."""
    begin(journal)
    delayed = delay_task(dip_in, journal).submit()
    step.submit(journal, "work", wait_for=[delayed], return_state=False).wait()
    told.submit(journal, delayed).wait()


@flow(task_runner=RUNNER)
def alone_flow(dip_in: float, journal: str) -> None:
    """Nothing is submitted at all."""
    begin(journal)
    delay_task(dip_in, journal)()
    note(journal, "work")
