"""The page that says what was run: its versions are those that were."""

from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.docs.documents import DOCUMENTS, ROOT, text_of

_PAGE = "docs/where-it-runs.md"
_CLOUDS = ("prefect-aws", "prefect-azure", "prefect-gcp", "prefect-kubernetes")


def _pinned() -> dict[str, str]:
    """The versions in constraints.txt."""
    lines = text_of("constraints.txt").splitlines()
    pins = [line.split("==") for line in lines if "==" in line]
    return {canonicalize_name(name): version for name, version in pins}


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
    constraints = ROOT / "constraints-lowest.txt"
    if constraints.exists():
        assert f"prefect=={lowest}\n" in constraints.read_text(encoding="utf-8")


def test_python_is_the_one_that_was_used() -> None:
    """The Python of the table is the one that the pins were made for."""
    assert f"CPython {_table()['Python']}," in text_of("constraints.txt")


@pytest.mark.parametrize("package", _CLOUDS)
def test_no_page_names_another_version(package: str) -> None:
    """Where a page names a version of a worker's package, it is the pinned one."""
    for path in DOCUMENTS:
        said = re.findall(rf"{package} (\d[\d.]*\d)", path.read_text(encoding="utf-8"))
        assert set(said) <= {_pinned()[package]}, path.name
