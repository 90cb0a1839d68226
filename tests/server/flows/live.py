"""A flow whose forecast comes from a service, as the environment says."""

from __future__ import annotations

from datetime import timedelta

from journal import note
from prefect import flow

from carbonaware_prefect import carbonaware_delay_task


@flow
def live_flow(dip_in: float, journal: str) -> None:
    note(journal, "start")
    carbonaware_delay_task(
        window=timedelta(minutes=9),
        duration=timedelta(minutes=1),
        minimum_wait=timedelta(0),
    )()
    note(journal, "end")
