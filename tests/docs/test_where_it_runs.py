"""The page that says what was run: its versions are those that were."""

from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement

from tests.docs.documents import DOCUMENTS, text_of
from tests.pins import PYTHONS, pins

_PAGE = "docs/where-it-runs.md"
_CLOUDS = ("prefect-aws", "prefect-azure", "prefect-gcp", "prefect-kubernetes")


def _pinned() -> dict[str, str]:
    """What constraints.txt pins for the Python that everything was run on."""
    return pins("constraints.txt", _table()["Python"])


def _table() -> dict[str, str]:
    """The page's table of versions."""
    section = text_of(_PAGE).split("## Versions")[1]
    rows = re.findall(r"^\| (.+?) \| ([\d.]+) \|$", section, re.MULTILINE)
    return dict(rows)


def test_packages_have_their_pinned_versions() -> None:
    """Prefect, its workers and task runner: the table has what constraints.txt pins."""
    pinned, table = _pinned(), _table()
    named = {name: said for name, said in table.items() if name.startswith("prefect-")}

    assert table["Prefect, server, workers and flows"] == pinned["prefect"]
    assert named == {name: pinned[name] for name in named}
    assert set(named) == {"prefect-docker", "prefect-dask", *_CLOUDS}


def test_lowest_prefect_is_the_bound() -> None:
    """The lowest Prefect of the table is the one that the package asks for."""
    (bound,) = re.findall(r'"(prefect>=[^"]+)"', text_of("pyproject.toml"))
    (lowest,) = [
        each.version for each in Requirement(bound).specifier if each.operator == ">="
    ]

    assert _table()["the lowest Prefect that is supported"] == lowest
    for python in _pythons():
        assert pins("constraints-lowest.txt", python)["prefect"] == lowest


def test_pythons_are_those_that_are_promised() -> None:
    """The page on versions says what was run on each, and with which Prefect."""
    said = _pythons()

    assert list(said) == PYTHONS
    assert said[_table()["Python"]][1] == "everything"
    for python, (prefect, _) in said.items():
        assert prefect == pins("constraints.txt", python)["prefect"], python


def _pythons() -> dict[str, tuple[str, str]]:
    """Prefect and what was run, by Python, as docs/versions.md has it."""
    rows = re.findall(
        r"^\| (3\.\d+) \| ([\d.]+) \| (.+?) \|$", text_of("docs/versions.md"), re.MULTILINE
    )
    return {python: (prefect, run) for python, prefect, run in rows}


@pytest.mark.parametrize("package", _CLOUDS)
def test_no_page_names_another_version(package: str) -> None:
    """Where a page names a version of a worker's package, it is the pinned one."""
    for path in DOCUMENTS:
        said = re.findall(rf"{package} (\d[\d.]*\d)", path.read_text(encoding="utf-8"))
        assert set(said) <= {_pinned()[package]}, path.name
