"""The Prefect API as the planner uses it: few calls, each with a time-out, all counted.

Reads answer plain JSON: a pass may look at thousands of runs, and building Prefect's
models of them would take longer than all else that it does.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import quote

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.prefect_edge.flow_runs import BUSY

__all__ = ["BATCH", "EXACTLY", "PAGE", "TAG", "Api", "Json", "open_api"]

Json = dict[str, Any]
TAG = "carbon-aware"
"""Deployments with this tag are planned."""
EXACTLY = timedelta(milliseconds=50)
"""The same nominal start; another schedule may start runs within the same second."""
# What the server answers and changes at most in one call.
PAGE = 200
BATCH = 50
_TRIES = 8
# The server's Date header has whole seconds, and is a little old when the server is busy.
_SAME_CLOCK = timedelta(seconds=3)
# Some milliseconds are enough for another writer's turn on SQLite, which Prefect's own
# client would wait seconds for.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


@asynccontextmanager
async def open_api() -> AsyncIterator[Api]:
    """The API that Prefect's settings name."""
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        async with get_client() as client:
            yield Api(client)


class Api:
    """The calls of a pass.

    Attributes:
        calls: how many were made.
        seconds: how long they took together, as seen from here.
    """

    def __init__(self, client: PrefectClient) -> None:
        self._client = client
        self._offset = timedelta(0)
        self.calls: int = 0
        self.seconds: float = 0.0

    def now(self) -> datetime:
        """The present by the server's clock: by that one runs are started."""
        return utc_now() + self._offset

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call; its answer as JSON, None where it has none.

        Tried again while the server is busy or restarts, for some 10 s in all: every
        call of the planner may be made twice. One at a time, because writers of SQLite
        only stand in one another's way.

        Raises:
            httpx.HTTPError: no answer, or one that says no.
        """
        pause = _FIRST_PAUSE
        response: httpx.Response | None = None
        for attempt in range(_TRIES):
            try:
                asked_at = utc_now()
                response = await self._once(method, path, body)
                self._compare_clocks(response, asked_at)
                if response.status_code not in BUSY:
                    break
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
        return response.json() if response.content else None

    async def _once(self, method: str, path: str, body: Any) -> httpx.Response:
        loop = asyncio.get_running_loop()
        self.calls += 1
        begun = loop.time()
        try:
            # With the time-out of PREFECT_API_REQUEST_TIMEOUT, by default a minute.
            return await self._client.request(
                cast("Any", method), cast("Any", path), json=body
            )
        except PrefectHTTPStatusError as error:
            # Raised by Prefect's client for every answer that says no.
            return error.response
        finally:
            self.seconds += loop.time() - begun

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

    async def pages(self, kind: str, **filters: Any) -> list[Json]:
        """All that match, from ``/<kind>/paginate``: one call for each page."""
        found: list[Json] = []
        page, last = 1, 1
        while page <= last:
            body = filters | {"limit": PAGE, "page": page}
            answer = await self.call("POST", f"/{kind}/paginate", body)
            found += answer["results"]
            last = answer["pages"]
            page += 1
        return found

    async def deployments(self) -> list[Json]:
        """The deployments that opted in."""
        return await self.pages("deployments", deployments={"tags": {"all_": [TAG]}})

    async def upcoming(self, before: datetime) -> list[Json]:
        """The scheduled runs of those whose nominal start lies before ``before``."""
        return await self.pages(
            "flow_runs",
            flow_runs={
                "state": {"type": {"any_": ["SCHEDULED"]}},
                "expected_start_time": {"before_": before.isoformat()},
            },
            deployments={"tags": {"all_": [TAG]}},
            sort="ID_DESC",
        )

    async def pools(self, names: Sequence[str]) -> list[Json]:
        """Work pools with their base job templates and limits."""
        body = {"work_pools": {"name": {"any_": list(names)}}, "limit": PAGE}
        return cast("list[Json]", await self.call("POST", "/work_pools/filter", body))

    async def queues(self, ids: Sequence[str]) -> list[Json]:
        """Work queues with their limits."""
        found: list[Json] = []
        for part in _parts(ids, PAGE):
            body = {"work_queues": {"id": {"any_": part}}, "limit": PAGE}
            found += await self.call("POST", "/work_queues/filter", body)
        return found

    async def crashed(self, since: datetime) -> list[Json]:
        """Runs of any deployment that crashed since then."""
        return await self.pages(
            "flow_runs",
            flow_runs={
                "state": {"type": {"any_": ["CRASHED"]}},
                "end_time": {"after_": since.isoformat()},
                "deployment_id": {"is_null_": False},
            },
        )

    async def runs(self, ids: Sequence[str]) -> list[Json]:
        """The runs with these ids, as far as they exist."""
        found: list[Json] = []
        for part in _parts(ids, PAGE):
            body = {"flow_runs": {"id": {"any_": part}}, "limit": PAGE}
            found += await self.call("POST", "/flow_runs/filter", body)
        return found

    async def runs_at(self, deployment: str, nominal: datetime) -> list[Json]:
        """The runs of a deployment with that nominal start, in any state."""
        body = {
            "flow_runs": {
                "deployment_id": {"any_": [deployment]},
                "expected_start_time": {
                    "after_": (nominal - EXACTLY).isoformat(),
                    "before_": (nominal + EXACTLY).isoformat(),
                },
            },
            "limit": PAGE,
        }
        return cast("list[Json]", await self.call("POST", "/flow_runs/filter", body))

    async def states(self, run: str) -> list[Json]:
        """The history of a run, in order of time."""
        answer = await self.call("GET", f"/flow_run_states/?flow_run_id={run}")
        return sorted(answer, key=lambda state: str(state["timestamp"]))

    async def policy_block(self, name: str) -> Json | None:
        """What a ``carbon-policy`` block says; None when there is none of that name."""
        # A deployment names it, and could name another path.
        said = quote(name, safe="")
        path = f"/block_types/slug/carbon-policy/block_documents/name/{said}"
        try:
            answer = await self.call("GET", path)
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND:
                return None
            raise
        return cast("Json", answer["data"])

    async def label(self, run: str, labels: Json) -> None:
        """Write labels on a run, beside those it has."""
        await self.call("PATCH", f"/flow_runs/{run}/labels", labels)

    async def update(self, run: str, **fields: Any) -> None:
        """Change fields of a run; None reaches the server as null."""
        await self.call("PATCH", f"/flow_runs/{run}", fields)

    async def set_states(self, flow_runs: Json, state: Json) -> list[Json]:
        """Propose one state to all runs that match; the result for each."""
        body = {"flow_runs": flow_runs, "state": state, "limit": BATCH}
        answer = await self.call("POST", "/flow_runs/bulk_set_state", body)
        return cast("list[Json]", answer["results"])

    async def create_run(self, deployment: str, run: Json) -> Json:
        """A run of a deployment; the one that exists where its idempotency key does."""
        path = f"/deployments/{deployment}/create_flow_run"
        return cast("Json", await self.call("POST", path, run))

    async def artifacts(self, key: str, count: int) -> list[Json]:
        """The latest artifacts of that key, newest first."""
        body = {
            "artifacts": {"key": {"any_": [key]}},
            "limit": count,
            "sort": "CREATED_DESC",
        }
        return cast("list[Json]", await self.call("POST", "/artifacts/filter", body))

    async def write_artifact(self, artifact: Json) -> None:
        """A new version of an artifact."""
        await self.call("POST", "/artifacts/", artifact)


def _asked_pause(response: httpx.Response) -> float:
    """How long the server asks to wait, within reason."""
    try:
        asked = float(response.headers.get("retry-after", 0))
    except ValueError:
        return 0.0
    return min(asked, _LONGEST_PAUSE)


def _parts(items: Sequence[str], size: int) -> list[list[str]]:
    return [list(items[at : at + size]) for at in range(0, len(items), size)]
