"""A flow whose delay takes all but its forecast from a policy block."""

from __future__ import annotations

from journal import dipping, note
from prefect import flow

from carbonaware_prefect import carbonaware_delay_task


@flow
def policed_flow(dip_in: float, journal: str) -> None:
    note(journal, "start")
    decision = carbonaware_delay_task(source=dipping(dip_in, journal))()
    note(journal, f"duration {decision.request.duration}")
