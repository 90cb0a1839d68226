"""The same work, with a delay task and without: what a fleet of machines runs."""

from __future__ import annotations

import os
import time
from pathlib import Path

from journal import note
from prefect import flow, runtime

from carbonaware_prefect import carbonaware_delay_task

delay = carbonaware_delay_task()
WORK_SECONDS = 1.0


def work(folder: str) -> None:
    journal = str(Path(folder) / f"{runtime.flow_run.id}.jsonl")
    note(journal, f"work by {os.environ.get('MACHINE', 'nobody')}")
    time.sleep(WORK_SECONDS)
    note(journal, "end")


@flow
def delayed(folder: str) -> None:
    delay()
    work(folder)


@flow
def planned(folder: str) -> None:
    work(folder)
