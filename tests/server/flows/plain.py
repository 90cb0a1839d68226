"""Flows with one delay task, in the shapes that users write."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from journal import dipping, note
from prefect import flow, task

from carbonaware_prefect import carbonaware_delay_task

WINDOW = timedelta(hours=10)


def delay_task(dip_in: float, journal: str, **options: Any) -> Any:
    """A delay task towards the dip, over a window that people use."""
    return carbonaware_delay_task(
        window=WINDOW,
        duration=timedelta(hours=1),
        zone="DE",
        source=dipping(dip_in, journal),
        **options,
    )


@task
def step(journal: str, name: str) -> None:
    note(journal, name)


@flow
def sync_flow(dip_in: float, journal: str, wait: str = "auto") -> str:
    note(journal, "start")
    delay_task(dip_in, journal, wait=wait)()
    step(journal, "work")
    note(journal, "end")
    return "done"


@flow
async def async_flow(dip_in: float, journal: str) -> None:
    note(journal, "start")
    await delay_task(dip_in, journal)()
    step(journal, "work")
    note(journal, "end")


@flow
async def threaded_flow(dip_in: float, journal: str) -> None:
    note(journal, "start")
    await asyncio.to_thread(delay_task(dip_in, journal))
    step(journal, "work")
    note(journal, "end")


@flow
def submitting_flow(dip_in: float, journal: str) -> None:
    note(journal, "start")
    delayed = delay_task(dip_in, journal).submit()
    step.submit(journal=journal, name="work", wait_for=[delayed], return_state=False).wait()
    note(journal, "end")


@flow
def waiting_in_thread_flow(dip_in: float, journal: str, wait: str) -> None:
    note(journal, "start")
    delay_task(dip_in, journal, wait=wait).submit().wait()
    note(journal, "work")


@flow
def state_flow(dip_in: float, journal: str) -> None:
    note(journal, "start")
    try:
        delay_task(dip_in, journal)(return_state=True)
        note(journal, "work")
    finally:
        note(journal, "finally")
    note(journal, "end")


@flow
def twice_flow(dip_in: float, journal: str, second: float) -> None:
    note(journal, "start")
    delay_task(dip_in, journal, key="first")()
    note(journal, "between")
    delay_task(second, journal, key="second")()
    note(journal, "work")


@task(persist_result=True, cache_key_fn=lambda _, inputs: Path(inputs["journal"]).stem)
def costly(journal: str) -> int:
    note(journal, "costly")
    return 42


@flow
def persisted_flow(dip_in: float, journal: str) -> None:
    note(journal, "start")
    answer = costly(journal)
    delay_task(dip_in, journal)()
    note(journal, f"work {answer}")


@flow(retries=2)
def retrying_flow(dip_in: float, journal: str) -> None:
    note(journal, "start")
    delay_task(dip_in, journal)()
    note(journal, "work")
    message = "fails each time"
    raise RuntimeError(message)


@flow(retries=1)
def fails_before_flow(dip_in: float, journal: str) -> None:
    """Fails once in its process before the delay, then goes on in the same process."""
    note(journal, "start")
    if "failed" not in Path(journal).read_text():
        note(journal, "failed")
        message = "once"
        raise RuntimeError(message)
    delay_task(dip_in, journal)()
    note(journal, "work")


@flow
def long_flow(dip_in: float, journal: str, seconds: float) -> None:
    """Work that takes its time after the wait."""
    note(journal, "start")
    delay_task(dip_in, journal)()
    note(journal, "work")
    time.sleep(seconds)
    note(journal, "end")


@flow
def tick() -> None:
    """Nothing to do."""
