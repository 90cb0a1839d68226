"""A flow that is delayed in process, by each of the two doors for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from journal import dipping, note
from prefect import flow, task

from carbonaware_prefect import carbonaware_delay, carbonaware_delay_decorator

BOUNDS: dict[str, Any] = {
    "window": timedelta(hours=36),
    "zone": "DE",
    "finish_by": "07:00",
    "minimum_saving": 0.9,
}


@flow
def below(journal: str) -> None:
    decision = carbonaware_delay(source=dipping(600, journal), **BOUNDS)
    note(journal, f"below {decision.request.latest_start.isoformat()}")


@flow
def doors_flow(dip_in: float, journal: str) -> None:
    note(journal, "start")
    forecast = dipping(dip_in, journal)
    decision = carbonaware_delay(source=forecast, **BOUNDS)
    note(journal, f"call {decision.request.latest_start.isoformat()}")
    below(journal)

    @task
    @carbonaware_delay_decorator(source=forecast, **BOUNDS)
    def work() -> None:
        note(journal, "work")

    work()
