"""Find the interpreters that the package promises to run on.

    python scripts/find_pythons.py [all | ends | VERSION ...]

Prints a line "3.12 /path/of/python" for each minor version from the oldest that
``pyproject.toml`` allows, in the newest patch that is installed: on the PATH or in pyenv's
folder. With ``ends`` the oldest and the newest of them, with versions just those.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

__all__ = ["candidates", "choose", "main", "newest"]

_PROJECT = Path(__file__).parents[1] / "pyproject.toml"
_NAME = re.compile(r"python3(\.\d+)?")
# A shim of pyenv's answers with an error where its version is not the chosen one; Debian
# leaves venv out of its smallest package.
_ASK = (
    "import ensurepip, json, sys, venv; "
    "print(json.dumps([sys.implementation.name, *sys.version_info[:3]]))"
)
_SECONDS = 20
Version = tuple[int, int, int]


def candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    """What looks like a Python, each file once: on the PATH, then in pyenv's folder."""
    seen: set[Path] = set()
    pyenv = Path(environment.get("PYENV_ROOT") or Path("~/.pyenv").expanduser())
    folders = [
        Path(folder) for folder in environment.get("PATH", "").split(os.pathsep) if folder
    ]
    folders += sorted(pyenv.glob("versions/*/bin"))
    for folder in folders:
        for found in sorted(folder.glob("python3*")):
            if _NAME.fullmatch(found.name) and (file := found.resolve()) not in seen:
                seen.add(file)
                yield found


def ask(python: Path) -> Version | None:
    """The version of a CPython that can make environments; None for anything else."""
    try:
        done = subprocess.run(
            [python, "-I", "-c", _ASK],
            capture_output=True,
            text=True,
            check=True,
            timeout=_SECONDS,
        )
        name, major, minor, patch = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return (major, minor, patch) if name == "cpython" else None


def newest(
    found: Iterable[tuple[Version, Path]], oldest: tuple[int, int]
) -> dict[str, Path]:
    """The newest patch of each minor version that is allowed, the oldest version first."""
    best: dict[tuple[int, int], tuple[Version, Path]] = {}
    for version, path in found:
        minor = version[:2]
        if minor >= oldest and (minor not in best or version > best[minor][0]):
            best[minor] = (version, path)
    return {f"{major}.{minor}": best[major, minor][1] for major, minor in sorted(best)}


def choose(found: Mapping[str, Path], asked: Sequence[str]) -> dict[str, Path]:
    """Those that were asked for.

    Raises:
        LookupError: there is none, or one that was named is not there.
    """
    names = list(asked)
    if names in ([], ["all"]):
        names = list(found)
    elif names == ["ends"]:
        names = list(dict.fromkeys([*list(found)[:1], *list(found)[-1:]]))
    missing = [name for name in names if name not in found]
    if missing or not names:
        message = (
            f"no Python {', '.join(missing) or 'that is supported'} is installed; "
            f"found {', '.join(found) or 'none'} on the PATH and in pyenv's folder"
        )
        raise LookupError(message)
    return {name: found[name] for name in names}


def main(asked: Sequence[str]) -> None:
    """Print what was found of ``asked``."""
    bound = re.search(
        r'^requires-python = ">=3\.(\d+)"', _PROJECT.read_text("utf-8"), re.MULTILINE
    )
    if bound is None:
        sys.exit(f"{_PROJECT}: no lowest Python")
    known = ((ask(path), path) for path in candidates(os.environ))
    found = newest(
        ((version, path) for version, path in known if version), (3, int(bound[1]))
    )
    try:
        for name, path in choose(found, asked).items():
            print(name, path)
    except LookupError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
