"""One bounded, honest HTTP exchange.

What every exchange keeps to:

* **Time.** All attempts and the pauses between them fit into one budget (10 s). An
  attempt runs in a thread of its own that is left behind when its time is up, because
  httpx bounds single reads: it bounds neither the look-up of the host name, nor a host
  with many dead addresses, nor headers that drip in byte by byte.
* **Size.** A body is counted while it streams, and refused when it is too large. It is
  asked for uncompressed, so that a small one cannot unfold into a large one.
* **Direction.** TLS certificates are verified, redirects are not followed.
* **Secrets.** A credential goes into the headers at the last moment (`httpx.Auth`). No
  message quotes a header or a body, and what httpx and httpcore would log about these
  exchanges is dropped: it quotes what the server sent, and servers may echo a key.
"""

from __future__ import annotations

import functools
import json
import logging
import queue
import random
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

import httpx

from carbonaware_prefect._version import __version__
from carbonaware_prefect.errors import (
    CarbonAwareError,
    InvalidSettingError,
    SourceMalformedError,
    SourceUnreachableError,
)
from carbonaware_prefect.sources.http.peer import Peer
from carbonaware_prefect.sources.http.status import error_of, retry_after

__all__ = ["DEFAULT_BUDGET", "FetchBudget", "ask"]

_JITTER = random.SystemRandom()
_HTTPCORE_PARTS = ("connection", "http11", "http2", "proxy", "socks")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchBudget:
    """How long and how much a source may take.

    Attributes:
        total: for all attempts and pauses together.
        attempt: for one attempt, from the host name to the last byte.
        retries: how often at most a source that gave no answer is asked again.
        pause: before the first retry, give or take half; doubled before the second.
        body_bytes: the longest body that is read. Three days in steps of 5 minutes
            are about 80 kB.
    """

    total: timedelta = timedelta(seconds=10)
    attempt: timedelta = timedelta(seconds=5)
    retries: int = 2
    pause: timedelta = timedelta(milliseconds=300)
    body_bytes: int = 4 * 1024 * 1024

    def __post_init__(self) -> None:
        nothing = timedelta(0)
        if (
            self.total <= nothing
            or self.attempt <= nothing
            or self.pause < nothing
            or self.retries not in (0, 1, 2)
            or self.body_bytes < 1
        ):
            msg = (
                "the budget of a source needs a positive total, attempt and body_bytes, "
                f"a pause that is not negative and at most two retries, got {self}"
            )
            raise InvalidSettingError(msg)


DEFAULT_BUDGET = FetchBudget()


def ask(
    request: httpx.Request,
    *,
    peer: Peer,
    budget: FetchBudget,
    auth: httpx.Auth | None = None,
) -> object:
    """The JSON that the peer answers with.

    Raises:
        NoForecastError: the peer knows no such place or has nothing (204, 404).
        SourceError: anything else that is no JSON under status 200.
    """
    deadline = time.monotonic() + budget.total.total_seconds()
    pause = budget.pause.total_seconds()
    for retries_left in range(budget.retries, -1, -1):
        seconds = min(budget.attempt.total_seconds(), deadline - time.monotonic())
        attempt = _Attempt(request, peer, budget, auth, seconds)
        try:
            return attempt.run()
        except SourceUnreachableError:
            wait = pause * _JITTER.uniform(0.5, 1.5)
            late = time.monotonic() + wait >= deadline
            if not retries_left or late or attempt.told_to_wait:
                raise
        time.sleep(wait)
        pause *= 2
    raise AssertionError  # pragma: no cover  the last round returns or raises


@functools.cache
def _tls() -> ssl.SSLContext:
    """Verifies certificates; shared, because building one takes some 20 ms."""
    return httpx.create_ssl_context()


_THREAD = threading.local()


def _not_ours(_: logging.LogRecord) -> bool:
    return not getattr(_THREAD, "ours", False)


# A filter holds for the very logger it is put on, not for those below it.
for _name in ("httpx", *(f"httpcore.{_part}" for _part in _HTTPCORE_PARTS)):
    logging.getLogger(_name).addFilter(_not_ours)


class _OutOfTimeError(Exception):
    """The attempt's time is up."""


