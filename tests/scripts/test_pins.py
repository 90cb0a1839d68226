"""The pinned versions: complete, within the bounds, on each Python that is promised."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.pins import PROJECT, PYTHONS, pins


def asked(*groups: str) -> Iterator[Requirement]:
    """What the package needs, with its extra, and what these groups add."""
    project = PROJECT["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["docker"]]
    for group in groups:
        lines += PROJECT["dependency-groups"][group]
    yield from map(Requirement, lines)


@pytest.mark.parametrize("python", PYTHONS)
def test_newest_pins_are_within_the_bounds(python: str) -> None:
    """All that pyproject.toml names has a pin in constraints.txt; `make pins` adds it."""
    found = pins("constraints.txt", python)

    for bound in asked(*PROJECT["dependency-groups"]):
        pin = found[canonicalize_name(bound.name)]
        assert bound.specifier.contains(pin), f"{bound}, pinned {pin}"


@pytest.mark.parametrize("python", PYTHONS)
def test_lowest_pins_are_the_lower_bounds(python: str) -> None:
    """Of the package's own dependencies, constraints-lowest.txt has the lowest."""
    found = pins("constraints-lowest.txt", python)

    for bound in asked("test"):
        assert bound.specifier.contains(found[canonicalize_name(bound.name)]), bound
    for bound in asked():
        (lowest,) = [each for each in bound.specifier if each.operator == ">="]
        pin = found[canonicalize_name(bound.name)]
        assert Requirement(f"{bound.name}=={lowest.version}").specifier.contains(pin), bound
