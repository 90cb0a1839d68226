"""What an HTTP status means for someone who wants a forecast."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import httpx

from carbonaware_prefect.errors import (
    CarbonAwareError,
    NoForecastError,
    SourceMalformedError,
    SourceRateLimitedError,
    SourceRefusedError,
    SourceUnreachableError,
)
from carbonaware_prefect.sources.http.peer import Peer

__all__ = ["error_of", "retry_after"]

_DAY_SECONDS = 86_400.0
_REFUSALS = frozenset({401, 402, 403})


def retry_after(response: httpx.Response) -> float | None:
    """The seconds after which the peer wants to be asked again, a day at most.

    A date is counted from the peer's own clock (its ``Date`` header), so that ours need
    not be right. None when it said nothing that makes sense.
    """
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        # A number of 5,000 digits is too long for int(), and longer than a day.
        return min(float(value[:9]), _DAY_SECONDS)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(
            response.headers.get("date", "")
        )
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return min(max(wait.total_seconds(), 0.0), _DAY_SECONDS)


def error_of(response: httpx.Response, peer: Peer) -> CarbonAwareError | None:
    """The error that a response means, or None for status 200.

    A refusal that says when to come back is no refusal: some services answer 401 or 403
    to those who ask too often.
    """
    if response.status_code == httpx.codes.OK:
        return None
    status, wait = response.status_code, retry_after(response)
    where = peer.where
    if status == httpx.codes.TOO_MANY_REQUESTS or (
        status in _REFUSALS and wait is not None
    ):
        when = "" if wait is None else f"; it asks to wait {wait:.0f} s"
        msg = f"{where} was asked too often (HTTP {status}){when}"
        return SourceRateLimitedError(msg, retry_after=wait)
    if status in _REFUSALS:
        return _refusal(status, where, peer)
    if status in (httpx.codes.NO_CONTENT, httpx.codes.NOT_FOUND):
        return NoForecastError(
            f"{where} has no forecast for that (HTTP {status}): it does not cover the "
            "place, or its base URL is wrong"
        )
    # 407 comes from a proxy on the way.
    if response.is_server_error or status in (407, 408):
        return SourceUnreachableError(f"{where} is out of order (HTTP {status})")
    return SourceMalformedError(
        f"{where} redirects elsewhere (HTTP {status}), which is not followed; if it has "
        "moved, change its base URL"
        if response.is_redirect
        else f"{where} does not understand the question (HTTP {status})"
    )


def _refusal(status: int, where: str, peer: Peer) -> SourceRefusedError:
    if peer.credential_origin is None:
        msg = f"{where} refused to answer (HTTP {status})"
    else:
        msg = (
            f"{where} refused the credential from {peer.credential_origin} "
            f"(HTTP {status}). Is it right, and does it reach that far?"
        )
    return SourceRefusedError(f"{msg} {peer.refusal_hint}".rstrip())
