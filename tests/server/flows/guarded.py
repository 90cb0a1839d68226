"""Flows in which the run must not be moved, and flows that harm themselves."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import time
from datetime import timedelta

from journal import dipping, note, noted, wait_for
from plain import WINDOW, delay_task, step
from prefect import flow, task
from prefect.task_runners import ProcessPoolTaskRunner
from prefect.transactions import transaction

from carbonaware_prefect.core import Forecast, Interval, Signal


@task
def slow(journal: str) -> None:
    note(journal, "slow starts")
    wait_for(journal, "go on")
    note(journal, "slow ends")


@flow
def executing_flow(dip_in: float, journal: str) -> None:
    """Another task is executing in a thread when the delay comes."""
    note(journal, "start")
    other = slow.submit(journal)
    wait_for(journal, "slow starts")
    delay_task(dip_in, journal)()
    other.wait()
    note(journal, "work")


@task
async def slow_async(journal: str) -> None:
    note(journal, "slow starts")
    await asyncio.to_thread(wait_for, journal, "go on")
    note(journal, "slow ends")


@flow
async def gathering_flow(dip_in: float, journal: str) -> None:
    """Another task is suspended on the event loop when the delay comes."""
    note(journal, "start")
    other = asyncio.create_task(slow_async(journal))
    await asyncio.to_thread(wait_for, journal, "slow starts")
    await delay_task(dip_in, journal)()
    await other
    note(journal, "work")


@task
def parent(dip_in: float, journal: str) -> None:
    note(journal, "parent starts")
    delay_task(dip_in, journal)()
    note(journal, "parent ends")


@flow
def nested_flow(dip_in: float, journal: str) -> None:
    """The delay is called inside another task."""
    note(journal, "start")
    parent(dip_in, journal)
    note(journal, "work")


@flow
def child(dip_in: float, journal: str) -> None:
    note(journal, "child")
    delay_task(dip_in, journal)()
    note(journal, "child goes on")


@flow
def parent_flow(dip_in: float, journal: str) -> None:
    """The delay is called in a sub-flow."""
    note(journal, "start")
    child(dip_in, journal)
    note(journal, "work")


@flow
def transaction_flow(dip_in: float, journal: str) -> None:
    """The delay is called inside a transaction that has already done something."""
    note(journal, "start")
    with transaction():
        step(journal, "inside")
        delay_task(dip_in, journal)()
    note(journal, "work")


@flow
def mapped_flow(dip_in: float, journal: str) -> None:
    """Two delays at once, under one key."""
    note(journal, "start")
    delay_task(dip_in, journal).map(["same", "same"]).wait()
    note(journal, "work")


@flow(task_runner=ProcessPoolTaskRunner(max_workers=1))  # type: ignore[arg-type]
def process_pool_flow(dip_in: float, journal: str) -> None:
    """The delay is submitted to another process, and a task waits for it."""
    note(journal, "start")
    delayed = delay_task(dip_in, journal).submit()
    step.submit(journal, "work", wait_for=[delayed], return_state=False).wait()


@flow
def cached_flow(dip_in: float, journal: str) -> None:
    """The user asks for a persisted result of the delay task."""
    import warnings

    note(journal, "start")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        delay = delay_task(dip_in, journal, persist_result=True)
    delay()
    note(journal, "work")


@flow
def must_reschedule_flow(dip_in: float, journal: str) -> None:
    """Rescheduling is asked for where it is impossible."""
    note(journal, "start")
    with transaction():
        delay_task(dip_in, journal, wait="reschedule")()


class Harmful:
    """A forecast source that does something to its own process."""

    name = "harmful"
    signal: Signal = "average"

    def __init__(self, dip_in: float, journal: str, number: int) -> None:
        self.dip_in, self.journal, self.number = dip_in, journal, number

    def fetch(self, zone: str | None, interval: Interval) -> Forecast:
        del zone, interval
        note(self.journal, "fetch")
        if self.number:
            os.kill(os.getpid(), self.number)
            # Where Python comes to what the signal does.
            time.sleep(600)
        else:
            message = "the forecast API is on fire"
            raise OSError(message)
        return dipping(self.dip_in, self.journal)


@flow
def source_flow(dip_in: float, journal: str, number: int = 0) -> None:
    """The source raises, or a signal comes before anything was written."""
    from carbonaware_prefect import carbonaware_delay_task

    note(journal, "start")
    carbonaware_delay_task(
        WINDOW,
        timedelta(hours=1),
        zone="DE",
        source=Harmful(dip_in, journal, number),
    )()
    note(journal, "work")


@flow
def last_second_flow(dip_in: float, journal: str, number: int) -> None:
    """A signal comes while the interpreter shuts down after the move."""

    def end() -> None:
        note(journal, "last second")
        os.kill(os.getpid(), number)
        note(journal, "goes on")

    note(journal, "start")
    if not noted(journal, "last second"):
        atexit.register(end)
    delay_task(dip_in, journal)()
    note(journal, "work")


@flow
def finally_flow(dip_in: float, journal: str, number: int = 0, hold: float = 0) -> None:
    """User code between the accepted move and the end of the process."""
    note(journal, "start")
    try:
        delay_task(dip_in, journal)()
        note(journal, "work")
    finally:
        note(journal, "finally")
        if not noted(journal, "work"):
            if number:
                os.kill(os.getpid(), signal.Signals(number))
            time.sleep(hold)
            note(journal, "held")
