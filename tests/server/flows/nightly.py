"""Flows of schedules that the planner plans: they note each start, and end."""

from __future__ import annotations

from journal import note
from prefect import flow

from carbonaware_prefect import carbonaware_delay_task


@flow
def nightly(journal: str, told: str = "work") -> None:
    note(journal, "start")
    note(journal, told)


@flow
def delayed(journal: str, keys: tuple[str | None, ...] = (None,)) -> None:
    note(journal, "start")
    for key in keys:
        carbonaware_delay_task(key=key)()
    note(journal, "work")
