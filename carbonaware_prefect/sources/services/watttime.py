"""WattTime, version 3: marginal intensity. A free account reaches CAISO_NORTH only.

WattTime names its own regions. ``regions`` says which of them a zone is asked as (a zone
may hold several: ``US-CAL-CISO`` has ``CAISO_NORTH`` and others). One of WattTime's own
codes with an underscore (``CAISO_NORTH``, ``JP_TK``) is also taken as a zone.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Generator, Mapping
from datetime import timedelta
from types import MappingProxyType

import httpx
from pydantic import SecretStr

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.errors import InvalidSettingError, SourceRefusedError
from carbonaware_prefect.sources.base import SourceInfo
from carbonaware_prefect.sources.http.exchange import DEFAULT_BUDGET, FetchBudget
from carbonaware_prefect.sources.http.peer import Peer, peer_at
from carbonaware_prefect.sources.http.reading import Reader
from carbonaware_prefect.sources.http.series import end_after, forecast_of
from carbonaware_prefect.sources.http.source import HttpSource
from carbonaware_prefect.sources.http.status import error_of

__all__ = ["BASE_URL", "INFO", "WattTime", "is_own_code"]

_GRAMS_PER_KWH = 0.45359237
"""One pound per MWh (exact by definition)."""
_SIGNAL_TYPE = "co2_moer"
_OWN_CODE = re.compile(r"[A-Z]+(_[A-Z0-9]+)+", re.ASCII)
_TOKEN = re.compile(r"[!-~]{1,8192}", re.ASCII)
# A token lives for 30 minutes.
_TOKEN_SECONDS = 25 * 60
_PATIENCE = 4.0
_LONGEST_HORIZON = 72
_LONGEST_STEP = 3600

BASE_URL = "https://api.watttime.org"

INFO = SourceInfo(
    name="watttime",
    title="WattTime",
    signal="marginal",
    zones=None,
    coverage="the zones that WattTime's regions are known for, as far as the plan reaches",
    resolution=timedelta(minutes=5),
    horizon=timedelta(hours=72),
    attribution="WattTime (watttime.org)",
    licence="proprietary; data not to be shared without a licence",
    url="https://docs.watttime.org",
    max_age=timedelta(minutes=5),
)


def is_own_code(zone: str) -> bool:
    """Whether that is one of WattTime's own region codes, which it takes as a zone."""
    return _OWN_CODE.fullmatch(zone) is not None


