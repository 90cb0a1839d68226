"""The Prefect API as the planner uses it: what it asks, and what it changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import quote

import httpx
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from carbonaware_prefect.planner.calls import Json, parts, together
from carbonaware_prefect.planner.reads import Reads
from carbonaware_prefect.planner.shapes import (
    deployment_shape,
    event_shape,
    limited_shape,
    run_shape,
    state_shape,
)

__all__ = ["BATCH", "CREATED_AT_ONCE", "EXACTLY", "TAG", "Api", "Json", "open_api"]

TAG = "carbon-aware"
"""Deployments with this tag are planned."""
EXACTLY = timedelta(milliseconds=50)
"""The same nominal start; another schedule may start runs within the same second."""
# What the server changes, and makes, at most in one call.
BATCH = 50
CREATED_AT_ONCE = 100


@asynccontextmanager
async def open_api() -> AsyncIterator[Api]:
    """The API that Prefect's settings name."""
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        async with get_client() as client:
            yield Api(client)


class Api(Reads):
    """The calls of a pass; what they answer has the shapes that the planner relies on."""

    async def deployments(self) -> list[Json]:
        """The deployments that opted in."""
        found = await self.pages("deployments", deployments={"tags": {"all_": [TAG]}})
        return [deployment_shape(each) for each in found]

    async def upcoming(self, before: datetime) -> list[Json]:
        """The scheduled runs of those whose nominal start lies before ``before``."""
        return await self._runs(
            flow_runs={
                "state": {"type": {"any_": ["SCHEDULED"]}},
                "expected_start_time": {"before_": before.isoformat()},
            },
            deployments={"tags": {"all_": [TAG]}},
            sort="ID_DESC",
        )

    async def pools(self, names: Sequence[str]) -> list[Json]:
        """Work pools with their base job templates and limits."""
        found = await self.any_of("work_pools", "name", names)
        return [limited_shape(each) for each in found]

    async def queues(self, ids: Sequence[str]) -> list[Json]:
        """Work queues with their limits."""
        found = await self.any_of("work_queues", "id", ids)
        return [limited_shape(each) for each in found]

    async def runs(self, ids: Sequence[str]) -> list[Json]:
        """The runs with these ids, as far as they exist."""
        return [run_shape(each) for each in await self.any_of("flow_runs", "id", ids)]

    async def deployments_with(self, ids: Sequence[str]) -> list[Json]:
        """The deployments with these ids, as far as they exist, with any tags."""
        found = await self.any_of("deployments", "id", ids)
        return [deployment_shape(each) for each in found]

    async def crashed(self, since: datetime) -> list[Json]:
        """Runs of any deployment that crashed since then."""
        return await self._runs(
            flow_runs={
                "state": {"type": {"any_": ["CRASHED"]}},
                "end_time": {"after_": since.isoformat()},
                "deployment_id": {"is_null_": False},
            },
        )

    async def runs_due(
        self, deployment: str, since: datetime, until: datetime
    ) -> list[Json]:
        """The runs of a deployment with nominal starts from then to then, in any state."""
        return await self._runs(
            flow_runs={
                "deployment_id": {"any_": [deployment]},
                "expected_start_time": {
                    "after_": (since - EXACTLY).isoformat(),
                    "before_": (until + EXACTLY).isoformat(),
                },
            },
            sort="ID_DESC",
        )

    async def _runs(self, **filters: Any) -> list[Json]:
        return [run_shape(each) for each in await self.pages("flow_runs", **filters)]

    async def states(self, run: str) -> list[Json]:
        """The history of a run, in order of time."""
        answer = await self.call("GET", f"/flow_run_states/?flow_run_id={run}")
        history = [state_shape(each) for each in answer]
        return sorted(history, key=lambda state: str(state["timestamp"]))

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
        data = answer["data"]
        return data if isinstance(data, dict) else {}

    async def label(self, run: str, labels: Json) -> None:
        """Write labels on a run, beside those it has."""
        await self.call("PATCH", f"/flow_runs/{run}/labels", labels)

    async def update(self, run: str, **fields: Any) -> None:
        """Change these fields of a run and no others; None reaches the server as null."""
        await self.call("PATCH", f"/flow_runs/{run}", fields)

    async def set_states(self, flow_runs: Json, state: Json) -> list[Json]:
        """Propose one state to all runs that match; the result for each.

        Args:
            flow_runs: with ``id`` among what they have to match.
            state: for all of them.
        """
        body = {"flow_runs": flow_runs, "state": state, "limit": BATCH}
        about = len(flow_runs["id"]["any_"])
        answer = await self.call("POST", "/flow_runs/bulk_set_state", body, about=about)
        return cast("list[Json]", answer["results"])

    async def create_runs(self, deployment: str, runs: Sequence[Json]) -> list[Json]:
        """Runs of a deployment, at most `CREATED_AT_ONCE`; the result for each, in order.

        Where a run has the idempotency key of one that exists, that one is the result.
        """
        path = f"/deployments/{deployment}/create_flow_run/bulk"
        answer = await self.call("POST", path, list(runs), about=len(runs))
        return cast("list[Json]", answer["results"])

    async def delete_scheduled(self, ids: Sequence[str]) -> set[str]:
        """Delete those of the runs that have not begun to start; their ids."""
        answers = await together(
            self.call(
                "POST",
                "/flow_runs/bulk_delete",
                {
                    "flow_runs": {
                        "id": {"any_": part},
                        "state": {"type": {"any_": ["SCHEDULED"]}},
                    },
                    "limit": BATCH,
                },
                about=len(part),
            )
            for part in parts(ids, BATCH)
        )
        return {str(run) for answer in answers for run in answer["deleted"]}

    async def events(self, name: str, resource: str, since: datetime) -> list[Json]:
        """The latest events of that name about a resource; none where nobody keeps any."""
        body = {
            "filter": {
                "event": {"name": [name]},
                "resource": {"id": [resource]},
                "occurred": {"since": since.isoformat()},
            },
            "limit": BATCH,
        }
        try:
            answer = await self.call("POST", "/events/filter", body)
        except httpx.HTTPStatusError:
            return []
        return [event_shape(each) for each in answer["events"]]
