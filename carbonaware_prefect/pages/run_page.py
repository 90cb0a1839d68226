"""The page of a run that waits, written by the run itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from carbonaware_prefect.pages.deployment_page import deployment_page, described
from carbonaware_prefect.pages.keys import PageKeys, page_keys
from carbonaware_prefect.pages.runs import RunOnPage

__all__ = ["KEPT", "write_page"]

KEPT = 10
"""Versions of a page: each belongs to the run that wrote it."""
# One more goes with each that is written; two where runs that wrote at once left more.
_LISTED = KEPT + 2
_CALL_SECONDS = 5.0
_TASK = "task"


def write_page(
    run: RunOnPage, *, deployment: str, task_run: str, written: datetime
) -> None:
    """Write a version of the deployment's page for this run, and delete the oldest.

    Three calls of the API, and one more at times; none of them is tried again.

    Args:
        run: it.
        deployment: the id of its deployment.
        task_run: the id of the task run that decided.
        written: now (UTC).

    Raises:
        httpx.HTTPError: it could not be written.
    """
    keys = page_keys(run.deployment, deployment)
    once = temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0})
    with once, get_client(sync_client=True) as client:
        listed = {
            "artifacts": {"key": {"any_": [keys.first, keys.second]}},
            "sort": "CREATED_DESC",
            "limit": _LISTED,
        }
        versions = _call(client, "/artifacts/filter", listed)
        artifact = {
            "key": _free(keys, versions, deployment),
            "type": "markdown",
            "description": described(run.deployment),
            "data": deployment_page(run.deployment, [run], written),
            "metadata_": {"deployment": deployment, "by": _TASK},
            "flow_run_id": run.id,
            "task_run_id": task_run,
        }
        _call(client, "/artifacts/", artifact)
        # A planner writes over its own.
        ours = [each for each in versions if _told(each, "by") == _TASK]
        for each in ours[KEPT - 1 :][-2:]:
            client.request(
                "DELETE",
                "/artifacts/{id}",
                path_params={"id": each["id"]},
                timeout=_CALL_SECONDS,
            )


def _free(keys: PageKeys, versions: list[Any], deployment: str) -> str:
    """The key of the deployment's page: another of its name may have the first one."""
    if any(each["key"] == keys.second for each in versions):
        return keys.second
    first = (each for each in versions if each["key"] == keys.first)
    owner = next((_told(each, "deployment") for each in first), deployment)
    return keys.first if owner == deployment else keys.second


def _told(version: Any, name: str) -> Any:
    return (version.get("metadata_") or {}).get(name)


def _call(client: SyncPrefectClient, path: Any, body: dict[str, Any]) -> Any:
    response = client.request("POST", path, json=body, timeout=_CALL_SECONDS)
    response.raise_for_status()
    return response.json()
