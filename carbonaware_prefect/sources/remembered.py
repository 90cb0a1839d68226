"""What a cache remembers of a request, and how it is written down: JSON, no pickle."""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import itemgetter

from pydantic import SecretStr

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.core.intervals import from_microseconds, to_microseconds
from carbonaware_prefect.errors import (
    CarbonAwareError,
    NoForecastError,
    SourceError,
    SourceMalformedError,
    SourceRateLimitedError,
    SourceRefusedError,
    SourceUnreachableError,
)
from carbonaware_prefect.sources.base import SourceInfo

__all__ = ["FORMAT", "Remembered", "fingerprint", "memorable"]

FORMAT = 1
_FAILURE_AGE = timedelta(seconds=15)
_LONGEST_FAILURE_AGE = timedelta(seconds=60)
# A clock may be set back a little between writing and reading.
_CLOCK_SLACK = timedelta(seconds=60)
_ERRORS: dict[str, type[CarbonAwareError]] = {
    error.__name__: error
    for error in (
        NoForecastError,
        SourceError,
        SourceMalformedError,
        SourceRateLimitedError,
        SourceRefusedError,
        SourceUnreachableError,
    )
}


def fingerprint(secret: SecretStr) -> str:
    """Tells credentials apart without giving them away; part of a digest itself.

    Eight bytes: too little to prove a guess, enough that two keys of one machine differ.
    """
    value = secret.get_secret_value().encode()
    return hashlib.blake2b(value, digest_size=8, person=b"carbonaware").hexdigest()


def memorable(error: CarbonAwareError) -> bool:
    """Whether that error is a source's answer, and not a mistake on this side."""
    return type(error).__name__ in _ERRORS


Piece = tuple[int, int, float]
"""Start and end in microseconds since 1970, and the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What one request came to: a forecast in pieces, or an error by name and message.

    A forecast is kept in plain numbers, because to make one of three days takes longer
    than to find the best slot in it: `cut` makes only the part that is asked for.

    Attributes:
        fetched_at: when it was asked.
        begin: from when on.
        zone: of the forecast.
        issued_at: when the source published it, or None.
        pieces: its intervals, in order.
        error: class name, message and seconds to wait, or None.
    """

    fetched_at: datetime
    begin: datetime
    zone: str | None = None
    issued_at: datetime | None = None
    pieces: tuple[Piece, ...] = ()
    error: tuple[str, str, float | None] | None = None

    @classmethod
    def answer(
        cls, forecast: Forecast, *, fetched_at: datetime, begin: datetime
    ) -> Remembered:
        """What to remember of a forecast."""
        return cls(
            fetched_at=fetched_at,
            begin=begin,
            zone=forecast.zone,
            issued_at=forecast.issued_at,
            pieces=tuple(
                (to_microseconds(piece.start), to_microseconds(piece.end), value)
                for piece, value in forecast
            ),
        )

    def serves(self, asked: Interval, now: datetime, max_age: timedelta) -> bool:
        """Whether it is still good for that question."""
        limit = max_age if self.error is None else self._failure_age()
        return -_CLOCK_SLACK <= now - self.fetched_at < limit and self.begin <= asked.start

    def _failure_age(self) -> timedelta:
        wait = self.error[2] if self.error is not None else None
        asked = timedelta(seconds=wait) if wait is not None else _FAILURE_AGE
        return min(max(asked, _FAILURE_AGE), _LONGEST_FAILURE_AGE)

    def dump(self) -> str:
        """As JSON."""
        table: dict[str, object] = {
            "format": FORMAT,
            "fetched_at": to_microseconds(self.fetched_at),
            "begin": to_microseconds(self.begin),
        }
        if self.error is not None:
            table["error"] = list(self.error)
        else:
            issued = self.issued_at
            table["zone"] = self.zone
            table["issued_at"] = None if issued is None else to_microseconds(issued)
            table["pieces"] = self.pieces
        return json.dumps(table, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Remembered:
        """What `dump` wrote. Anything that makes no sense raises: discard it."""
        table = json.loads(text)
        if table["format"] != FORMAT:
            raise ValueError(table["format"])
        entry = cls(
            fetched_at=from_microseconds(table["fetched_at"]),
            begin=from_microseconds(table["begin"]),
        )
        if "error" in table:
            name, message, wait = table["error"]
            error = _ERRORS[name].__name__, str(message), wait and float(wait)
            return replace(entry, error=error)
        issued = table["issued_at"]
        return replace(
            entry,
            zone=str(table["zone"]),
            issued_at=None if issued is None else from_microseconds(issued),
            pieces=_checked(table["pieces"]),
        )

    def cut(self, asked: Interval, info: SourceInfo) -> Forecast:
        """The forecast, as far as it lies in ``asked``.

        Raises:
            NoForecastError: nothing of it does.
        """
        begin, end = to_microseconds(asked.start), to_microseconds(asked.end)
        first = bisect_right(self.pieces, begin, key=itemgetter(1))
        last = bisect_left(self.pieces, end, key=itemgetter(0))
        if first >= last:
            known = (
                from_microseconds(self.pieces[0][0]),
                from_microseconds(self.pieces[-1][1]),
            )
            msg = (
                f"{info.title} has no forecast for zone {self.zone} between "
                f"{asked.start.isoformat()} and {asked.end.isoformat()}: what it knows "
                f"covers {known[0].isoformat()} to {known[1].isoformat()}"
            )
            raise NoForecastError(msg)
        return Forecast.from_intervals(
            [
                (from_microseconds(max(s, begin)), from_microseconds(min(e, end)), value)
                for s, e, value in self.pieces[first:last]
            ],
            zone=self.zone,
            source=info.name,
            signal=info.signal,
            issued_at=self.issued_at,
        )

    @classmethod
    def failure(
        cls, error: CarbonAwareError, *, fetched_at: datetime, begin: datetime
    ) -> Remembered:
        """What to remember of an error."""
        told = (type(error).__name__, str(error), getattr(error, "retry_after", None))
        return cls(fetched_at=fetched_at, begin=begin, error=told)

    def again(self) -> CarbonAwareError:
        """The error that was remembered."""
        assert self.error is not None  # noqa: S101  the caller has looked
        name, message, wait = self.error
        if name == SourceRateLimitedError.__name__:
            return SourceRateLimitedError(message, retry_after=wait)
        return _ERRORS[name](message)


def _checked(rows: list[list[float]]) -> tuple[Piece, ...]:
    """The pieces, if they are those of a forecast."""
    last = -math.inf
    pieces = []
    for start, end, value in rows:
        if type(start) is not int or type(end) is not int or not last <= start < end:
            raise ValueError(start, end)
        if type(value) not in (int, float) or not math.isfinite(value):
            raise ValueError(value)
        pieces.append((start, end, value))
        last = end
    if not pieces:
        raise ValueError(rows)
    # The last one may lie beyond the calendar.
    from_microseconds(pieces[0][0])
    from_microseconds(pieces[-1][1])
    return tuple(pieces)
