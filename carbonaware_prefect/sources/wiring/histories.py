"""Evidence to settle runs by: what was measured in a zone, as far as anybody can say.

In this order: a file that the user gives for the zone; a source that the user names; the
source that the run was decided by, where that one has a history. What typical days decided
is settled by typical days. A history is asked for once for each zone and block of time,
and what is kept is bounded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.core.accounting.measured import Measured
from carbonaware_prefect.core.accounting.settlement import Evidence, Grade
from carbonaware_prefect.core.intervals import from_microseconds, to_microseconds
from carbonaware_prefect.errors import (
    NoForecastError,
    SourceError,
    SourceRateLimitedError,
)
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.cache import CachedSource
from carbonaware_prefect.sources.file.past import History
from carbonaware_prefect.sources.http.history import HasHistory, Past
from carbonaware_prefect.sources.typical import TypicalSource, TypicalTables
from carbonaware_prefect.sources.wiring.live import LIVE, open_live

__all__ = ["WITH_HISTORY", "Histories", "MeasuredFile"]

WITH_HISTORY = tuple(name for name, row in LIVE.items() if row.history)
"""The live sources that can say what came true."""

_KEPT = 256
_MONTH = timedelta(days=28)
_TRIES, _LONGEST_PAUSE, _USUAL_PAUSE = 4, 60.0, 8.0


@dataclass(frozen=True, slots=True)
class MeasuredFile:
    """A file of the user's with what was measured, and the zone that it is of."""

    zone: str
    history: History


class Histories:
    """Where evidence comes from.

    Args:
        settings: credentials, URLs, limits.
        files: one for a zone at most.
        named: sources to ask before a run's own.
        now: the present; what lies after it is not asked for.
        sleep: waits where a source asks for a pause.

    Attributes:
        notes: what could not be had, sentences for a person, each once.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        files: Sequence[MeasuredFile] = (),
        named: Sequence[str] = (),
        now: datetime,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._named = named
        self._now = now
        self._sleep = sleep
        self._files = {
            each.zone: Evidence(
                grade=Grade.MEASURED,
                values=Measured(each.history.actual),
                source="file",
                signal=each.history.actual.signal,
            )
            for each in files
        }
        self._typical = TypicalSource(TypicalTables.of(settings))
        self._block = lru_cache(_KEPT)(self._fetch)
        self._of_blocks = lru_cache(_KEPT)(self._joined)
        self._of_days = lru_cache(_KEPT)(self._typical_days)
        self.notes: dict[str, None] = {}

    def evidence(
        self, zone: str | None, source: str | None, low: int, high: int
    ) -> Sequence[Evidence] | None:
        """What is known of a zone between two moments, in microseconds since 1970.

        Args:
            zone: of the run.
            source: that it was decided by.
            low: where it has to begin.
            high: where it has to end.

        Returns:
            Best first; empty where somebody measures that zone and could not be asked;
            None where nobody does.
        """
        if zone is None:
            return None
        if (file := self._files.get(zone)) is not None:
            return [file]
        for name in (*self._named, source or ""):
            if self._measures(name, zone):
                length = to_microseconds(self._opened(name).longest)
                return self._of_blocks(name, zone, low // length, (high - 1) // length)
        if source == TypicalSource.name:
            length = to_microseconds(_MONTH)
            return self._of_days(zone, low // length, (high - 1) // length)
        return None

    def _measures(self, name: str, zone: str) -> bool:
        if name not in WITH_HISTORY:
            return False
        row = LIVE[name]
        if (missing := row.missing(self._settings)) is not None:
            self.notes[f"{name} was not asked what was measured: set {missing}"] = None
            return False
        zones = row.info(self._settings).zones
        return zones is None or zone in zones

    def _opened(self, name: str) -> HasHistory:
        found = open_live(name, self._settings)
        source = found.uncached if isinstance(found, CachedSource) else found
        assert isinstance(source, HasHistory)  # noqa: S101  the caller has looked
        return source

    def _joined(self, name: str, zone: str, first: int, last: int) -> Sequence[Evidence]:
        """The blocks from the first to the last as one."""
        blocks = [self._block(name, zone, at) for at in range(first, last + 1)]
        known = [block for block in blocks if block is not None]
        parts = {
            Grade.MEASURED: [block.measured for block in known],
            Grade.FORECAST: [block.best for block in known],
        }
        return [
            Evidence(
                grade=grade,
                values=Measured(joined),
                source=name,
                signal=joined.signal,
            )
            for grade, some in parts.items()
            if (joined := _as_one(some)) is not None
        ]

    def _fetch(self, name: str, zone: str, at: int) -> Past | None:
        """A block; None where it could not be had."""
        source = self._opened(name)
        start = from_microseconds(at * to_microseconds(source.longest))
        end = min(start + source.longest, self._now)
        if end <= start:
            return None
        try:
            return self._ask(source, zone, Interval(start, end))
        except (NoForecastError, SourceError) as error:
            self.notes[f"{name}, {zone}: {error}"] = None
            return None

    def _ask(
        self, source: HasHistory, zone: str, interval: Interval, left: int = _TRIES
    ) -> Past:
        """The history, asked for again after the pause that the source asks for."""
        try:
            return source.fetch_history(zone, interval)
        except SourceRateLimitedError as error:
            if left == 1:
                raise
            pause = _USUAL_PAUSE if error.retry_after is None else error.retry_after
        self._sleep(min(pause, _LONGEST_PAUSE))
        return self._ask(source, zone, interval, left - 1)

    def _typical_days(self, zone: str, first: int, last: int) -> list[Evidence] | None:
        """Those of a zone; None where it has none."""
        start = from_microseconds(first * to_microseconds(_MONTH))
        end = start + (last + 1 - first) * _MONTH
        try:
            forecast = self._typical.fetch(zone, Interval(start, end))
        except NoForecastError:
            return None
        return [
            Evidence(
                grade=Grade.TYPICAL,
                values=Measured(forecast),
                source=TypicalSource.name,
                signal=forecast.signal,
                modelled=forecast.modelled,
            )
        ]


def _as_one(parts: Sequence[Forecast | None]) -> Forecast | None:
    known = [part for part in parts if part is not None]
    if not known:
        return None
    return Forecast.from_intervals(
        [(piece.start, piece.end, value) for piece, value in chain.from_iterable(known)],
        zone=known[0].zone,
        source=known[0].source,
        signal=known[0].signal,
    )
