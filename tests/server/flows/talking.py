"""A flow that says something when it is told to."""

from __future__ import annotations

import time
from pathlib import Path

from journal import note
from prefect import flow, get_run_logger


@flow
def talking_flow(dip_in: float, journal: str) -> None:
    """Waits for the file ``journal``.go; there is no delay in it."""
    note(journal, "start")
    while not Path(f"{journal}.go").exists():
        time.sleep(0.2)
    get_run_logger().info("half done after %s s", dip_in)
    note(journal, "end")
