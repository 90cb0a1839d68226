"""A flow whose forecast comes from a service, as the environment says."""

from __future__ import annotations

from datetime import timedelta

from journal import note
from plain import WINDOW
from prefect import flow

from carbonaware_prefect import carbonaware_delay_task


@flow
def live_flow(dip_in: float, journal: str) -> None:
    note(journal, "start")
    carbonaware_delay_task(window=WINDOW, duration=timedelta(hours=1))()
    note(journal, "end")
