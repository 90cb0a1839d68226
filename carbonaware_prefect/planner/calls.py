"""Calls of the Prefect API: each with a time-out, all counted, several under way at once.

Reads answer plain JSON: a pass may look at thousands of runs, and building Prefect's
models of them would take longer than all else that it does. Calls that do not depend on
one another may be made together; `Pace` says how many of them are under way at once.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar, cast

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import PrefectHTTPStatusError

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.planner.pace import Pace
from carbonaware_prefect.prefect_edge.flow_runs import BUSY

__all__ = ["PAGE", "Calls", "Json", "parts", "read_json", "together"]

T = TypeVar("T")
Json = dict[str, Any]
# What the server answers at most in one call.
PAGE = 200
_TRIES = 8
_ID_LENGTH = 36
# The server's Date header has whole seconds, and is a little old when the server is busy.
_SAME_CLOCK = timedelta(seconds=3)
# Some milliseconds are enough for another writer's turn on SQLite, which Prefect's own
# client would wait seconds for.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


async def together(calls: Iterable[Awaitable[T]]) -> list[T]:
    """The answers of all, in order; several are under way where the server keeps up.

    Where one of them raises, those that are under way are cut off.
    """
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Calls:
    """How the planner calls the API.

    Attributes:
        calls: how many were made.
        seconds: for how long at least one of them was under way.
    """

    def __init__(self, client: PrefectClient) -> None:
        self._client = client
        self._offset = timedelta(0)
        self._pace = Pace()
        self._under_way = 0
        self._since = 0.0
        self.calls: int = 0
        self.seconds: float = 0.0

    @property
    def at_once(self) -> int:
        """How many may be under way now."""
        return int(self._pace.limit)

    def now(self) -> datetime:
        """The present by the server's clock: by that one runs are started."""
        return utc_now() + self._offset

    async def call(
        self, method: str, path: str, body: Any = None, *, about: int = 1
    ) -> Any:
        """One call; its answer as JSON, None where it has none.

        Tried again while the server is busy or restarts, for some 10 s in all: every
        call of the planner may be made twice.

        Args:
            method: of HTTP.
            path: below the API's.
            body: JSON.
            about: how many things the server has to work on.

        Raises:
            httpx.HTTPError: no answer, or one that says no.
        """
        pause = _FIRST_PAUSE
        response: httpx.Response | None = None
        for attempt in range(_TRIES):
            try:
                response = await self._once(method, path, body, about)
                if response.status_code not in BUSY:
                    break
                self._pace.turned_away()
                pause = max(pause, _asked_pause(response))
            except httpx.TransportError as error:
                # One that takes a minute to say nothing is not asked eight times.
                slow = isinstance(error, httpx.TimeoutException) and attempt > 0
                if slow or attempt == _TRIES - 1:
                    raise
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311  no secret
            pause = min(2 * pause, _LONGEST_PAUSE)
        assert response is not None  # noqa: S101  the last try raises or answers
        response.raise_for_status()
        return read_json(response.content) if response.content else None

    async def _once(self, method: str, path: str, body: Any, about: int) -> httpx.Response:
        """One try, when it is its turn."""
        await self._pace.enter()
        loop = asyncio.get_running_loop()
        self.calls += 1
        self._under_way += 1
        begun, asked_at = loop.time(), utc_now()
        if self._under_way == 1:
            self._since = begun
        try:
            # With the time-out of PREFECT_API_REQUEST_TIMEOUT, by default a minute.
            response = await self._client.request(
                cast("Any", method), cast("Any", path), json=body
            )
        except PrefectHTTPStatusError as error:
            # Raised by Prefect's client for every answer that says no.
            response = error.response
        except httpx.TimeoutException:
            self._pace.turned_away()
            raise
        finally:
            self._under_way -= 1
            if self._under_way == 0:
                self.seconds += loop.time() - self._since
            self._pace.leave()
        self._compare_clocks(response, asked_at)
        self._pace.answered(_kind(method, path), (loop.time() - begun) / about)
        return response

    def _compare_clocks(self, response: httpx.Response, asked_at: datetime) -> None:
        """Our clock is right if the server's time lies between question and answer."""
        try:
            dated = parsedate_to_datetime(response.headers["date"])
        except (KeyError, ValueError):
            return
        theirs = dated.astimezone(timezone.utc)
        if theirs < asked_at - _SAME_CLOCK:
            self._offset = theirs - asked_at
        elif theirs > utc_now() + _SAME_CLOCK:
            self._offset = theirs - utc_now()
        else:
            self._offset = timedelta(0)


def read_json(text: bytes) -> Any:
    """What JSON says, without what cannot be said to the server in turn.

    That is half of a character, which becomes a mark, and a number that is none.
    """
    told = json.loads(text, parse_constant=lambda _: None)
    return _whole(told) if b"\\ud" in text.lower() else told


def _whole(told: Any) -> Any:
    if isinstance(told, str):
        return told.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(told, list):
        return [_whole(each) for each in told]
    if isinstance(told, dict):
        return {_whole(name): _whole(each) for name, each in told.items()}
    return told


def _kind(method: str, path: str) -> str:
    """What the call does, whatever it does it to."""
    words = [word for word in path.split("/") if word and len(word) != _ID_LENGTH]
    return f"{method} {'/'.join(words)}"


def _asked_pause(response: httpx.Response) -> float:
    """How long the server asks to wait, within reason."""
    try:
        asked = float(response.headers.get("retry-after", 0))
    except ValueError:
        return 0.0
    return min(asked, _LONGEST_PAUSE)


def parts(items: Sequence[T], size: int) -> list[list[T]]:
    """The items, in order, in lists of at most that size."""
    return [list(items[at : at + size]) for at in range(0, len(items), size)]
