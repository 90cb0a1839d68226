"""Which interpreters `make test-pythons` runs on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.find_pythons import candidates, choose, newest

ROOT = Path(__file__).parents[2]
FOUND = {name: Path(f"/python{name}") for name in ("3.10", "3.11", "3.13")}


def test_pythons_are_looked_for_on_the_path_and_in_pyenv(tmp_path: Path) -> None:
    """Each file once, though it has several names; nothing that is called otherwise."""
    shims, pyenv = tmp_path / "shims", tmp_path / "pyenv"
    theirs = pyenv / "versions" / "3.12.1" / "bin"
    for folder in (shims, theirs):
        folder.mkdir(parents=True)
    for file in (shims / "python3.10", shims / "python3-config", theirs / "python3.12"):
        file.touch()
    (theirs / "python3").symlink_to("python3.12")

    found = candidates({"PATH": f"{shims}:{theirs}", "PYENV_ROOT": str(pyenv)})

    assert [shims / "python3.10", theirs / "python3"] == list(found)


def test_newest_patch_of_each_allowed_version() -> None:
    """Versions are compared as numbers, and those below the bound are left out."""
    found = [
        ((3, 9, 18), Path("old")),
        ((3, 10, 9), Path("a")),
        ((3, 10, 13), Path("b")),
        ((3, 13, 0), Path("c")),
        ((3, 13, 0), Path("d")),
    ]

    assert {"3.10": Path("b"), "3.13": Path("c")} == newest(found, (3, 10))


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ([], ["3.10", "3.11", "3.13"]),
        (["all"], ["3.10", "3.11", "3.13"]),
        (["ends"], ["3.10", "3.13"]),
        (["3.13", "3.11"], ["3.13", "3.11"]),
    ],
)
def test_choice(asked: list[str], names: list[str]) -> None:
    """All of them, the oldest and the newest, or those that were named."""
    assert names == list(choose(FOUND, asked))


def test_single_python_is_both_ends() -> None:
    """A machine with one interpreter runs on it once."""
    names = list(choose({"3.12": Path("python")}, ["ends"]))

    assert names == ["3.12"]


@pytest.mark.parametrize("asked", [["3.12"], ["3.10", "3.12"]])
def test_missing_python_is_an_error(asked: list[str]) -> None:
    """A version that is asked for and not installed is no silent gap."""
    with pytest.raises(
        LookupError, match=r"no Python 3\.12 is installed; found 3\.10, 3\.11"
    ):
        choose(FOUND, asked)


def test_no_python_is_an_error() -> None:
    """Where none is supported nothing was tested, and that is said."""
    with pytest.raises(LookupError, match="no Python that is supported is installed"):
        choose({}, ["ends"])


def test_this_python_is_found(tmp_path: Path) -> None:
    """The program prints a version and the path of a Python that has it."""
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    done = subprocess.run(
        [sys.executable, "scripts/find_pythons.py", minor],
        cwd=ROOT,
        env={"PATH": str(Path(sys.executable).parent), "PYENV_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    name, path = done.stdout.split()
    assert name == minor
    told = subprocess.run([path, "-V"], capture_output=True, text=True, check=True).stdout
    assert told.startswith(f"Python {minor}.")
