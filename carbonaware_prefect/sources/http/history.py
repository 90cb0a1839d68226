"""What a service says of times that are over: what it measured, and what it had forecast.

A service may change its mind about a time that is over. Two values for one time in one
answer make it malformed, as in any other reply, and then the time is unknown.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Protocol, runtime_checkable

import httpx

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.errors import NoForecastError
from carbonaware_prefect.sources.base import SourceInfo
from carbonaware_prefect.sources.http.exchange import ask
from carbonaware_prefect.sources.http.series import Piece, forecast_of
from carbonaware_prefect.sources.http.source import HttpSource

__all__ = ["HasHistory", "HttpHistory", "Past", "past_of"]


@dataclass(frozen=True, slots=True)
class Past:
    """Intensities of an interval that is over, with gaps; None for nothing at all.

    Attributes:
        measured: as they were.
        best: the same, and where nothing was measured what was forecast or estimated.
    """

    measured: Forecast | None
    best: Forecast | None


@runtime_checkable
class HasHistory(Protocol):
    """A source that can say what came true."""

    @property
    def longest(self) -> timedelta:
        """The longest interval that it answers at once."""

    @property
    def name(self) -> str:
        """Of the source."""

    def fetch_history(self, zone: str, interval: Interval) -> Past:
        """What is known of an interval that is over.

        Raises:
            NoForecastError: the source does not know that zone.
            SourceError: the source did not deliver.
        """


class HttpHistory(HttpSource, ABC):
    """A source over HTTP that can also say what came true."""

    longest: ClassVar[timedelta]

    @abstractmethod
    def build_history_request(self, zone: str, interval: Interval) -> httpx.Request:
        """The question for an interval that is over, without any secret. Pure."""

    @abstractmethod
    def parse_history(self, payload: object, zone: str, interval: Interval) -> Past:
        """The answer, whatever JSON it is. Pure."""

    def fetch_history(self, zone: str, interval: Interval) -> Past:
        """See `HasHistory`."""
        request = self.build_history_request(zone, interval)
        payload = ask(request, peer=self._peer, budget=self._budget, auth=self._auth)
        return self.parse_history(payload, zone, interval)


def past_of(
    measured: Iterable[Piece],
    other: Iterable[Piece],
    *,
    info: SourceInfo,
    zone: str,
    asked: Interval,
) -> Past:
    """The past that the pieces of a reply make, cut to the interval asked for.

    Args:
        measured: pieces with the value that came true, None where there is none.
        other: pieces with a forecast or an estimate of the same times.
        info: whose reply it is.
        zone: the zone that was asked for.
        asked: the interval that was asked for.

    Raises:
        SourceMalformedError: values or times that make no sense.
    """
    known = list(measured)
    certain = {start for start, _, value in known if value is not None}
    rest = [piece for piece in other if piece[0] not in certain]

    def made(pieces: Sequence[Piece]) -> Forecast | None:
        try:
            return forecast_of(pieces, info=info, zone=zone, asked=asked)
        except NoForecastError:
            return None

    return Past(made(known), made([*known, *rest]))
