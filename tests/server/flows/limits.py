"""Flows under concurrency limits: at work until a test has looked."""

from __future__ import annotations

import time
from pathlib import Path

from journal import note
from plain import delay_task
from prefect import flow
from prefect.concurrency.sync import concurrency

# Seconds. Longer than tests move the clock by while a slot is taken.
_LEASE = 3600


def work(journal: str) -> None:
    """At work until ``<journal>.done`` is there."""
    note(journal, "work")
    while not Path(f"{journal}.done").exists():
        time.sleep(0.1)
    note(journal, "end")


@flow
def limited_flow(dip_in: float, journal: str, delays: bool = True) -> None:
    """Whatever limits it is outside of it."""
    note(journal, "start")
    if delays:
        delay_task(dip_in, journal)()
    work(journal)


@flow
def within_flow(dip_in: float, journal: str, limit: str, delays: bool = True) -> None:
    """The work holds a slot of a global limit."""
    note(journal, "start")
    if delays:
        delay_task(dip_in, journal)()
    with concurrency(limit, occupy=1, strict=True, lease_duration=_LEASE):
        work(journal)


@flow
def around_flow(dip_in: float, journal: str, limit: str, delays: bool = True) -> None:
    """The delay too is called where the flow holds a slot of a global limit."""
    note(journal, "start")
    with concurrency(limit, occupy=1, strict=True, lease_duration=_LEASE):
        note(journal, "holds")
        if delays:
            delay_task(dip_in, journal)()
        work(journal)


@flow
def tagged_flow(dip_in: float, journal: str, tag: str, wait: str = "auto") -> None:
    """The delay task has a tag that is limited."""
    note(journal, "start")
    delay_task(dip_in, journal, wait=wait, tags=[tag])()
    work(journal)
