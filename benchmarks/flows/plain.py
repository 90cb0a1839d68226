"""A flow without our package: what a run needs by itself."""

from __future__ import annotations

import time
from pathlib import Path

from prefect import flow, task


@task
def work(journal: str) -> None:
    """Note when the work began."""
    with Path(journal).open("a") as file:
        file.write(f"{time.time()}\n")


@flow
def plain_job(journal: str) -> None:
    """The work, at once."""
    work(journal)
