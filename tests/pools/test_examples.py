"""The examples of the documents, by the schemas and the code of the pools' workers."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import pytest

from carbonaware_prefect.clouds.places import resolve_zone
from tests.docs.documents import Block
from tests.pools.checking import faults, merged
from tests.pools.cloud_schemas import strange_keys
from tests.pools.examples import Example, change_of, examples, loaded, projects
from tests.pools.published import WORKERS, Json, templates, worker
from tests.pools.sending import Sent, send

_ALL = examples()
_CHECKED = [each for each in _ALL if each.pool_type in WORKERS]
_SCHEMALESS = [each for each in _ALL if each.pool_type not in WORKERS]
# Variables that the server's list, which is older than the worker, does not have.
_WORKER_ONLY = {"vertex-ai": ["scheduling: unknown"]}

# AWS's client compares requests itself, with each one that is built.
_DESCRIBED = {"kubernetes", "ecs", "cloud-run-v2"}
_PARTS = ("build", "push", "pull")
_PLACE = ("provider", "region", "zone")


def _says_anything(example: Example) -> bool:
    """Whether its settings are in its environment, and not in its flow."""
    return any(name.startswith("CARBONAWARE_") for name in example.variables.get("env", {}))


def by_place(example: Example) -> str:
    """The name of a test about this example."""
    return example.where


each_example = pytest.mark.parametrize("example", _CHECKED, ids=by_place)


def _sent(example: Example) -> Sent:
    """What is sent for it from a pool with the documented base job template."""
    kind = example.pool_type
    template = merged(templates(kind)["worker"], change_of(kind))
    return send(kind, template, example.variables)


@each_example
def test_job_variables_are_the_pool_s(example: Example) -> None:
    """Worker and server know each documented job variable, with a value of its type."""
    published = templates(example.pool_type)

    assert faults(example.variables, published["worker"]) == []
    older = _WORKER_ONLY.get(example.pool_type, [])
    assert faults(example.variables, published["server"]) == older


@each_example
def test_env_arrives(example: Example) -> None:
    """Each documented variable arrives in the container, beside those of the pool."""
    sent = _sent(example)
    change: Json = change_of(example.pool_type)
    of_pool = change.get("variables", {}).get("properties", {}).get("env", {})
    expected = of_pool.get("default", {}) | example.variables.get("env", {})

    assert {name: sent.env.get(name) for name in expected} == expected
    assert all(isinstance(value, str) for value in expected.values())
    assert "PREFECT__FLOW_RUN_ID" in sent.env


@pytest.mark.parametrize(
    "example", [each for each in _CHECKED if each.pool_type in _DESCRIBED], ids=by_place
)
def test_cloud_knows_each_key(example: Example) -> None:
    """The cloud's own description has each key of what the worker sends."""
    assert strange_keys(example.pool_type, _sent(example).body) == []


@pytest.mark.parametrize(
    "example", [each for each in _CHECKED if _says_anything(each)], ids=by_place
)
def test_place_is_known(example: Example) -> None:
    """Example or pool say where the work runs, so that a planner knows it too."""
    env = _sent(example).env
    said = {name: env.get(f"CARBONAWARE_{name.upper()}") for name in _PLACE}

    # A policy block may say it as well.
    assert resolve_zone(**said) or "CARBONAWARE_POLICY" in env


@pytest.mark.parametrize("example", _SCHEMALESS, ids=by_place)
def test_pools_without_schema_are_used_sparingly(example: Example) -> None:
    """Where nobody publishes a schema, examples use what each such pool has."""
    assert example.pool_type in {"ecs:push", "prefect:managed"}
    assert set(example.variables) <= {"image", "env", "pip_packages"}


def test_each_type_has_an_example() -> None:
    """Every pool type that has a worker is shown, save the older Cloud Run."""
    assert {each.pool_type for each in _CHECKED} == set(WORKERS) - {"cloud-run"}


@pytest.mark.parametrize("project", projects(), ids=lambda project: project.where)
def test_steps_take_what_they_are_given(project: Block) -> None:
    """Each build, push and pull step exists, and takes the inputs of the example."""
    worker("docker")
    read = loaded(project)
    steps = [read.get(part) or [] for part in _PARTS]
    steps += [each.get(part) or [] for each in read["deployments"] for part in _PARTS]
    for step in (step for part in steps for step in part):
        ((name, given),) = step.items()
        module, _, function = name.rpartition(".")
        _bind(getattr(import_module(module), function), given)


def _bind(function: Any, given: Json) -> None:
    inputs = {
        name: value for name, value in given.items() if name not in {"id", "requires"}
    }
    inspect.signature(function).bind(**inputs)