class _Login(httpx.Auth):
    """Logs in with user and password, then shows the token it got until it is old.

    Threads that need a token at the same time wait for the one that logs in.
    """

    def __init__(self, username: str, password: SecretStr, peer: Peer) -> None:
        self._username = username
        self._password = password
        self._peer = peer
        self._token: tuple[SecretStr, float] | None = None
        self._logging_in = threading.Lock()

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        token = self._valid()
        if token is not None:
            _carry(token, request)
            response = yield request
            if response.status_code != httpx.codes.UNAUTHORIZED:
                return
        # Bounded: a login that hangs must not cost the others their time.
        mine = self._logging_in.acquire(timeout=_PATIENCE)
        try:
            fresh = self._valid()
            if fresh is None or fresh is token:
                fresh = self._take((yield self._login(request)))
        finally:
            if mine:
                self._logging_in.release()
        _carry(fresh, request)
        yield request

    def _valid(self) -> SecretStr | None:
        """The token, while it is young."""
        token = self._token
        return token[0] if token is not None and time.monotonic() < token[1] else None

    def _login(self, request: httpx.Request) -> httpx.Request:
        password = self._password.get_secret_value()
        if not self._username or not password:
            msg = (
                f"{self._peer.title} needs a user name and a password: "
                f"{self._peer.credential_origin} is empty"
            )
            raise SourceRefusedError(msg)
        login = httpx.Request(
            "GET",
            f"{self._peer.base_url}/login",
            headers={
                key: request.headers[key]
                for key in ("Accept", "Accept-Encoding", "User-Agent")
                if key in request.headers
            },
            extensions=dict(request.extensions),
        )
        # BasicAuth only sets a header, so that its flow ends with this request.
        return next(httpx.BasicAuth(self._username, password).auth_flow(login))

    def _take(self, response: httpx.Response) -> SecretStr:
        error = error_of(response, self._peer)
        if error is not None:
            raise error
        reader = Reader(f"the login of {self._peer.title}")
        response.read()
        payload: object = None
        try:
            payload = response.json()
        except (ValueError, RecursionError):
            payload = None
        token = reader.table(payload, "the answer").get("token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            reader.reject("it holds no token")
        secret = SecretStr(token)
        self._token = (secret, time.monotonic() + _TOKEN_SECONDS)
        return secret


def _carry(token: SecretStr, request: httpx.Request) -> None:
    request.headers["Authorization"] = f"Bearer {token.get_secret_value()}"


class WattTime(HttpSource):
    """Marginal intensity (``co2_moer``), converted from lb/MWh to g/kWh.

    Args:
        username: of the WattTime account.
        password: of the WattTime account.
        credential_origin: where they came from, for the message when they are refused.
        regions: WattTime's region code by zone.
        horizon_hours: how far to look ahead, 1 to 72.
        base_url: where the API is, without the version.
        budget: time and size that an exchange (with its login) may take.
    """

    def __init__(
        self,
        username: str,
        password: SecretStr,
        *,
        credential_origin: str = "the arguments username and password",
        regions: Mapping[str, str] = MappingProxyType({}),
        horizon_hours: int = _LONGEST_HORIZON,
        base_url: str = BASE_URL,
        budget: FetchBudget = DEFAULT_BUDGET,
    ) -> None:
        if horizon_hours not in range(1, _LONGEST_HORIZON + 1):
            msg = f"horizon_hours must be 1 to {_LONGEST_HORIZON}, got {horizon_hours!r}"
            raise InvalidSettingError(msg)
        peer = peer_at(
            base_url,
            INFO.title,
            public_url=BASE_URL,
            credential_origin=credential_origin,
            refusal_hint="A free account reaches CAISO_NORTH only.",
        )
        auth = _Login(username, password, peer)
        super().__init__(info=INFO, peer=peer, budget=budget, auth=auth)
        self._regions = dict(regions)
        self._horizon_hours = horizon_hours

    def build_request(self, zone: str, interval: Interval) -> httpx.Request:  # noqa: ARG002
        """The question for a region; the API counts the horizon from now by itself."""
        return httpx.Request(
            "GET",
            f"{self._peer.base_url}/v3/forecast",
            params={
                "region": self._region(zone),
                "signal_type": _SIGNAL_TYPE,
                "horizon_hours": str(self._horizon_hours),
            },
        )

    def parse(self, payload: object, zone: str, interval: Interval) -> Forecast:
        """Points that hold for the period that the reply's ``meta`` names."""
        reader = Reader(self.info.title)
        table = reader.table(payload, "the answer")
        meta = reader.table(table.get("meta"), "meta")
        if meta.get("region") != self._region(zone):
            reader.reject(f"it names another region than {self._region(zone)}, or none")
        if meta.get("signal_type") != _SIGNAL_TYPE:
            reader.reject(f"it is not about {_SIGNAL_TYPE}")
        if meta.get("units") != "lbs_co2_per_mwh":
            reader.reject("its unit is not lbs_co2_per_mwh")
        step = _period(meta.get("data_point_period_seconds"), reader)
        pieces = []
        for row in reader.rows(table.get("data"), "data"):
            point = reader.table(row, "a point")
            start = reader.moment(point.get("point_time"), "a point_time")
            end = end_after(start, step, reader=reader)
            pieces.append((start, end, point.get("value")))
        issued = meta.get("generated_at")
        return forecast_of(
            pieces,
            info=self.info,
            zone=zone,
            asked=interval,
            factor=_GRAMS_PER_KWH,
            issued_at=None if issued is None else reader.moment(issued, "generated_at"),
        )

    def _region(self, zone: str) -> str:
        region = self._regions.get(zone)
        if region is None and _OWN_CODE.fullmatch(zone):
            region = zone
        if region is None:
            raise self.unknown(zone)
        return region


def _period(seconds: object, reader: Reader) -> timedelta:
    whole = isinstance(seconds, int) and not isinstance(seconds, bool)
    if not whole or not 0 < seconds <= _LONGEST_STEP:  # type: ignore[operator]
        reader.reject("its data_point_period_seconds is no period up to an hour")
    return timedelta(seconds=seconds)  # type: ignore[arg-type]