class _Body(httpx.SyncByteStream):
    """A body that is given up when it gets too long or takes too long."""

    def __init__(self, stream: httpx.SyncByteStream, attempt: _Attempt) -> None:
        self._stream = stream
        self._attempt = attempt

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            self._attempt.check_size(size)
            if time.monotonic() > self._attempt.ends:
                raise _OutOfTimeError
            yield chunk

    def close(self) -> None:
        self._stream.close()


class _Attempt:
    """One attempt at an exchange. Its client lives as long as it does."""

    def __init__(
        self,
        request: httpx.Request,
        peer: Peer,
        budget: FetchBudget,
        auth: httpx.Auth | None,
        seconds: float,
    ) -> None:
        self.ends = time.monotonic() + seconds
        self.told_to_wait = False
        self._seconds = seconds
        self._peer = peer
        self._budget = budget
        self._auth = auth
        self._request = httpx.Request(
            request.method,
            request.url,
            headers={
                **request.headers,
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": f"carbonaware-prefect/{__version__}",
            },
            content=request.read(),
            extensions={"timeout": httpx.Timeout(seconds * 0.9).as_dict()},
        )
        self._client = httpx.Client(
            verify=_tls(),
            follow_redirects=False,
            event_hooks={"response": [self._bind]},
        )
        self._answers: queue.SimpleQueue[tuple[object, Exception | None]] = (
            queue.SimpleQueue()
        )

    def run(self) -> object:
        """The JSON of the answer."""
        threading.Thread(target=self._work, name="carbon-forecast", daemon=True).start()
        payload: object = None
        error: Exception | None
        try:
            payload, error = self._answers.get(timeout=max(0.0, self._seconds))
        except queue.Empty:
            error = _OutOfTimeError()
            # Cuts the connection, so that the thread left behind ends soon.
            self._client.close()
        if error is not None:
            # Not inside an except block: what led to some of these quotes the reply.
            raise self._explain(error)
        return payload

    def _work(self) -> None:
        _THREAD.ours = True
        try:
            self._answers.put((self._converse(), None))
        except Exception as error:  # noqa: BLE001  handed to the thread that waits
            self._answers.put((None, error))

    def _converse(self) -> object:
        with self._client as client:
            response = client.send(self._request, auth=self._auth, stream=True)
            with closing(response):
                error = error_of(response, self._peer)
                if error is not None:
                    raise error
                return self._decode(response)

    def _bind(self, response: httpx.Response) -> None:
        """Bound the body of each response, a login's too, before anyone reads it."""
        self.told_to_wait = retry_after(response) is not None
        assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101
        response.stream = _Body(response.stream, self)

    def check_size(self, size: int) -> None:
        if size > self._budget.body_bytes:
            limit = f"{self._budget.body_bytes:,} bytes"
            msg = f"{self._peer.title} answered with more than {limit}"
            raise SourceMalformedError(msg)

    def _decode(self, response: httpx.Response) -> object:
        title = self._peer.title
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not (kind.endswith(("/json", "+json"))):
            msg = f"{title} answered with something that is not declared as JSON"
            raise SourceMalformedError(msg)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            msg = f"{title} answered compressed, although asked not to"
            raise SourceMalformedError(msg)
        length = response.headers.get("content-length", "")
        self.check_size(int(length) if length.isdecimal() else 0)
        body = response.read()
        payload: object = None
        valid = True
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            valid = False
        if not valid:
            msg = f"{title} answered with something that is not valid JSON"
            raise SourceMalformedError(msg)
        return payload

    def _explain(self, error: Exception) -> Exception:
        """The typed error for what went wrong below HTTP; a bug stays what it is."""
        if isinstance(error, CarbonAwareError):
            return error
        where = self._peer.where
        if isinstance(error, (_OutOfTimeError, httpx.TimeoutException)):
            return SourceUnreachableError(
                f"{where} gave no whole answer within {self._seconds:.3g} s"
            )
        if isinstance(error, httpx.ConnectError):
            # Names the certificate; other errors may quote what was sent.
            why = str(error).replace(self._request.url.host, "that host")
            return SourceUnreachableError(f"{where} cannot be reached: {why}")
        if isinstance(error, (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError)):
            kind = type(error).__name__
            return SourceUnreachableError(f"the connection to {where} failed ({kind})")
        return error
