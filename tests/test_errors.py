"""One tree of errors: nothing that can reach a user is raised outside of it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path

import pytest

import carbonaware_prefect
from carbonaware_prefect import errors

PACKAGE = Path(carbonaware_prefect.__file__).parent
CAUGHT_INSIDE = {
    "sources/cache.py": {"ValueError"},  # a file of the cache that is none
    "sources/remembered.py": {"ValueError"},  # likewise
    "sources/http/exchange.py": {
        "_OutOfTimeError",  # an attempt's own, told as SourceUnreachableError
        "AssertionError",  # a line that is never reached
    },
    "cli/reports/backtest_input.py": {"ValueError"},  # told as InvalidSettingError
    "demo/interrupts.py": {"InterruptedDemo"},  # Ctrl-C, told as an exit status
    "__init__.py": {"AttributeError"},  # what Python expects of a module
}
"""By file, what is raised and never leaves it, or has to be what it is."""


def _raised(tree: ast.AST) -> Iterator[str]:
    """The names of the classes that a module raises."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            name = ast.unparse(raised)
            known = hasattr(builtins, name) or name.endswith(("Error", "Exception"))
            if known or name[0].isupper():
                yield name.rpartition(".")[2]


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_what_is_raised_stands_in_the_tree(path: Path) -> None:
    """Each class that is raised or defined is one of errors.py, or stays inside."""
    name = str(path.relative_to(PACKAGE))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if ast.unparse(base).endswith(("Error", "Exception", "BaseException"))
    }
    others = set(_raised(tree)) - set(errors.__all__)
    if name != "errors.py":
        others |= defined

    # typer's and Prefect's own are their ways to end, not faults.
    assert others - {"Exit", "CancelledRun", "Abort"} <= CAUGHT_INSIDE.get(name, set())


def test_the_drawing_shows_the_tree() -> None:
    """Each error stands in the drawing, below the class that it is one of."""
    drawn = [
        line.split("(")[0].rpartition("── ")[2].split()[0]
        for line in (errors.__doc__ or "").splitlines()
        if "Error" in line and ("──" in line or line.strip() == "CarbonAwareError")
    ]

    assert sorted(errors.__all__) == sorted(drawn)
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), errors.CarbonAwareError)


def test_a_refused_move_says_where_the_run_is() -> None:
    """The state in which the server has it, None where its answer holds none."""
    assert errors.MoveRefusedError("no", "Cancelled").state == "Cancelled"
    assert errors.MoveRefusedError("no").state is None
