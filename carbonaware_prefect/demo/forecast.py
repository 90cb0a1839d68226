"""The demo's forecast: electricity gets cleaner in a moment, and stays so for a while."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path

from carbonaware_prefect.core import Forecast

__all__ = ["HIGH", "LOW", "dipping_at", "write"]

HIGH, LOW = 320.0, 110.0
_STEP = timedelta(seconds=5)
# Grams per kWh around the dip, in steps: an evening in small.
_BEFORE = (HIGH, 318.0, 315.0, 312.0, 310.0, 300.0, 285.0, 260.0)
_DIP = (LOW,) * 6
_AFTER = (190.0, 240.0, 270.0, 280.0)


def dipping_at(dip: datetime) -> Forecast:
    """High for half an hour, low for half a minute from ``dip`` on, then middling."""
    start = dip - len(_BEFORE) * _STEP
    values = (*_BEFORE, *_DIP, *_AFTER)
    points = [(start + i * _STEP, value) for i, value in enumerate(values)]
    return Forecast.from_points(
        [(start - timedelta(minutes=30), HIGH), *points],
        end=dip + timedelta(minutes=5),
        zone="DE",
        source="file",
    )


def write(forecast: Forecast, path: Path) -> None:
    """As a file that the ``file`` source reads."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["start", "end", "gco2_per_kwh"])
        for interval, value in forecast:
            table.writerow([interval.start.isoformat(), interval.end.isoformat(), value])
