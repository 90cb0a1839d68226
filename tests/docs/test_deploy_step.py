"""The page on the deploy step says what the step takes, gives and prints."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from carbonaware_prefect.deploy_step.steps import low_carbon_cron
from tests.docs.documents import Block, blocks, text_of

_PAGE = "docs/deploy-step.md"
_STEP = f"{low_carbon_cron.__module__}.{low_carbon_cron.__name__}"


def _block(language: str) -> Block:
    (found,) = (block for block in blocks(language) if block.where.startswith(_PAGE))
    return found


@pytest.fixture(scope="module")
def given() -> dict[str, Any]:
    """What the step gives for the example, without what Prefect keeps for itself."""
    (entry,) = YAML(typ="safe").load(_block("yaml").text)["build"]
    inputs = {
        name: value
        for name, value in entry[_STEP].items()
        if name not in {"id", "requires"}
    }
    return low_carbon_cron(**inputs)


def _named(heading: str) -> set[str]:
    """The names in the first column of the table under a heading."""
    section = text_of(_PAGE).split(f"## {heading}\n")[1].split("\n##")[0]
    cells = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_example_prints_what_the_page_shows(given: dict[str, Any]) -> None:
    """The sentence on the page is the one that the example prints."""
    assert _block("text").text == given["sentence"] + "\n"


def test_inputs_are_the_code_s() -> None:
    """The page lists every input of the step and no other."""
    assert _named("What you give") == set(inspect.signature(low_carbon_cron).parameters)


def test_outputs_are_the_code_s(given: dict[str, Any]) -> None:
    """The page lists everything that the step gives and nothing else."""
    assert _named("What you get") == set(given)
