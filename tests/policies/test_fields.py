"""One table of policy fields: all that is read from it, and what must agree with it."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import prefect
import pytest

from carbonaware_prefect import (
    CarbonPolicy,
    carbonaware_delay,
    carbonaware_delay_decorator,
    carbonaware_delay_task,
)
from carbonaware_prefect.core import Policy
from carbonaware_prefect.delay.task_options import TaskOptions
from carbonaware_prefect.errors import InvalidInputError, UnknownArgumentError
from carbonaware_prefect.policies.fields import (
    FIELDS,
    OPTIONS,
    FirstFields,
    Giver,
    PolicyOptions,
    fields_of,
)
from carbonaware_prefect.settings import Settings
from scripts.settings_table import PAGE, filled

DOORS: list[Callable[..., Any]] = [
    carbonaware_delay,
    carbonaware_delay_decorator,
    carbonaware_delay_task,
]


def test_what_a_call_takes_is_what_a_call_may_give() -> None:
    """The two sections that calls take from hold the fields that calls may give."""
    taken = {*FirstFields.__annotations__, *PolicyOptions.__annotations__}

    assert fields_of(Giver.CALL) == taken


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_each_door_shows_what_it_takes(door: Callable[..., Any]) -> None:
    """The signature has every field that a call may give, the first four in order."""
    parameters = inspect.signature(door).parameters
    others = {"key", "wait", "task_kwargs"} if door is carbonaware_delay_task else set()

    assert list(parameters)[:4] == ["window", "duration", "region", "provider"]
    assert {*parameters} - others == fields_of(Giver.CALL)
    for name in ("window", "duration"):
        assert parameters[name].default is FIELDS[name].default
    assert (
        parameters["latest_start"].annotation
        == get_type_hints(PolicyOptions)["latest_start"]
    )


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_each_door_explains_what_it_takes(door: Callable[..., Any]) -> None:
    """The docstring has a line for every argument; those of the table are its own."""
    lines = " ".join((door.__doc__ or "").split())

    for name in fields_of(Giver.CALL):
        assert f" {name}: " in lines
    for name, field in OPTIONS.items():
        assert f" {name}: {field.doc}; by default {field.absent}." in lines


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_an_argument_that_does_not_exist(door: Callable[..., Any]) -> None:
    """A misspelt argument is a TypeError that names the nearest one."""
    with pytest.raises(
        UnknownArgumentError, match="'lastest_start'; did you mean lat"
    ) as e:
        door(zone="DE", lastest_start="05:00")

    assert isinstance(e.value, TypeError)
    assert isinstance(e.value, InvalidInputError)


def test_the_task_knows_what_prefect_s_tasks_take() -> None:
    """Type checkers see every option of `prefect.task`; a new one has to be added."""
    known = {*inspect.signature(prefect.task).parameters} - {"__fn"}

    assert known <= {*TaskOptions.__annotations__}


def test_the_core_s_policy_is_made_from_the_table() -> None:
    """What the core knows of a policy, somebody can give."""
    assert {field.name for field in dataclasses.fields(Policy)} <= FIELDS.keys()


def test_settings_and_block_are_made_from_the_table() -> None:
    """Each field is a setting, and one of the block where a block may give it."""
    assert FIELDS.keys() <= Settings.model_fields.keys()
    assert fields_of(Giver.BLOCK) == CarbonPolicy.model_fields.keys() - {"credentials"}


def test_the_block_keeps_the_types_that_people_have_saved() -> None:
    """Stored blocks go on loading: durations and numbers as such, most else as text."""
    properties = CarbonPolicy.model_json_schema()["properties"]
    types = {
        name: each.get("format") or each.get("type") or each["anyOf"][0].get("type")
        for name, each in properties.items()
        if name != "credentials"
    }
    durations = dict.fromkeys(["window", "duration", "minimum_wait", "earlier"], "duration")
    texts = ["latest_start", "finish_by", "not_between", "time_zone"]
    place = ["provider", "region", "zone", "source"]

    assert types == durations | dict.fromkeys(texts + place, "string") | {
        "minimum_saving": "number",
        "overtake": "boolean",
    }


def test_the_settings_page_has_the_table() -> None:
    """docs/settings.md lists the fields as `python -m scripts.settings_table` does."""
    page = PAGE.read_text(encoding="utf-8")

    assert page == filled(page)
