"""Electricity Maps, versions 3 and 4 of its API. The forecast needs a paid or trial plan.

Two things in it are handled with care. For a zone it does not know, the API may answer
for the place of the *caller*: it is told not to, and the zone it names must be the one
asked for. And it answers 401 not only for a wrong key or a zone outside the plan, but
also, with a valid key, to those who ask too often.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Literal

import httpx
from pydantic import SecretStr

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.errors import (
    InvalidSettingError,
    SourceRateLimitedError,
    SourceRefusedError,
)
from carbonaware_prefect.sources.base import SourceInfo
from carbonaware_prefect.sources.http.exchange import DEFAULT_BUDGET, FetchBudget
from carbonaware_prefect.sources.http.history import HttpHistory, Past, past_of
from carbonaware_prefect.sources.http.peer import Peer, peer_at, reveal
from carbonaware_prefect.sources.http.reading import Reader
from carbonaware_prefect.sources.http.series import (
    Piece,
    end_after,
    forecast_of,
    step_between,
)

__all__ = ["BASE_URL", "INFO", "ElectricityMaps"]

Granularity = Literal["5_minutes", "15_minutes", "hourly"]

_STEPS: dict[object, timedelta] = {
    "5_minutes": timedelta(minutes=5),
    "15_minutes": timedelta(minutes=15),
    "hourly": timedelta(hours=1),
}
_HORIZONS = (6, 24, 48, 72)
_ZONE = re.compile(r"[A-Z]{2}(-[A-Z0-9]+)*", re.ASCII)

BASE_URL = "https://api.electricitymaps.com"

INFO = SourceInfo(
    name="electricity_maps",
    title="Electricity Maps",
    signal="average",
    zones=None,
    coverage="some 380 zones worldwide, of which a plan includes some",
    resolution=timedelta(minutes=5),
    horizon=timedelta(hours=72),
    attribution="Electricity Maps (electricitymaps.com)",
    licence="proprietary; the free tier is for non-commercial use, data not to be shared",
    url="https://portal.electricitymaps.com/docs",
)


class _Key(httpx.Auth):
    """Puts the key into the header, when the request leaves."""

    def __init__(self, key: SecretStr, peer: Peer) -> None:
        self._key = key
        self._peer = peer

    def auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["auth-token"] = reveal(self._key, self._peer)
        yield request


class ElectricityMaps(HttpHistory):
    """Average intensity of consumption, flow-traced, of almost any zone.

    Args:
        key: the API key.
        credential_origin: where the key came from, for the message when it is refused.
        version: of the API.
        horizon_hours: 6, 24, 48 or 72. A plan with less gives less.
        granularity: None leaves it to the API (an hour). A plan with less gives less.
        emission_factors: ``lifecycle`` or ``direct``.
        base_url: where the API is, without the version.
        budget: time and size that an exchange may take.
    """

    longest: ClassVar[timedelta] = timedelta(days=9)

    def __init__(
        self,
        key: SecretStr,
        *,
        credential_origin: str = "the argument key",
        version: Literal["v3", "v4"] = "v4",
        horizon_hours: int = 72,
        granularity: Granularity | None = None,
        emission_factors: Literal["lifecycle", "direct"] = "lifecycle",
        base_url: str = BASE_URL,
        budget: FetchBudget = DEFAULT_BUDGET,
    ) -> None:
        if version not in ("v3", "v4"):
            msg = f"version of Electricity Maps must be v3 or v4, got {version!r}"
            raise InvalidSettingError(msg)
        if horizon_hours not in _HORIZONS:
            msg = f"horizon_hours must be one of {_HORIZONS}, got {horizon_hours!r}"
            raise InvalidSettingError(msg)
        peer = peer_at(
            base_url,
            INFO.title,
            public_url=BASE_URL,
            credential_origin=credential_origin,
            refusal_hint=(
                "Is the zone in the plan, and the forecast? "
                "It refuses in the same words when asked too often."
            ),
        )
        super().__init__(info=INFO, peer=peer, budget=budget, auth=_Key(key, peer))
        self._url = f"{peer.base_url}/{version}/carbon-intensity/forecast"
        self._history_url = f"{peer.base_url}/{version}/carbon-intensity/past-range"
        self._parameters = {
            "horizonHours": str(horizon_hours),
            "emissionFactorType": emission_factors,
            "shouldUseFallbackCallerLookup": "false",
        }
        if granularity is not None:
            self._parameters["temporalGranularity"] = granularity
        self._answered: set[str] = set()

    def build_request(self, zone: str, interval: Interval) -> httpx.Request:  # noqa: ARG002
        """The question for a zone; the API counts the horizon from now by itself."""
        return self._request(self._url, zone, self._parameters)

    def build_history_request(self, zone: str, interval: Interval) -> httpx.Request:
        """The question for a zone and an interval that is over."""
        told = {k: v for k, v in self._parameters.items() if k != "horizonHours"}
        span = {"start": _second(interval.start), "end": _second(interval.end)}
        return self._request(self._history_url, zone, told | span)

    def _request(self, url: str, zone: str, parameters: Mapping[str, str]) -> httpx.Request:
        if not _ZONE.fullmatch(zone):
            raise self.unknown(zone)
        return httpx.Request("GET", url, params={"zone": zone, **parameters})

    def parse(self, payload: object, zone: str, interval: Interval) -> Forecast:
        """Points that hold for the granularity the reply names, else for their step."""
        reader = Reader(self.info.title)
        table = reader.table(payload, "the answer")
        if table.get("zone") != zone:
            reader.reject(f"it names another zone than {zone}, or none")
        updated = table.get("updatedAt")
        return forecast_of(
            [piece for piece, _ in _points(table, "forecast", reader)],
            info=self.info,
            zone=zone,
            asked=interval,
            issued_at=None if updated is None else reader.moment(updated, "updatedAt"),
        )

    def parse_history(self, payload: object, zone: str, interval: Interval) -> Past:
        """Points likewise; those that are marked as estimates were not measured."""
        reader = Reader(self.info.title)
        table = reader.table(payload, "the answer")
        points = _points(table, "data", reader)
        # Each point of a history names its zone; older answers do so once.
        if any(point.get("zone", table.get("zone")) != zone for _, point in points):
            reader.reject(f"it names another zone than {zone}, or none")
        return past_of(
            [piece for piece, point in points if not point.get("isEstimated")],
            [piece for piece, point in points if point.get("isEstimated")],
            info=self.info,
            zone=zone,
            asked=interval,
        )

    def fetch(self, zone: str | None, interval: Interval) -> Forecast:
        """As every source; a key that worked for this zone is not refused later.

        Its 401 then means that it was asked too often.
        """
        try:
            forecast = super().fetch(zone, interval)
        except SourceRefusedError as error:
            if zone not in self._answered:
                raise
            msg = (
                f"{self.info.title} refused a credential that it took before for zone "
                f"{zone}, as it does when asked too often. If this lasts, check the "
                f"credential from {self._peer.credential_origin}"
            )
            raise SourceRateLimitedError(msg) from error
        if zone is not None:
            self._answered.add(zone)
        return forecast


def _points(
    table: Mapping[str, object], name: str, reader: Reader
) -> list[tuple[Piece, dict[str, object]]]:
    """The points under a name, with the pieces that they make."""
    points = [reader.table(row, "a point") for row in reader.rows(table.get(name), name)]
    starts = [reader.moment(point.get("datetime"), "a datetime") for point in points]
    named = table.get("temporalGranularity")
    step = _STEPS.get(named) if isinstance(named, str) else None
    if step is None:
        step = step_between(starts, reader=reader, alone=timedelta(hours=1))
    return [
        (
            (start, end_after(start, step, reader=reader), point.get("carbonIntensity")),
            point,
        )
        for start, point in zip(starts, points, strict=True)
    ]


def _second(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
