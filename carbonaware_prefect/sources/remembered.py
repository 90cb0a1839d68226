"""What a cache remembers of a request, and how it is written down: JSON, no pickle."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr

from carbonaware_prefect.core import Forecast, Interval, Signal
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What one request came to: a forecast, or an error by name and message.

    Attributes:
        fetched_at: when it was asked.
        begin: from when on.
        forecast: the answer, or None.
        error: class name, message and seconds to wait, or None.
    """

    fetched_at: datetime
    begin: datetime
    forecast: Forecast | None = None
    error: tuple[str, str, float | None] | None = None

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
        if self.forecast is not None:
            issued = self.forecast.issued_at
            table["zone"] = self.forecast.zone
            table["issued_at"] = None if issued is None else to_microseconds(issued)
            table["pieces"] = [
                [to_microseconds(piece.start), to_microseconds(piece.end), value]
                for piece, value in self.forecast
            ]
        return json.dumps(table, separators=(",", ":"))

    @classmethod
    def load(cls, text: str, source: str, signal: Signal) -> Remembered:
        """Anything that makes no sense raises; the caller discards it."""
        table = json.loads(text)
        if table["format"] != FORMAT:
            raise ValueError(table["format"])
        forecast, error = None, table.get("error")
        if error is None:
            issued = table["issued_at"]
            forecast = Forecast.from_intervals(
                [
                    (from_microseconds(start), from_microseconds(end), value)
                    for start, end, value in table["pieces"]
                ],
                zone=table["zone"],
                source=source,
                signal=signal,
                issued_at=None if issued is None else from_microseconds(issued),
            )
        else:
            name, message, wait = error
            error = (str(_ERRORS[name].__name__), str(message), wait and float(wait))
        return cls(
            fetched_at=from_microseconds(table["fetched_at"]),
            begin=from_microseconds(table["begin"]),
            forecast=forecast,
            error=error,
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
