"""``planner start``: a pass, a while, a pass, until somebody says stop."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.planner.api import open_api
from carbonaware_prefect.planner.one_pass import one_pass
from carbonaware_prefect.planner.pages import Pages
from carbonaware_prefect.planner.report import Report
from carbonaware_prefect.settings import Settings

__all__ = ["Health", "repeat"]

_LOGGER = logging.getLogger("carbonaware_prefect.planner")
# Planners that were started together shall not ask the server together for ever.
_JITTER = 0.1
# For a pass that is changing things at the end; the process is to end within five in all.
_LAST_SECONDS = 3.0


class Health:
    """A file that says when the last pass was and how it went, for a watchdog.

    Replaced as a whole, so that a reader never sees half of it.

    Args:
        path: where it is; None for no file.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self, **facts: Any) -> None:
        """What there is to say now.

        Raises:
            OSError: the file cannot be written.
        """
        if self._path is None:
            return
        document = {"pid": os.getpid(), "at": utc_now().isoformat()} | facts
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
        with os.fdopen(handle, "w") as file:
            json.dump(document, file)
        Path(name).replace(self._path)

    def remove(self) -> None:
        """After a clean end there is no planner to be healthy."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


async def repeat(
    *,
    interval: timedelta,
    health: Health,
    tell: Callable[[Report], None],
    fail: Callable[[str], None],
) -> None:
    """Passes every ``interval``, with jitter, until SIGTERM or SIGINT.

    A pass that is under way when the signal comes is cut off: that does no harm at any
    point. One that has begun to change things is given some seconds to finish before.
    Nothing that a pass meets ends the loop.

    Args:
        interval: between the starts of two passes.
        health: written after each pass, removed at the end.
        tell: takes the report of each pass.
        fail: takes a sentence for each pass that failed.

    Raises:
        OSError: the health file cannot be written at the start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    health.write(status="starting")
    failures, pages = 0, Pages()
    while not stop.is_set():
        begun = loop.time()
        try:
            report = await _a_pass(stop, pages)
            if report is None:
                break
            failures = 0
            tell(report)
            _write(health, fail, status="ok", faults=report.faults, failed_passes=0)
        except Exception as error:  # noqa: BLE001  whatever it was, the next may do better
            # The server may be away for a while; runs start at the times they have.
            failures += 1
            told = f"{type(error).__name__}: {error}"
            fail(told)
            _write(health, fail, status="failing", error=told, failed_passes=failures)
        jitter = 1 + _JITTER * random.uniform(-1, 1)  # noqa: S311  no secret
        wait = max(0.0, interval.total_seconds() * jitter - (loop.time() - begun))
        try:
            await asyncio.wait_for(stop.wait(), wait)
        except asyncio.TimeoutError:
            continue
    health.remove()


async def _a_pass(stop: asyncio.Event, pages: Pages) -> Report | None:
    """A pass; None where it was cut off at the end."""
    changes = asyncio.Event()

    async def plan() -> Report:
        async with open_api() as api:
            return await one_pass(
                api, Settings.read(), pages=pages, before_changes=changes.set
            )

    planning, stopping = asyncio.create_task(plan()), asyncio.create_task(stop.wait())
    await asyncio.wait({planning, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await asyncio.wait({planning}, timeout=_LAST_SECONDS if changes.is_set() else 0)
    if planning.done():
        return planning.result()
    planning.cancel()
    return None


def _write(health: Health, fail: Callable[[str], None], **facts: Any) -> None:
    try:
        health.write(**facts)
    except OSError as error:
        # A full disk is no reason to plan no more.
        fail(f"the health file could not be written: {error}")
