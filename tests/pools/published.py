"""What the workers' packages and the server publish about their work pools."""

from __future__ import annotations

import importlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import prefect
import pytest

Json = dict[str, Any]
REQUIRED = "CARBONAWARE_TEST_REQUIRE_POOLS"

WORKERS = {
    "process": "prefect.workers.process:ProcessWorker",
    "docker": "prefect_docker.worker:DockerWorker",
    "kubernetes": "prefect_kubernetes.worker:KubernetesWorker",
    "ecs": "prefect_aws.workers.ecs_worker:ECSWorker",
    "cloud-run": "prefect_gcp.workers.cloud_run:CloudRunWorker",
    "cloud-run-v2": "prefect_gcp.workers.cloud_run_v2:CloudRunWorkerV2",
    "vertex-ai": "prefect_gcp.workers.vertex:VertexAIWorker",
    "azure-container-instance": (
        "prefect_azure.workers.container_instance:AzureContainerWorker"
    ),
}
_VIEW = "server/api/collections_data/views/aggregate-worker-metadata.json"


def worker(pool_type: str) -> Any:
    """The worker class of a pool type.

    Where its package is missing the test is skipped, or fails where all have to be there.
    """
    module, _, name = WORKERS[pool_type].partition(":")
    package = module.partition(".")[0]
    try:
        importlib.import_module(package)
    except ModuleNotFoundError:
        reason = f"{package.replace('_', '-')} is not installed (make test-pools does)"
        if os.environ.get(REQUIRED):
            pytest.fail(f"{reason}\n({REQUIRED} is set)")
        pytest.skip(reason)
    return getattr(importlib.import_module(module), name)


@lru_cache
def by_server() -> dict[str, Json]:
    """The base job templates that Prefect's server ships, by pool type.

    A pool made by ``prefect work-pool create`` has the server's template, one made by
    ``prefect worker start`` the worker's own; the two are not always of one age.
    """
    view = json.loads((Path(prefect.__file__).parent / _VIEW).read_text(encoding="utf-8"))
    return {
        name: worker["default_base_job_configuration"]
        for collection in view.values()
        for name, worker in collection.items()
    }


def templates(pool_type: str) -> dict[str, Json]:
    """Both published templates of a pool type, by who publishes them."""
    own: Json = worker(pool_type).get_default_base_job_template()
    return {"worker": own, "server": by_server()[pool_type]}
