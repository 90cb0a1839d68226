"""Asks metadata services, all at once and within a fixed time.

No proxy, no redirect, no second try, nothing but plain HTTP. One daemon thread runs its
own event loop, so this works inside and outside a running loop, everything still open
is cancelled at the deadline, and nothing keeps the interpreter from exiting.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field, replace

import httpx

from carbonaware_prefect.clouds.findings import Outcome, Probe
from carbonaware_prefect.clouds.proofs import Answer, Conversation, Reply, Request, Silence

__all__ = ["Service", "ask"]

# A lost SYN is sent again after 1 s only, and services on the link answer within a few
# milliseconds: waiting longer to connect gains nothing.
_CONNECT_SECONDS = 0.3
_READ_SECONDS = 0.4
_GRACE_SECONDS = 0.1

# An Azure document with as many tags as it may have takes about 80 KiB.
_LARGEST_BODY = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A metadata service and how to talk to it.

    Attributes:
        url: base URL, without a slash at its end.
        conversation: what to ask, fresh for each use.
        silent: what to report when it could not end in time.
    """

    url: str
    conversation: Conversation = field(repr=False)
    silent: Probe


def ask(services: Sequence[Service], seconds: float) -> list[Probe]:
    """One probe for each service, in the same order, after ``seconds`` at the latest."""
    if not services or seconds <= 0:
        return [service.silent for service in services]
    result: Future[list[Probe]] = Future()
    thread = threading.Thread(
        target=_run,
        args=(services, seconds, result),
        name="carbonaware-detect",
        daemon=True,
    )
    try:
        thread.start()
        return result.result(seconds + _GRACE_SECONDS)
    except FutureTimeoutError:
        return [service.silent for service in services]
    except Exception as error:  # noqa: BLE001 - no run may fail for where it runs
        return [_failed(service, error) for service in services]


def _run(services: Sequence[Service], seconds: float, result: Future[list[Probe]]) -> None:
    try:
        result.set_result(asyncio.run(_ask_all(services, seconds)))
    except BaseException as error:  # noqa: BLE001 - the asking thread raises it
        result.set_exception(error)


async def _ask_all(services: Sequence[Service], seconds: float) -> list[Probe]:
    # Loading the certificates of the public CAs takes 70 ms, and there is no TLS here.
    no_certificates = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with httpx.AsyncClient(
        trust_env=False,
        verify=no_certificates,
        follow_redirects=False,
        timeout=httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
        headers={"User-Agent": "carbonaware-prefect", "Accept-Encoding": "identity"},
    ) as client:
        tasks = [asyncio.ensure_future(_converse(client, each)) for each in services]
        await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_GRACE_SECONDS / 2)
    return [_outcome(task, each) for task, each in zip(tasks, services, strict=True)]


def _outcome(task: asyncio.Future[Probe], service: Service) -> Probe:
    if not task.done() or task.cancelled():
        return service.silent
    error = task.exception()
    return _failed(service, error) if error is not None else task.result()


async def _converse(client: httpx.AsyncClient, service: Service) -> Probe:
    conversation = service.conversation
    try:
        request = next(conversation)
        while True:
            request = conversation.send(await _send(client, service.url, request))
    except StopIteration as end:
        probe: Probe = end.value
        return probe


async def _send(client: httpx.AsyncClient, url: str, request: Request) -> Reply:
    try:
        async with client.stream(
            request.method, url + request.path, headers=dict(request.headers)
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _LARGEST_BODY:
                    return Silence.TOO_LARGE
            return Answer(
                status=response.status_code,
                headers=_lower(response.headers),
                body=bytes(body),
            )
    except httpx.ConnectTimeout:
        return Silence.UNREACHED
    except httpx.TimeoutException:
        return Silence.UNANSWERED
    except httpx.ConnectError:
        return Silence.NOBODY
    except (httpx.HTTPError, httpx.InvalidURL, OSError):
        return Silence.GARBLED


def _lower(headers: httpx.Headers) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _failed(service: Service, error: BaseException) -> Probe:
    detail = f"could not be asked: {type(error).__name__}"
    return replace(service.silent, outcome=Outcome.SKIPPED, detail=detail)
