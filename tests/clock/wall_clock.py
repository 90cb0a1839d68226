"""The test's hand on a clock."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tests.clock.shared import LENGTH, VARIABLE, map_file, reader

__all__ = ["WallClock"]

_START = Path(__file__).parent / "start"
_EPOCH = datetime.fromtimestamp(0, timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


class WallClock:
    """A wall clock in a file, which goes on by itself and is moved forward only.

    Args:
        file: a new file, or one of a clock that was there before.
        start: its first time, aware.
    """

    def __init__(self, file: Path, start: datetime) -> None:
        self._file = file
        file.write_bytes(bytes(LENGTH))
        self._shift = map_file(file, to_write=True)
        self._read = reader(file)
        self._lock = threading.Lock()
        self._set(start)

    def now(self) -> datetime:
        """The present by this clock, in UTC."""
        return _EPOCH + timedelta(microseconds=self._read() // 1000)

    def move_to(self, moment: datetime) -> None:
        """Let it be that moment; whoever reads the clock from now on reads no less.

        Raises:
            ValueError: the moment is past. Of a clock that goes back, a server draws
                conclusions that are nobody's subject here.
        """
        with self._lock:
            if moment < (present := self.now()):
                message = f"the clock only moves forward: it is {present}, not {moment}"
                raise ValueError(message)
            self._set(moment)

    def reach(self, moment: datetime) -> None:
        """Let it be that moment, unless it is later already."""
        with self._lock:
            if self.now() < moment:
                self._set(moment)

    def advance(self, by: timedelta) -> datetime:
        """Move it by that much; returns the new present."""
        with self._lock:
            moment = self.now() + by
            if by < timedelta(0):
                message = f"the clock only moves forward, not by {by}"
                raise ValueError(message)
            self._set(moment)
        return moment

    def environment(self) -> dict[str, str]:
        """Variables that put a new Python process, and all that it starts, on the clock."""
        inherited = os.environ.get("PYTHONPATH")
        path = f"{_START}{os.pathsep}{inherited}" if inherited else str(_START)
        return {VARIABLE: str(self._file), "PYTHONPATH": path}

    @contextmanager
    def here(self) -> Iterator[None]:
        """This process is on the clock, with all of its threads, within the block."""
        from tests.clock.travel import leave, travel

        travel(self._read)
        try:
            yield
        finally:
            leave()

    def _set(self, moment: datetime) -> None:
        since = (moment - _EPOCH) // _MICROSECOND * 1000
        self._shift[0] = since - time.monotonic_ns()
