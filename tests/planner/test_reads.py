"""Reading past what the server answers 500 with."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httpx
import pytest

from carbonaware_prefect.planner.api import Api

DUE = "2026-01-10T14:00:00Z"


class Server:
    """It has runs, and fails wherever it is to answer with a poisoned one.

    Args:
        runs: how many.
        poisoned: the numbers of those.
        names: whether it has the points that the UI draws.
        always: a status to answer everything with.
    """

    def __init__(
        self, runs: int, poisoned: set[int], *, names: bool = True, always: int = 0
    ) -> None:
        self._runs = [str(number) for number in range(runs)]
        self._poisoned = set(map(str, poisoned))
        self._names = names
        self._always = always

    async def request(self, method: str, path: str, json: Any) -> httpx.Response:
        status, answer = self._answer(path, json)
        request = httpx.Request(method, f"http://api{path}")
        return httpx.Response(self._always or status, json=answer, request=request)

    def _answer(self, path: str, body: Any) -> tuple[int, Any]:
        wanted = ((body.get("flow_runs") or {}).get("id") or {}).get("any_", self._runs)
        found = [run for run in self._runs if run in wanted]
        if path.endswith("/count"):
            return 200, len(found)
        at = body.get("offset", 0)
        page = found[at : at + body["limit"]]
        if path.startswith("/ui/"):
            told = [{"id": run, "timestamp": DUE} for run in page]
            return (200, told) if self._names else (404, {})
        if self._poisoned.intersection(page):
            return 500, {}
        runs = [{"id": run} for run in page]
        if path.endswith("/paginate"):
            return 200, {"results": runs, "count": len(found)}
        return 200, runs

    def api(self) -> Api:
        """The planner's calls, answered by this."""
        return Api(cast("Any", self))


def ids(runs: list[dict[str, Any]]) -> set[str]:
    """Their ids."""
    return {run["id"] for run in runs}


@pytest.mark.parametrize("poisoned", [{0}, {7}, {3, 4, 205}, {199, 200}, {450}])
def test_a_page_with_a_poisoned_run(poisoned: set[int]) -> None:
    """All the others are read, and it is told which ones are not."""
    api = Server(451, poisoned).api()
    found = asyncio.run(api.pages("flow_runs"))

    assert ids(found) == {str(n) for n in range(451) if n not in poisoned}
    assert len(found) == 451 - len(poisoned)
    assert api.unreadable.keys() == {str(number) for number in poisoned}
    assert {known.due for known in api.unreadable.values()} == {DUE}
    assert api.unnamed == 0


def test_where_the_server_does_not_tell_which() -> None:
    """They are counted."""
    api = Server(9, {2, 5}, names=False).api()

    assert len(asyncio.run(api.pages("flow_runs"))) == 7
    assert (api.unreadable, api.unnamed) == ({}, 2)


def test_a_poisoned_run_among_some() -> None:
    """Asked for by its id it is as unreadable, and known to be there."""
    api = Server(450, {7, 300}).api()
    found = asyncio.run(api.runs([str(number) for number in range(400)]))

    assert ids(found) == {str(n) for n in range(400) if n not in {7, 300}}
    assert api.unreadable.keys() == {"7", "300"}


@pytest.mark.parametrize("status", [401, 404, 422])
def test_another_answer_is_none_of_that(status: int) -> None:
    """Who may not read at all reads nothing."""
    api = Server(3, set(), always=status).api()

    with pytest.raises(httpx.HTTPStatusError):
        asyncio.run(api.pages("flow_runs"))
    with pytest.raises(httpx.HTTPStatusError):
        asyncio.run(api.runs(["1"]))
