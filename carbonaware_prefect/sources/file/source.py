"""A source that reads one file, anew at each fetch."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path

from carbonaware_prefect.core import Forecast, Interval, Signal
from carbonaware_prefect.errors import NoForecastError
from carbonaware_prefect.sources.file.parsing import Parsed, ReadAnswer, parse
from carbonaware_prefect.sources.file.text import decode, read_bytes

__all__ = ["FileSource"]


def _nowhere(_: str | None) -> tzinfo | None:
    return None


def _none(_: Forecast, __: Interval) -> str | None:
    return None


class FileSource:
    """Forecasts from one file, read anew at each fetch.

    A file knows its own place, so no zone need be asked for.

    Args:
        path: of the file; ``~`` is expanded.
        name: for messages, where the path is not to be told.
        time_zone: gives, for the zone that is asked for, the time zone of times that name
            none; by default they are refused.
        read_answer: reads the saved answer of a forecast service.
        fault: says what is wrong with a forecast for what is asked, or None.
    """

    name = "file"
    needs_zone = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        time_zone: Callable[[str | None], tzinfo | None] = _nowhere,
        read_answer: ReadAnswer | None = None,
        fault: Callable[[Forecast, Interval], str | None] = _none,
    ) -> None:
        self._path = Path(path)
        self._name = str(path) if name is None else name
        self._fault = fault
        self._time_zone = time_zone
        self._read_answer = read_answer
        self._last: Parsed | None = None

    @property
    def signal(self) -> Signal:
        """What the file said when it was last fetched; ``average`` before that."""
        return "average" if self._last is None else self._last.forecast.signal

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed in reading it when it was last fetched."""
        return () if self._last is None else self._last.notes

    def fetch(self, zone: str | None, interval: Interval) -> Forecast:
        """All that the file knows, if it knows anything about that zone and time.

        Raises:
            ForecastFileError: (a ValueError) missing, unreadable or malformed.
            NoForecastError: it is for another zone, lies outside ``interval``, or has
                another fault.
        """
        name = self._name
        self._last = parse(
            decode(read_bytes(self._path, name), name),
            name=name,
            zone=zone,
            time_zone=self._time_zone(zone),
            read_answer=self._read_answer,
        )
        forecast = self._last.forecast
        if zone is not None and forecast.zone != zone:
            msg = (
                f"forecast file {name} is for another zone than {zone!r}, which was asked "
                "for; ask for its own or give a file for this one"
            )
            raise NoForecastError(msg)
        if forecast.end <= interval.start or interval.end <= forecast.start:
            msg = (
                f"forecast file {name} covers {forecast.start.isoformat()} to "
                f"{forecast.end.isoformat()}, nothing between "
                f"{interval.start.isoformat()} and {interval.end.isoformat()}; renew it"
            )
            raise NoForecastError(msg)
        fault = self._fault(forecast, interval)
        if fault is not None:
            msg = f"forecast file {name}: {fault}"
            raise NoForecastError(msg)
        return forecast
