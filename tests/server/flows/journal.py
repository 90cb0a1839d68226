"""What test flows have in common: a journal, and a forecast with a dip."""

from __future__ import annotations

import json
import os
import time
from datetime import datetime, timedelta
from pathlib import Path

from carbonaware_prefect.core import Forecast

MINUTE = timedelta(minutes=1)


def note(journal: str, event: str) -> None:
    """Append one event with its time and process."""
    line = json.dumps({"event": event, "time": time.time(), "pid": os.getpid()})
    with Path(journal).open("a") as file:
        file.write(line + "\n")


def dipping(dip: str, *, minutes: int = 10) -> Forecast:
    """300 g/kWh, but 100 for ten minutes from ``dip`` on."""
    at = datetime.fromisoformat(dip)
    return Forecast.from_points(
        [(at - 60 * MINUTE, 300), (at, 100), (at + minutes * MINUTE, 300)],
        end=at + 600 * MINUTE,
        zone="DE",
        source="test",
    )
