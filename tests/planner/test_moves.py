"""Several runs are moved by one call, unless the server says no to one of them."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httpx
import pytest

from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.moves import propose


class Server:
    """It says no to every call that is about a stubborn run.

    Args:
        stubborn: those.
    """

    def __init__(self, *stubborn: str) -> None:
        self._stubborn = set(stubborn)

    async def request(self, method: str, path: str, json: Any) -> httpx.Response:
        ids = json["flow_runs"]["id"]["any_"]
        results = [{"flow_run_id": run, "status": "ACCEPT"} for run in ids]
        status = 500 if self._stubborn.intersection(ids) else 200
        request = httpx.Request(method, f"http://api{path}")
        return httpx.Response(status, json={"results": results}, request=request)


def test_a_stubborn_run_among_others() -> None:
    """The others are moved; for that one it is told what was answered."""
    runs = [f"run-{number}" for number in range(50)]
    api = Api(cast("Any", Server("run-3", "run-30")))
    results = asyncio.run(propose(api, {"id": {"any_": runs}}, {"type": "SCHEDULED"}))

    refused = {run for run, result in results.items() if result["status"] != "ACCEPT"}
    assert refused == {"run-3", "run-30"}
    assert results.keys() == set(runs)
    assert results["run-3"]["details"]["reason"] == "it answers 500"


class Busy:
    """A server that has no time, however often it has been asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def set_states(self, matching: Any, state: Any) -> Any:
        self.asked += 1
        request = httpx.Request("POST", "http://api/flow_runs/bulk_set_state")
        httpx.Response(503, request=request).raise_for_status()


def test_a_busy_server_is_not_asked_about_each() -> None:
    """That it has no time is no answer about any run, and each try takes it more."""
    server = Busy()
    runs = [f"run-{number}" for number in range(50)]

    with pytest.raises(httpx.HTTPStatusError):
        asyncio.run(
            propose(cast("Api", server), {"id": {"any_": runs}}, {"type": "SCHEDULED"})
        )
    assert server.asked == 1
