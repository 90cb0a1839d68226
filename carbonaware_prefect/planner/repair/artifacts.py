"""Artifacts on the Prefect server: made, read, written over, deleted."""

from __future__ import annotations

from typing import cast

import httpx

from carbonaware_prefect.planner.calls import PAGE, Calls, Json

__all__ = ["ALL", "create", "delete", "latest", "write_over"]

ALL = PAGE
"""More than there ever are, in one call: others may delete some between two."""


async def latest(api: Calls, key: str, count: int, offset: int = 0) -> list[Json]:
    """The latest artifacts of that key, newest first."""
    body = {
        "artifacts": {"key": {"any_": [key]}},
        "limit": count,
        "offset": offset,
        "sort": "CREATED_DESC",
    }
    return cast("list[Json]", await api.call("POST", "/artifacts/filter", body))


async def create(
    api: Calls, key: str, description: str, data: str, **fields: str | None
) -> None:
    """One more artifact of that key."""
    artifact = {"key": key, "description": description, "data": data} | fields
    await api.call("POST", "/artifacts/", artifact)


async def write_over(api: Calls, artifact: str, description: str, data: str) -> None:
    """Change what an artifact says."""
    body = {"description": description, "data": data}
    await api.call("PATCH", f"/artifacts/{artifact}", body)


async def delete(api: Calls, artifact: str) -> None:
    """Delete an artifact, unless somebody has."""
    try:
        await api.call("DELETE", f"/artifacts/{artifact}")
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.NOT_FOUND:
            raise
