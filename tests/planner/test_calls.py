"""What the planner asks the API: all pages, all parts, and again where it is busy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, cast

import httpx
import pytest

from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.calls import together

Answer = Callable[[str, str, Any], httpx.Response]


class Wire:
    """A client of the API with answers from a function; keeps what was asked."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[tuple[str, Any]] = []
        self._answer = answer

    async def request(self, method: str, path: str, json: Any) -> httpx.Response:
        self.asked.append((path, json))
        response = self._answer(method, path, json)
        response.request = httpx.Request(method, f"http://api{path}")
        return response


def api_of(wire: Wire) -> Api:
    """The API behind a wire."""
    return Api(cast("Any", wire))


@pytest.mark.parametrize("count", [0, 1, 200, 201, 450])
def test_all_pools_are_asked_for(count: int) -> None:
    """The server answers 200 at most in one call."""

    def answer(method: str, path: str, body: Any) -> httpx.Response:
        assert body["limit"] == 200
        names = body["work_pools"]["name"]["any_"]
        return httpx.Response(200, json=[{"name": name} for name in names[:200]])

    names = [f"pool-{number}" for number in range(count)]
    found = asyncio.run(api_of(Wire(answer)).pools(names))

    assert [pool["name"] for pool in found] == names


@pytest.mark.parametrize("count", [0, 199, 200, 401])
def test_all_pages_are_read(count: int) -> None:
    """Each once, also where some have moved to the next page meanwhile."""
    runs = [{"id": str(number)} for number in range(count)]

    def answer(method: str, path: str, body: Any) -> httpx.Response:
        if path.endswith("/paginate"):
            first = {"results": runs[:200], "count": count}
            return httpx.Response(200, json=first)
        at = body["offset"] - 1
        return httpx.Response(200, json=runs[at : at + 200])

    found = asyncio.run(api_of(Wire(answer)).pages("flow_runs"))

    assert {run["id"] for run in found} >= {run["id"] for run in runs[:-1]}
    assert len(found) == len({run["id"] for run in found})


def test_asked_again_where_the_server_is_busy() -> None:
    """And no more calls at once for a while."""
    answers = [httpx.Response(503), httpx.Response(200, json=[])]
    wire = Wire(lambda *_: answers.pop(0))
    api = api_of(wire)

    assert asyncio.run(api.call("POST", "/flow_runs/filter", {})) == []
    assert (len(wire.asked), api.calls, api._pace.limit) == (2, 2, 1)


def test_one_that_raises_ends_those_beside_it() -> None:
    """Nothing goes on in the background after a pass has failed."""
    ended: list[str] = []

    async def fails() -> None:
        message = "no"
        raise ValueError(message)

    async def goes_on() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("cut off")

    async def both() -> None:
        await together([fails(), goes_on()])

    with pytest.raises(ValueError, match="no"):
        asyncio.run(both())
    assert ended == ["cut off"]


def test_where_nobody_keeps_events() -> None:
    """A server without them has none."""
    api = api_of(Wire(lambda *_: httpx.Response(404)))

    since = datetime(2026, 1, 10, tzinfo=timezone.utc)
    assert asyncio.run(api.events("name", "resource", since)) == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (rb'{"name": "a\ud83db"}', {"name": "a\ufffdb"}),
        (rb'["\ud83c\udf0d", "\\ud"]', ["\U0001f30d", "\\ud"]),
        (rb"[NaN, Infinity, 1]", [None, None, 1]),
    ],
)
def test_what_cannot_be_said_in_turn_is_not_heard(said: bytes, told: object) -> None:
    """Half of a character becomes a mark, a number that is none nothing."""
    api = api_of(Wire(lambda *_: httpx.Response(200, content=said)))

    assert asyncio.run(api.call("POST", "/flow_runs/filter", {})) == told
