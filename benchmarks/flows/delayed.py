"""The flow of ``plain.py`` with a delay task before its work."""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
from prefect import flow, task

from carbonaware_prefect import carbonaware_delay_task
from carbonaware_prefect.core import Forecast

PACKAGE = "carbonaware_prefect"


@task
def work(journal: str) -> None:
    """Note when the work began."""
    with Path(journal).open("a") as file:
        file.write(f"{time.time()}\n")


@flow
def delayed_job(journal: str, dip: str | float, wait: str = "reschedule") -> None:
    """The work, at the forecast's ``dip``: a moment, or seconds from the decision.

    The second process of a moved run builds another forecast from the seconds; nobody
    asks it, because the run's record says where it was going.
    """
    start = (
        datetime.fromisoformat(dip)
        if isinstance(dip, str)
        else datetime.now(timezone.utc) + timedelta(seconds=dip)
    )
    hour = timedelta(hours=1)
    options: dict[str, Any] = {"wait": wait, "minimum_wait": timedelta(0)}
    delay = carbonaware_delay_task(
        timedelta(minutes=20),
        timedelta(minutes=1),
        zone="DE",
        source=Forecast.from_points(
            [(start - hour, 300), (start, 100), (start + timedelta(minutes=10), 300)],
            end=start + hour,
            zone="DE",
            source="benchmark",
        ),
        **options,
    )
    delay()
    work(journal)


def mark_our_calls() -> None:
    """Put a header on each request that is made below a function of the package.

    That includes what Prefect's client asks by itself when the package opens one.
    """
    send = httpx.Client.send

    def marked(self: httpx.Client, request: httpx.Request, **options: Any) -> Any:
        frame: FrameType | None = sys._getframe()  # noqa: SLF001  there is no other way
        while frame is not None:
            if str(frame.f_globals.get("__name__")).split(".")[0] == PACKAGE:
                request.headers["x-made-by"] = PACKAGE
            frame = frame.f_back
        return send(self, request, **options)

    httpx.Client.send = marked  # type: ignore[method-assign]


if "BENCHMARK_MARKS_CALLS" in os.environ:
    mark_our_calls()
