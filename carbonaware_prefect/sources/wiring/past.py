"""The files of a back-test, as the settings have them read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.file.past import (
    History,
    Issued,
    parse_history,
    parse_issued,
    parse_revised,
)
from carbonaware_prefect.sources.file.text import decode, read_bytes
from carbonaware_prefect.sources.wiring.files import time_zone_for
from carbonaware_prefect.sources.wiring.saved import answer_reader
from carbonaware_prefect.sources.wiring.zones import locations_of

__all__ = ["read_history", "read_issued", "read_revised"]

_LARGEST = 200_000_000  # bytes; a year of hourly issues of 96 h each is about 40 MB


def read_history(path: Path, zone: str | None, settings: Settings) -> History:
    """What came true.

    Raises:
        ForecastFileError: (a ValueError) it is missing, or no such file.
    """
    return parse_history(**_read(path, zone, settings))


def read_revised(path: Path, zone: str | None, settings: Settings) -> History:
    """What came true, with gaps where the file says two things about one time.

    Raises:
        ForecastFileError: (a ValueError) it is missing, or no such file.
    """
    return parse_revised(**_read(path, zone, settings))


def read_issued(path: Path, zone: str | None, settings: Settings) -> Issued:
    """What was forecast.

    Raises:
        ForecastFileError: (a ValueError) it is missing, or no such file.
    """
    return parse_issued(**_read(path, zone, settings))


def _read(path: Path, zone: str | None, settings: Settings) -> dict[str, Any]:
    name = str(path)
    return {
        "text": decode(read_bytes(path, name, largest=_LARGEST), name),
        "name": name,
        "zone": zone,
        "time_zone": time_zone_for(settings, zone),
        "read_answer": answer_reader(
            signal=settings.sdk_signal or "average",
            locations=locations_of(settings.sdk_locations),
        ),
    }
