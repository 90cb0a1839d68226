"""One request per zone, source and publication, however many runs ask.

Within a process by memory and a lock per question; across the processes of a machine by
a JSON file and a file lock (filelock) per question. Nothing is pickled. A file that
makes no sense is discarded; a folder that cannot be written leaves the memory alone.

The question is widened to one that many runs share: from the full hour to as far as the
source looks ahead. Failures are remembered too, for seconds, so that a hundred runs
don't each wait for a dead source.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile

import platformdirs
from filelock import FileLock, Timeout

from carbonaware_prefect.core import Forecast, Interval, Signal
from carbonaware_prefect.errors import CarbonAwareError
from carbonaware_prefect.sources.base import DescribedSource, SourceInfo
from carbonaware_prefect.sources.remembered import FORMAT, Remembered, memorable

__all__ = ["CachedSource", "ForecastCache", "cache_in"]

_HOUR = timedelta(hours=1)
_HORIZON = timedelta(hours=72)
_LARGEST = 8 * 1024 * 1024
_MEMORY = 512
_OLD = timedelta(days=2)


class ForecastCache:
    """What was answered, in memory and, with a folder, in files.

    Args:
        folder: shared by the processes of this user; None for memory alone.
        patience: seconds to wait for another who asks the same, before asking oneself.
    """

    def __init__(self, folder: Path | None, *, patience: float = 8.0) -> None:
        self.folder: Path | None = _prepared(folder)
        self._patience = patience
        self._memory: dict[str, Remembered] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def find(
        self,
        key: str,
        *,
        serves: Callable[[Remembered], bool],
        load: Callable[[str], Remembered],
        ask: Callable[[], Remembered],
    ) -> Remembered:
        """What is remembered and serves, else what ``ask`` brings; one asks for all."""
        entry = self._memory.get(key)
        if entry is not None and serves(entry):
            return entry
        with self._turn(key):
            entry = self._memory.get(key)
            if entry is None or not serves(entry):
                entry = self._read(key, load)
            if entry is None or not serves(entry):
                entry = self._ask_in_turn(key, serves, load, ask)
            self._keep(key, entry)
            return entry

    def _ask_in_turn(
        self,
        key: str,
        serves: Callable[[Remembered], bool],
        load: Callable[[str], Remembered],
        ask: Callable[[], Remembered],
    ) -> Remembered:
        with self._turn_of_processes(key):
            # Another process may have asked while this one waited.
            entry = self._read(key, load)
            if entry is None or not serves(entry):
                entry = ask()
                self._write(key, entry)
            return entry

    @contextmanager
    def _turn(self, key: str) -> Iterator[None]:
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        # Bounded: a forked process may inherit a lock that nobody will release.
        taken = lock.acquire(timeout=self._patience)
        try:
            yield
        finally:
            if taken:
                lock.release()

    @contextmanager
    def _turn_of_processes(self, key: str) -> Iterator[None]:
        lock = None
        if self.folder is not None:
            lock = FileLock(self.folder / f"{key}.lock", timeout=self._patience)
            try:
                lock.acquire(poll_interval=0.02)
            except (OSError, Timeout, NotImplementedError):
                lock = None
        try:
            yield
        finally:
            if lock is not None:
                with suppress(OSError):
                    lock.release()

    def _keep(self, key: str, entry: Remembered) -> None:
        with self._guard:
            if len(self._memory) >= _MEMORY:
                self._memory.clear()
            self._memory[key] = entry

    def _read(self, key: str, load: Callable[[str], Remembered]) -> Remembered | None:
        if self.folder is None:
            return None
        path = self.folder / f"{key}.json"
        try:
            with path.open(encoding="utf-8") as file:
                # One that is cut off is no JSON.
                return load(file.read(_LARGEST))
        except OSError:
            return None
        except Exception:  # noqa: BLE001  whatever is wrong with it, it is of no use
            with suppress(OSError):
                path.unlink()
            return None

    def _write(self, key: str, entry: Remembered) -> None:
        if self.folder is None:
            return
        with suppress(OSError):
            with NamedTemporaryFile(
                "w", dir=self.folder, prefix=f"{key}.", suffix=".new", delete=False
            ) as file:
                file.write(entry.dump())
            os.replace(file.name, self.folder / f"{key}.json")  # noqa: PTH105


def _prepared(folder: Path | None) -> Path | None:
    """The folder, if it can be used; without what was left there days ago."""
    if folder is None:
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = [*folder.glob("*.json"), *folder.glob("*.new")]
        newest = max((file.stat().st_mtime for file in files), default=0.0)
        for file in files:
            if file.stat().st_mtime < newest - _OLD.total_seconds():
                file.unlink()
    except OSError:
        # Somebody else tidied up, or it is not ours to write; each file will tell.
        pass
    return folder


@lru_cache(maxsize=16)
def cache_in(folder: str | None) -> ForecastCache:
    """The cache of this process for a folder.

    Args:
        folder: None for the user's cache folder, empty for memory alone.
    """
    if folder is not None:
        return ForecastCache(Path(folder).expanduser() if folder.strip() else None)
    try:
        return ForecastCache(platformdirs.user_cache_path("carbonaware-prefect"))
    except (OSError, RuntimeError):
        return ForecastCache(None)  # nobody knows this user's home


class CachedSource:
    """A source that asks once for all who want the same."""

    needs_zone = True

    def __init__(
        self,
        source: DescribedSource,
        *,
        cache: ForecastCache,
        identity: Sequence[str],
        now: Callable[[], datetime],
    ) -> None:
        self._source = source
        self._cache = cache
        self._identity = tuple(identity)
        self._now = now

    @property
    def uncached(self) -> DescribedSource:
        """The source itself."""
        return self._source

    @property
    def info(self) -> SourceInfo:
        """The source's own."""
        return self._source.info

    @property
    def name(self) -> str:
        """The source's own."""
        return self._source.name

    @property
    def signal(self) -> Signal:
        """The source's own."""
        return self._source.signal

    def fetch(self, zone: str | None, interval: Interval) -> Forecast:
        """As the source, cut to ``interval``."""
        if zone is None:
            return self._source.fetch(zone, interval)
        now = self._now()
        entry = self._cache.find(
            self._key(zone),
            serves=lambda entry: entry.serves(interval, now, self.info.max_age),
            load=lambda text: _load(text, zone),
            ask=lambda: self._ask(zone, interval),
        )
        if entry.error is not None:
            raise entry.again()
        return entry.cut(interval, self.info)

    def _key(self, zone: str) -> str:
        told = json.dumps([FORMAT, self.name, self.signal, zone, *self._identity])
        return f"{self.name}-{hashlib.sha256(told.encode()).hexdigest()[:32]}"

    def _ask(self, zone: str, interval: Interval) -> Remembered:
        now = self._now()
        first = min(now, interval.start)
        begin = first.replace(minute=0, second=0, microsecond=0)
        end = now + (self.info.horizon or _HORIZON) + _HOUR
        wide = Interval(begin, max(end, begin + _HOUR))
        try:
            forecast = self._source.fetch(zone, wide)
        except CarbonAwareError as error:
            if not memorable(error):
                raise
            return Remembered.failure(error, fetched_at=self._now(), begin=begin)
        return Remembered.answer(forecast, fetched_at=self._now(), begin=begin)


def _load(text: str, zone: str) -> Remembered:
    entry = Remembered.load(text)
    if entry.error is None and entry.zone != zone:
        raise ValueError(entry.zone)
    return entry
