"""Artifacts on the Prefect server: made, read, written over, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import httpx

from carbonaware_prefect.planner.calls import PAGE, Calls, Json

__all__ = ["ALL", "create", "delete", "latest", "newest", "note_of", "write_over"]

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


async def newest(api: Calls, keys: Sequence[str]) -> dict[str, Json]:
    """The newest artifact of each of the keys, as far as there is one."""
    body = {"artifacts": {"key": {"any_": list(keys)}}, "limit": PAGE}
    found = await api.call("POST", "/artifacts/latest/filter", body)
    return {each["key"]: each | {"id": each["latest_id"]} for each in found}


def note_of(artifact: Json) -> Json:
    """What is noted beside the data of an artifact."""
    noted = artifact.get("metadata_")
    return noted if isinstance(noted, dict) else {}


async def create(api: Calls, key: str, description: str, data: str, **fields: Any) -> None:
    """One more artifact of that key."""
    artifact = {"key": key, "description": description, "data": data} | fields
    await api.call("POST", "/artifacts/", artifact)


async def write_over(
    api: Calls, artifact: str, description: str, data: str, **fields: Any
) -> None:
    """Change what an artifact says."""
    body = {"description": description, "data": data} | fields
    await api.call("PATCH", f"/artifacts/{artifact}", body)


async def delete(api: Calls, artifact: str) -> None:
    """Delete an artifact, unless somebody has."""
    try:
        await api.call("DELETE", f"/artifacts/{artifact}")
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.NOT_FOUND:
            raise
