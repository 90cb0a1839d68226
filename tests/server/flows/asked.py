"""A flow that decides like a delay task whose call says nothing, and waits for nothing."""

from __future__ import annotations

from journal import note
from prefect import flow

from carbonaware_prefect import carbonaware_delay_task

delay = carbonaware_delay_task()


@flow
def asked_flow(dip_in: float, journal: str) -> None:
    decision = delay()
    request = decision.request
    note(journal, f"zone {request.zone}")
    note(journal, f"reason {decision.reason.value}")
    note(journal, f"sentence {decision.sentence}")
    note(journal, f"latest {request.latest_start.isoformat()}")
