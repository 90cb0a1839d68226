"""Resolve the versions that the tests run on, for all Pythons that are supported.

    python scripts/pin_versions.py [--upgrade]

Writes ``constraints.txt``, the newest versions that the bounds of ``pyproject.toml`` allow,
and ``constraints-lowest.txt``, the lowest of the package's own dependencies. Without
``--upgrade`` a pin changes only where a bound asks for it. Where a package has dropped an
old Python, it has a pin for each, told apart by environment markers, which plain pip reads.

Runs uv, which the Python that runs this has to have (``make pins`` sees to it).
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["main"]

_ROOT = Path(__file__).parents[1]
_OLDEST = "3.10"
# As in pyproject.toml, tool.uv.environments.
_PLATFORM = "sys_platform != 'win32'"
_TESTED = ("--extra", "docker", "--group", "test")
_NEWEST = "constraints.txt"
_LOWEST = "constraints-lowest.txt"
_HEADERS = {
    _NEWEST: "# The newest versions within the bounds of pyproject.toml, tested together.",
    _LOWEST: (
        "# The lowest versions that pyproject.toml allows, tested together.\n"
        "# What it has no bounds for is as in constraints.txt, where Prefect takes that."
    ),
}
_HOW = "# Made by `make pins`; docs/versions.md says on which Pythons it was run."


def _resolve(target: Path, *options: str) -> None:
    """Let uv resolve ``pyproject.toml`` into a file; it keeps what stands there already."""
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal",
        "--python-version", _OLDEST, "--no-annotate", "--no-header",
        "--output-file", str(target), "pyproject.toml", *options,
    ]  # fmt: skip
    subprocess.run(command, cwd=_ROOT, check=True)


def _finish(name: str) -> None:
    """Say on top of a file what it is, and leave out of its markers what always holds."""
    path = _ROOT / name
    always = re.compile(f"( ;| and) {re.escape(_PLATFORM)}$", re.MULTILINE)
    pins = always.sub("", path.read_text("utf-8"))
    path.write_text(f"{_HEADERS[name]}\n{_HOW}\n{pins}", "utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest of all")
    upgrade = ["--upgrade"] if parser.parse_args(arguments).upgrade else []
    groups = [f"--group={name}" for name in ("lint", "bench", "pools", "tools")]
    _resolve(_ROOT / _NEWEST, *_TESTED, *groups, *upgrade)

    with TemporaryDirectory() as folder:
        direct = Path(folder) / "lowest.txt"
        _resolve(direct, "--extra", "docker", "--resolution", "lowest-direct", "--no-deps")
        # So that the rest comes out as in the other file.
        shutil.copy(_ROOT / _NEWEST, _ROOT / _LOWEST)
        _resolve(_ROOT / _LOWEST, *_TESTED, "--constraint", str(direct))
    _finish(_NEWEST)
    _finish(_LOWEST)


if __name__ == "__main__":
    main()
