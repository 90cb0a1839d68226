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
# With each that is written; more would keep the run from its wait.
_CLEARED = 2
_CALL_SECONDS = 5.0


def write_page(
    run: RunOnPage, *, deployment: str, task_run: str, written: datetime
) -> None:
    """Write a version of the deployment's page for this run, and delete the oldest.

    Five calls of the API at most, none of which is tried again.

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
        artifact = {
            "key": _free(client, keys, deployment),
            "type": "markdown",
            "description": described(run.deployment),
            "data": deployment_page(run.deployment, [run], written),
            "metadata_": {"deployment": deployment, "by": "task"},
            "flow_run_id": run.id,
            "task_run_id": task_run,
        }
        _call(client, "/artifacts/", artifact)
        old = {
            "artifacts": {"key": {"any_": [artifact["key"]]}},
            "sort": "CREATED_DESC",
            "offset": KEPT,
            "limit": _CLEARED,
        }
        for each in _call(client, "/artifacts/filter", old):
            client.request(
                "DELETE",
                "/artifacts/{id}",
                path_params={"id": each["id"]},
                timeout=_CALL_SECONDS,
            )


def _free(client: SyncPrefectClient, keys: PageKeys, deployment: str) -> str:
    """The key of the deployment's page: another of its name may have the first one."""
    body = {"artifacts": {"key": {"any_": [keys.first]}}}
    for found in _call(client, "/artifacts/latest/filter", body):
        if (found.get("metadata_") or {}).get("deployment") != deployment:
            return keys.second
    return keys.first


def _call(client: SyncPrefectClient, path: Any, body: dict[str, Any]) -> Any:
    response = client.request("POST", path, json=body, timeout=_CALL_SECONDS)
    response.raise_for_status()
    return response.json()
