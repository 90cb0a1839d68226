"""A flow that stays at a moment, the first time it comes there, until a test says go on."""

from __future__ import annotations

import atexit
from datetime import timedelta

from journal import dipping, note, noted, wait_for
from plain import WINDOW
from prefect import flow
from prefect.exceptions import Pause

from carbonaware_prefect import carbonaware_delay_task
from carbonaware_prefect.core import Forecast, Interval, Signal


def stay(journal: str, moment: str, held: str) -> None:
    """Note the moment, and stay in it if it is the one to be held at."""
    came_before = noted(journal, moment)
    note(journal, moment)
    if moment == held and not came_before:
        wait_for(journal, "go on")


class Slow:
    """A forecast that can be held."""

    name = "slow"
    signal: Signal = "average"

    def __init__(self, dip_in: float, journal: str, held: str) -> None:
        self.dip_in, self.journal, self.held = dip_in, journal, held

    def fetch(self, zone: str | None, interval: Interval) -> Forecast:
        del zone, interval
        stay(self.journal, "deciding", self.held)
        return dipping(self.dip_in, self.journal)


@flow
def held_flow(dip_in: float, journal: str, held: str = "") -> None:
    """Held ``deciding``, ``leaving`` after the move, ``ended`` but alive, at ``work``."""
    note(journal, "start")
    if held == "ended" and not noted(journal, "ended"):
        atexit.register(stay, journal, "ended", held)
    delay = carbonaware_delay_task(
        window=WINDOW,
        duration=timedelta(hours=1),
        zone="DE",
        source=Slow(dip_in, journal, held),
    )
    try:
        delay()
    except Pause:
        stay(journal, "leaving", held)
        raise
    stay(journal, "work", held)
    note(journal, "end")
