"""What a forecast source is, and what it promises.

A source turns a zone and an interval of time into a `Forecast`. Each one promises:

* times are aware and in UTC, intervals sorted, without overlap; what the source does not
  know is a gap, never zero;
* values are gCO2eq/kWh, of the declared ``signal``;
* it covers the interval asked for or the part of it that it knows; with nothing at all
  it raises `NoForecastError`;
* refused credentials raise `SourceRefusedError`, too many requests
  `SourceRateLimitedError`, silence `SourceUnreachableError`, nonsense
  `SourceMalformedError`; no other exception leaves it, and none holds a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, runtime_checkable

from carbonaware_prefect.core import Forecast, Interval, Signal

__all__ = ["DescribedSource", "FixedSource", "Source", "SourceInfo", "SourceLike"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """What a source knows, and whom to credit for it.

    Attributes:
        name: short name, as it appears in records and settings.
        title: its name in sentences.
        signal: what its numbers measure.
        zones: the zone keys it answers for; None where only the account or the server
            behind it can tell.
        coverage: the same for a person.
        resolution: length of its finest interval; None where the server decides.
        horizon: how far it looks ahead at best; None where the server decides.
        attribution: the credit its licence or terms ask for.
        licence: the terms of the data.
        url: where to read more.
        max_age: how long one answer may serve: no longer than until the next one is
            published, as far as that is known.
    """

    name: str
    title: str
    signal: Signal
    zones: frozenset[str] | None
    coverage: str
    resolution: timedelta | None
    horizon: timedelta | None
    attribution: str
    licence: str
    url: str
    max_age: timedelta = timedelta(minutes=15)


@runtime_checkable
class Source(Protocol):
    """Where forecasts come from. See the module for the promises."""

    @property
    def name(self) -> str:
        """Short name, as it appears in records and settings."""

    @property
    def signal(self) -> Signal:
        """What its numbers measure."""

    def fetch(self, zone: str | None, interval: Interval) -> Forecast:
        """The forecast of ``zone`` for ``interval``.

        ``zone`` is None only for sources that know one place by themselves (a file, a
        fixed forecast).

        Raises:
            NoForecastError: the source knows nothing about that zone and time.
            SourceError: the source did not deliver.
        """


@runtime_checkable
class DescribedSource(Source, Protocol):
    """A source that says what it knows and whom to credit."""

    @property
    def info(self) -> SourceInfo:
        """Zones, signal, resolution, horizon, attribution and licence."""


class FixedSource:
    """A source that always gives the one forecast it was made with."""

    def __init__(self, forecast: Forecast) -> None:
        self._forecast = forecast

    @property
    def name(self) -> str:
        """The forecast's own source name, else ``fixed``."""
        return self._forecast.source or "fixed"

    @property
    def signal(self) -> Signal:
        """The forecast's own signal."""
        return self._forecast.signal

    def fetch(self, zone: str | None, interval: Interval) -> Forecast:  # noqa: ARG002
        """The forecast, whatever is asked."""
        return self._forecast


SourceLike = str | Source | Forecast
"""Names (``"auto"``, ``"typical"``, ``"file:PATH"``), a `Source`, or a `Forecast`."""
