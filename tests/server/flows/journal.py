"""What test flows have in common: a journal, and a forecast with a dip."""

from __future__ import annotations

import json
import os
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from carbonaware_prefect.core import Forecast

# Seconds.
_LONGEST = 600.0
HOUR = timedelta(hours=1)


def note(journal: str, event: str) -> None:
    """Append one event with its time and process."""
    line = json.dumps({"event": event, "time": time.time(), "pid": os.getpid()})
    with Path(journal).open("a") as file:
        file.write(line + "\n")


def notes(journal: str) -> list[dict[str, Any]]:
    """All notes so far."""
    return [json.loads(line) for line in Path(journal).read_text().splitlines()]


def wait_for(journal: str, event: str) -> None:
    """Stay until that is noted, but not for ever: a test that failed notes nothing."""
    deadline = time.monotonic() + _LONGEST
    while not noted(journal, event) and time.monotonic() < deadline:
        time.sleep(0.05)


def noted(journal: str, event: str) -> bool:
    """Whether that was noted, by whomever."""
    return any(entry["event"] == event for entry in notes(journal))


def dipping(dip_in: float, journal: str, since: str | None = None) -> Forecast:
    """300 g/kWh, but 100 for an hour from ``dip_in`` seconds after the first start.

    After the flow's own start, or another event of its own, because nobody knows how long
    a worker takes to start it.
    """
    noted = next(
        entry["time"] for entry in notes(journal) if since in {None, entry["event"]}
    )
    first = datetime.fromtimestamp(noted, timezone.utc)
    at = first + timedelta(seconds=dip_in)
    return Forecast.from_points(
        [(at - 24 * HOUR, 300), (at, 100), (at + HOUR, 300)],
        end=at + 24 * HOUR,
        zone="DE",
        source="test",
    )
