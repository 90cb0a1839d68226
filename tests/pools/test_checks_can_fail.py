"""A wrong example is found: each check of this folder can fail."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.pools.checking import faults, merged, template_faults
from tests.pools.cloud_schemas import strange_keys
from tests.pools.published import WORKERS, Json, templates
from tests.pools.sending import send

_RETRY = {"maxRetry": 0}


@pytest.mark.parametrize("pool_type", WORKERS)
@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"enviroment": {"CARBONAWARE_ZONE": "DE"}}, "enviroment"),
        ({"env": {"CARBONAWARE_WINDOW": 8}}, "env.CARBONAWARE_WINDOW"),
        ({"env": "CARBONAWARE_ZONE=DE"}, "env"),
    ],
)
def test_wrong_job_variables(pool_type: str, variables: Json, name: str) -> None:
    """A name nobody knows and a value of another type are told, by either schema."""
    for template in templates(pool_type).values():
        (fault,) = faults(variables, template)
        assert fault.startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("pool_type", "variables"),
    [
        ("kubernetes", {"image_pull_policy": "Sometimes"}),
        ("kubernetes", {"finished_job_ttl": "1h"}),
        ("ecs", {"launch_type": "SPOT"}),
        ("cloud-run-v2", {"timeout": 604801}),
        ("cloud-run-v2", {"memory": "2 GB"}),
        ("cloud-run", {"timeout": 3601}),
        ("vertex-ai", {"maximum_run_time_hours": "4"}),
        ("azure-container-instance", {"memory": "2Gi"}),
    ],
)
def test_wrong_values(pool_type: str, variables: Json) -> None:
    """A value that the pool would refuse is told, by either schema."""
    for template in templates(pool_type).values():
        assert len(faults(variables, template)) == 1


def _without_variable(template: Json) -> None:
    del template["variables"]["properties"]["env"]


def _without_placeholder(template: Json) -> None:
    template["job_configuration"]["namespace"] = "default"
    template["job_configuration"]["job_manifest"]["metadata"]["namespace"] = "default"


def _with_wrong_default(template: Json) -> None:
    template["variables"]["properties"]["env"]["default"] = {"CARBONAWARE_WINDOW": 8}


def _without_schema(template: Json) -> None:
    template["variables"]["properties"]["env"]["type"] = "mapping"


@pytest.mark.parametrize(
    "spoil", [_without_variable, _without_placeholder, _with_wrong_default, _without_schema]
)
def test_wrong_templates(spoil: Any) -> None:
    """A template without a variable, placeholder, fitting default or schema is told."""
    template = copy.deepcopy(templates("kubernetes")["worker"])
    spoil(template)

    assert len(template_faults(template)) == 1


def _kubernetes_with(part: Json) -> Json:
    spec = {"spec": {"template": {"spec": part}}}
    return {"job_configuration": {"job_manifest": spec}}


def test_wrong_keys_and_values_in_a_pod() -> None:
    """A misspelt key of a pod is told, and a number that is text."""
    template = templates("kubernetes")["worker"]
    misspelt = merged(template, _kubernetes_with({"terminationGracePeriodSecond": 60}))
    text = merged(template, _kubernetes_with({"terminationGracePeriodSeconds": "60"}))

    for wrong in misspelt, text:
        (fault,) = strange_keys("kubernetes", send("kubernetes", wrong, {}).body)
        assert "terminationGracePeriodSecond" in fault


@pytest.mark.parametrize(
    ("pool_type", "part"),
    [
        ("cloud-run", {"spec": {"template": {"spec": {"template": {"spec": _RETRY}}}}}),
        ("cloud-run-v2", {"template": {"template": _RETRY}}),
    ],
)
def test_wrong_keys_in_a_google_job(pool_type: str, part: Json) -> None:
    """A misspelt key deep in a job is told."""
    change = {"job_configuration": {"job_body": part}}
    template = merged(templates(pool_type)["worker"], change)

    (fault,) = strange_keys(pool_type, send(pool_type, template, {}).body)
    assert fault.endswith("maxRetry: unknown")


def test_wrong_keys_in_a_task_definition() -> None:
    """AWS's client refuses a misspelt key of a container."""
    container = {"image": "{{ image }}", "name": "{{ container_name }}", "stopTimeOut": 60}
    change = {
        "job_configuration": {"task_definition": {"containerDefinitions": [container]}}
    }
    template = merged(templates("ecs")["worker"], change)

    with pytest.raises(Exception, match="stopTimeOut"):
        send("ecs", template, {})
