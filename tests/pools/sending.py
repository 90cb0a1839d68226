"""What a worker would send to its cloud for a run, built by the worker's own code."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun

from tests.pools.aws import sent_to_aws
from tests.pools.published import Json, worker

_IMAGE = "registry.example/retrain:1"
_AWS_KEYS = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}


@dataclass(frozen=True)
class Sent:
    """A request for one run.

    Attributes:
        env: the environment of the container or process.
        command: its command.
        body: all of what is sent.
    """

    env: dict[str, str]
    command: list[str]
    body: Json


@lru_cache
def _google_account() -> Json:
    """A service account with a key that opens nothing."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    info = {
        "type": "service_account",
        "project_id": "my-project",
        "private_key": pem.decode(),
        "client_email": "worker@my-project.example",
        "token_uri": "https://accounts.example/token",
    }
    return {"service_account_info": info, "project": "my-project"}


def needed(pool_type: str) -> Json:
    """Job variables without which that worker builds nothing; the pool has them."""
    if pool_type == "ecs":
        return {"aws_credentials": {**_AWS_KEYS, "region_name": "eu-central-1"}}
    if pool_type in {"cloud-run", "cloud-run-v2"}:
        return {"credentials": _google_account()}
    if pool_type == "vertex-ai":
        return {
            "credentials": _google_account(),
            "image": _IMAGE,
            "region": "europe-west3",
        }
    if pool_type == "azure-container-instance":
        return {"resource_group_name": "my-group", "subscription_id": "my-subscription"}
    return {}


def send(pool_type: str, template: Json, variables: Json) -> Sent:
    """What the worker of that pool would send for a run with these job variables."""
    kind = worker(pool_type)
    values = needed(pool_type) | {"image": _IMAGE} | variables
    if "image" not in template["variables"]["properties"]:
        del values["image"]
    run = FlowRun(id=uuid4(), flow_id=uuid4(), deployment_id=uuid4(), name="happy-heron")

    async def build() -> Any:
        # It is asked about blocks and variables only, and these examples have none.
        async with PrefectClient("http://127.0.0.1:9/api") as client:
            return await kind.job_configuration.from_template_and_values(
                copy.deepcopy(template), copy.deepcopy(values), client=client
            )

    configuration = asyncio.run(build())
    configuration.prepare_for_flow_run(run, worker_name="worker")
    return _READ[pool_type](configuration, run)


def _named(entries: list[Json]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in entries if "value" in entry}


def _process(configuration: Any, _run: FlowRun) -> Sent:
    return Sent(configuration.env, configuration.command.split(), {})


def _kubernetes(configuration: Any, _run: FlowRun) -> Sent:
    body: Json = configuration.job_manifest
    container = body["spec"]["template"]["spec"]["containers"][0]
    return Sent(_named(container["env"]), container["args"], body)


def _ecs(configuration: Any, run: FlowRun) -> Sent:
    aws_worker = worker("ecs")(work_pool_name="my-pool")
    body = sent_to_aws(
        configuration.aws_credentials,
        lambda client: aws_worker._prepare_and_create_task(
            logging.getLogger(__name__), client, configuration, run
        ),
    )
    container = body["RunTask"]["overrides"]["containerOverrides"][0]
    return Sent(_named(container["environment"]), container["command"], body)


def _cloud_run(configuration: Any, _run: FlowRun) -> Sent:
    body: Json = configuration.job_body
    task = body["spec"]["template"]["spec"]["template"]
    container = task["spec"]["containers"][0]
    return Sent(_named(container["env"]), container["command"], body)


def _cloud_run_v2(configuration: Any, _run: FlowRun) -> Sent:
    body: Json = configuration.job_body
    container = body["template"]["template"]["containers"][0]
    return Sent(_named(container["env"]), container["command"], body)


def _vertex(configuration: Any, _run: FlowRun) -> Sent:
    body: Json = configuration.job_spec
    container = body["worker_pool_specs"][0]["container_spec"]
    return Sent(_named(container["env"]), container["command"], body)


def _azure(configuration: Any, _run: FlowRun) -> Sent:
    body: Json = configuration.arm_template["resources"][0]
    container = body["properties"]["containers"][0]["properties"]
    return Sent(_named(container["environmentVariables"]), container["command"], body)


_READ: dict[str, Callable[[Any, FlowRun], Sent]] = {
    "process": _process,
    "docker": _process,
    "kubernetes": _kubernetes,
    "ecs": _ecs,
    "cloud-run": _cloud_run,
    "cloud-run-v2": _cloud_run_v2,
    "vertex-ai": _vertex,
    "azure-container-instance": _azure,
}
