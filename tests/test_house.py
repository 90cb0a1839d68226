"""The shape of the house: small modules, few at the root, no circles, one edge."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "carbonaware_prefect"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 300
# Where Prefect may be imported; everything else gets what it needs of it as arguments.
PREFECT = (
    "blocks.py",
    "delay/",
    "demo/flows.py",
    "pages/events.py",
    "pages/run_page.py",
    "planner/",
    "prefect_edge/",
)


def imported(module: Path) -> Iterator[str]:
    """The modules that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Who imports whom, wherever in a module the import stands."""
    return grimp.build_graph("carbonaware_prefect", cache_dir=None)


def room(module: Path) -> str:
    """Its path in the package."""
    return module.relative_to(PACKAGE).as_posix()


def test_modules_are_short() -> None:
    """One idea takes at most 300 lines."""
    lengths = {room(module): len(module.read_text().splitlines()) for module in MODULES}

    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_few_modules_at_the_root() -> None:
    """Ten; what belongs to one thing has a folder."""
    assert len(list(PACKAGE.glob("*.py"))) <= 10


def test_imports_have_no_circle(graph: grimp.ImportGraph) -> None:
    """Not even with an import inside a function."""
    below: dict[str, set[str]] = {}

    def reached(module: str, path: tuple[str, ...]) -> set[str]:
        assert module not in path, " -> ".join([*path, module])
        if module not in below:
            found: set[str] = set()
            for each in graph.find_modules_directly_imported_by(module):
                found |= {each, *reached(each, (*path, module))}
            below[module] = found
        return below[module]

    for module in graph.modules:
        reached(module, ())


def test_prefect_stays_at_its_edge() -> None:
    """Only the rooms that talk to Prefect import it."""
    knowing = {
        room(module)
        for module in MODULES
        for name in imported(module)
        if name.partition(".")[0] == "prefect"
    }

    assert {name for name in knowing if not name.startswith(PREFECT)} == set()


PRIVATE = re.compile(r"prefect\.(\w+\.)*_")


def test_private_names_of_prefect_have_two_homes() -> None:
    """``prefect_edge.engine`` and ``prefect_edge.task_runners``, and no third."""
    private = {
        room(module)
        for module in MODULES
        for name in imported(module)
        if PRIVATE.match(name)
    }

    assert private <= {"prefect_edge/engine.py", "prefect_edge/task_runners.py"}


ROOMS = re.compile(r"`((?:carbonaware_prefect|tests|docs|scripts|benchmarks)/[\w./-]+)`")


def test_the_rooms_of_the_contributors_guide_exist() -> None:
    """Each path that CONTRIBUTING names is there."""
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    rooms = ROOMS.findall(guide)

    assert len(rooms) > 40
    assert [room for room in rooms if not (ROOT / room).exists()] == []
