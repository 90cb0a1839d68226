"""Moments of tests whose server has the real time."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from tests.prefect_server.waiting import eventually, now

__all__ = ["Timeline", "in_time", "sleep_until"]


class Timeline:
    """Moments of a test, further apart on a busy machine."""

    def __init__(self) -> None:
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
        self._pace = min(2.0, max(1.0, load / 2))
        self._begin = now()

    def at(self, seconds: float) -> datetime:
        """A whole second that far from the beginning: the server rounds starts."""
        moment = self._begin + timedelta(seconds=seconds * self._pace)
        return moment.replace(microsecond=0)


def in_time(moment: datetime) -> None:
    """Fail if what was to be done before that moment was not."""
    assert now() < moment, f"too busy a machine for this test: it is past {moment}"


def sleep_until(moment: datetime) -> None:
    """Return when the moment has come."""
    eventually(
        lambda: now() >= moment,
        within=max(1.0, (moment - now()).total_seconds() + 1),
        what="time passes",
    )
