"""A forecast source that asks one question over HTTP."""

from __future__ import annotations

from abc import ABC, abstractmethod

import httpx

from carbonaware_prefect.core import Forecast, Interval, Signal
from carbonaware_prefect.errors import NoForecastError
from carbonaware_prefect.sources.base import SourceInfo
from carbonaware_prefect.sources.http.exchange import FetchBudget, ask
from carbonaware_prefect.sources.http.peer import Peer

__all__ = ["HttpSource"]


class HttpSource(ABC):
    """A source that asks one question over HTTP and reads the answer.

    Safe to use from several threads at once.
    """

    def __init__(
        self,
        *,
        info: SourceInfo,
        peer: Peer,
        budget: FetchBudget,
        auth: httpx.Auth | None = None,
    ) -> None:
        self.info = info
        self._peer = peer
        self._budget = budget
        self._auth = auth

    @property
    def name(self) -> str:
        """Short name, as it appears in records and settings."""
        return self.info.name

    @property
    def signal(self) -> Signal:
        """What its numbers measure."""
        return self.info.signal

    @abstractmethod
    def build_request(self, zone: str, interval: Interval) -> httpx.Request:
        """The question, without any secret. Pure.

        Raises:
            NoForecastError: the source does not know that zone.
        """

    @abstractmethod
    def parse(self, payload: object, zone: str, interval: Interval) -> Forecast:
        """The answer, whatever JSON it is. Pure.

        Raises:
            NoForecastError: it holds nothing about that zone and interval.
            SourceMalformedError: it makes no sense.
        """

    def fetch(self, zone: str | None, interval: Interval) -> Forecast:
        """The forecast of ``zone`` for ``interval``, or for what is known of it.

        Raises:
            NoForecastError: the source knows nothing about that zone and time.
            SourceError: the source did not deliver.
        """
        if zone is None:
            msg = (
                f"{self.info.title} needs a zone, got none; it covers {self.info.coverage}"
            )
            raise NoForecastError(msg)
        request = self.build_request(zone, interval)
        payload = ask(request, peer=self._peer, budget=self._budget, auth=self._auth)
        return self.parse(payload, zone, interval)

    def unknown(self, zone: str) -> NoForecastError:
        """The error for a zone that the source does not cover."""
        return NoForecastError(
            f"{self.info.title} does not cover zone {zone!r}; "
            f"it covers {self.info.coverage}"
        )
