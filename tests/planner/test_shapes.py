"""The shape of what the server answers, whatever users wrote into it."""

from __future__ import annotations

from typing import Any

import pytest

from carbonaware_prefect.planner.shapes import (
    deployment_shape,
    event_shape,
    limited_shape,
    run_shape,
    state_shape,
)

ANYTHING = [None, True, 7, 0.5, "word", [], ["word"], {}, {"a": {"b": None}}]


@pytest.mark.parametrize("anything", ANYTHING)
def test_a_run(anything: Any) -> None:
    """Its parts are objects, its names and times texts or nothing."""
    fields = (
        "name", "parameters", "job_variables", "labels", "created_by", "empirical_policy",
        "state", "expected_start_time", "work_pool_name", "work_queue_id",
    )  # fmt: skip
    run = run_shape({"id": "run"} | dict.fromkeys(fields, anything))

    assert run["id"] == "run"
    assert isinstance(run["name"], str)
    objects = ("parameters", "job_variables", "labels", "created_by", "empirical_policy")
    assert all(isinstance(run[name], dict) for name in objects)
    assert isinstance(run["state"]["state_details"], dict)
    texts = ("expected_start_time", "work_pool_name", "work_queue_id")
    assert all(isinstance(run[name], str | None) for name in texts)


def test_labels_that_are_none() -> None:
    """Only what a label may be is one."""
    labels = {"a": None, "b": [1], "c": float("inf"), "d": "e", "f": 1.5, "g": True}

    assert run_shape({"labels": labels})["labels"] == {"d": "e", "f": 1.5, "g": True}


@pytest.mark.parametrize("anything", ANYTHING)
def test_a_state(anything: Any) -> None:
    """Its time is a text or nothing."""
    shape = state_shape({"name": anything, "state_details": {"scheduled_time": anything}})

    assert isinstance(shape["name"], str)
    assert isinstance(shape["state_details"]["scheduled_time"], str | None)


@pytest.mark.parametrize("anything", ANYTHING)
def test_a_deployment(anything: Any) -> None:
    """Its schedules are objects with an id, its limit a number or none."""
    schedule = {"id": "s", "schedule": anything, "parameters": anything}
    found = {
        "name": anything,
        "job_variables": anything,
        "schedules": [anything, schedule],
        "global_concurrency_limit": {"limit": anything},
    }
    shape = deployment_shape(found)

    assert isinstance(shape["name"], str)
    assert isinstance(shape["job_variables"], dict)
    (kept,) = shape["schedules"]
    assert isinstance(kept["schedule"], dict)
    assert isinstance(kept["parameters"], dict)
    assert shape["global_concurrency_limit"]["limit"] in {None, 7}
    assert deployment_shape({"schedules": anything})["schedules"] == []


@pytest.mark.parametrize("anything", ANYTHING)
def test_an_event(anything: Any) -> None:
    """What was updated is an object of objects."""
    payload = {"updates": {"paused": anything}}
    for event in (anything, {"payload": anything}, {"occurred": anything}):
        assert event_shape(event)["payload"]["updates"] in ({}, {"b": {}})
    told = event_shape({"payload": payload})["payload"]["updates"]["paused"]
    assert isinstance(told, dict)


@pytest.mark.parametrize("anything", ANYTHING)
def test_a_limit(anything: Any) -> None:
    """A number of runs, or none."""
    assert limited_shape({"concurrency_limit": anything})["concurrency_limit"] in {None, 7}
