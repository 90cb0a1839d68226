"""Flows of schedules that the planner plans: they note each start, and end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from journal import note
from prefect import flow

from carbonaware_prefect import carbonaware_delay_task


def delay(**options: Any) -> Any:
    """A delay task that asks what the environment says, with the shortest waits."""
    return carbonaware_delay_task(minimum_wait=timedelta(0), **options)


@flow
def nightly(journal: str, told: str = "work") -> None:
    note(journal, "start")
    note(journal, told)


@flow
def delayed(journal: str, keys: tuple[str | None, ...] = (None,)) -> None:
    note(journal, "start")
    for key in keys:
        delay(key=key)()
    note(journal, "work")
