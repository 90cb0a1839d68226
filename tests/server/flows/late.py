"""Flows that are late, short of time, or do not let the delay leave."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta, timezone
from typing import Any

from journal import note, notes
from plain import step
from prefect import flow, pause_flow_run, task

from carbonaware_prefect import carbonaware_delay_decorator, carbonaware_delay_task
from carbonaware_prefect.core import Forecast

MINUTE = timedelta(minutes=1)


def falling(dip_in: float, journal: str) -> Forecast:
    """300 g/kWh, a little less ten minutes after the first start, and 100 at the dip."""
    noted = notes(journal)[0]["time"]
    first = datetime.fromtimestamp(noted, timezone.utc)
    at = first + timedelta(seconds=dip_in)
    points = [(first - 600 * MINUTE, 300), (first + 10 * MINUTE, 280), (at, 100)]
    return Forecast.from_points(
        [*points, (at + 10 * MINUTE, 300)],
        end=at + 600 * MINUTE,
        zone="DE",
        source="test",
    )


def delay(
    journal: str, dip_in: float, window: float = 32400, minutes: float = 1, **options: Any
) -> Any:
    """A delay task that notes what was decided."""
    decided = carbonaware_delay_task(
        window=timedelta(seconds=window),
        duration=timedelta(minutes=minutes),
        zone="DE",
        source=falling(dip_in, journal),
        minimum_wait=timedelta(0),
        **options,
    )()
    note(journal, f"reason {decided.reason.value}")
    note(journal, f"sentence {decided.sentence}")
    return decided


@flow
def late_flow(dip_in: float, journal: str, policy: dict[str, Any] | None = None) -> None:
    note(journal, "start")
    delay(journal, dip_in, **(policy or {}))
    note(journal, "work")


@flow
def twice_late_flow(dip_in: float, journal: str) -> None:
    """The second delay is as long as the first, and counts from its call."""
    note(journal, "start")
    delay(journal, dip_in, window=3600)
    delay(journal, dip_in)
    note(journal, "work")


@flow(timeout_seconds=3600)
def hour_flow(dip_in: float, journal: str, wait: str) -> None:
    note(journal, "start")
    delay(journal, dip_in, wait=wait)
    note(journal, "work")


@flow
def brief_task_flow(dip_in: float, journal: str) -> None:
    """The delay task's own time-out is shorter than the work."""
    note(journal, "start")
    delay(journal, dip_in, minutes=60, wait="in_process", timeout_seconds=900)
    note(journal, "work")


@flow
def decorated_flow(dip_in: float, journal: str) -> None:
    """A decorated task inside of a task with a time-out."""
    note(journal, "start")

    @task
    @carbonaware_delay_decorator(
        window=timedelta(hours=9),
        duration=timedelta(minutes=60),
        zone="DE",
        source=falling(dip_in, journal),
    )
    def inner() -> None:
        note(journal, "work")

    @task(timeout_seconds=900)
    def outer() -> None:
        inner()

    outer()


@flow
def careful_flow(dip_in: float, journal: str) -> None:
    """Code that lets nothing pass, and calls a task."""
    note(journal, "start")
    with contextlib.suppress(BaseException):
        delay(journal, dip_in)
    note(journal, "went on")
    step(journal, "work")


@flow
def careless_flow(dip_in: float, journal: str) -> None:
    """Code that lets nothing pass, wherever it calls something, and then ends."""
    note(journal, "start")
    with contextlib.suppress(BaseException):
        delay(journal, dip_in)
    with contextlib.suppress(BaseException):
        step(journal, "work")
    note(journal, "end")


@flow
async def careful_async_flow(dip_in: float, journal: str) -> None:
    """The same in a coroutine, with a task that is submitted."""
    note(journal, "start")
    with contextlib.suppress(BaseException):
        delay(journal, dip_in)
    note(journal, "went on")
    step.submit(journal, "work").wait()


@flow
def approved_flow(dip_in: float, journal: str) -> None:
    """A person has to agree before the work, once."""
    note(journal, "start")
    pause_flow_run(timeout=3600, poll_interval=1)
    note(journal, "approved")
    delay(journal, dip_in)
    note(journal, "work")


def _noting(event: str) -> Any:
    def hook(flow: Any, flow_run: Any, state: Any) -> None:
        note(flow_run.parameters["journal"], f"hook_{event}")

    return hook


@flow(
    on_running=[_noting("running")],
    on_completion=[_noting("completion")],
    on_failure=[_noting("failure")],
    on_cancellation=[_noting("cancellation")],
    on_crashed=[_noting("crashed")],
)
def hooked_flow(dip_in: float, journal: str) -> None:
    note(journal, "start")
    delay(journal, dip_in)
    note(journal, "work")
