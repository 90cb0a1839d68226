"""A flow of a schedule, whose delay takes its settings from the environment."""

from __future__ import annotations

from journal import note
from prefect import flow

from carbonaware_prefect import carbonaware_delay_task

delay = carbonaware_delay_task()


@flow
def night_flow(journal: str) -> None:
    note(journal, "start")
    delay()
    note(journal, "work")
