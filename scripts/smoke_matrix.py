"""Which versions of Prefect, fastapi and sqlalchemy work together: a table in Markdown.

    python scripts/smoke_matrix.py [--prefect V ...] [--fastapi V ...] [--sqlalchemy V ...]

Each row is an environment of its own with these three versions, against all bounds, and of
everything else what a plain install takes. In it runs the smoke test of
``tests/server/test_installed_set.py``: a server starts, `prefect deploy` works, the
scheduler creates runs, a worker completes one. One version is varied at a time; the other
of fastapi and sqlalchemy is the one in ``constraints.txt``.

Runs uv, which it takes from where `make smoke-matrix` put it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement

__all__ = ["main"]

_ROOT = Path(__file__).parents[1]
_UV = _ROOT / ".venv-tools" / "bin" / "uv"
_TEST = (
    "tests/server/test_installed_set.py::test_a_cron_deployment_is_scheduled_and_completed"
)
_PREFECT = ("3.7.5", "3.8.8", "3.9.1")
_FASTAPI = ("0.139.0", "0.150.0", "0.151.0", "0.155.0", "0.165.0")
_SQLALCHEMY = ("2.0.15", "2.0.16", "2.0.58", "2.1.9")
_LOGS = _ROOT / "build" / "smoke"
_WIDTH = 160
_ERROR = re.compile(r"[\w.]+(Error|Exception): ")
_REQUIRES = "import importlib.metadata as m, json; print(json.dumps(m.requires('prefect')))"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """Three versions that are tried together."""

    prefect: str
    fastapi: str
    sqlalchemy: str

    def pins(self) -> list[str]:
        """As requirements that replace all others on these packages."""
        return [
            f"prefect=={self.prefect}",
            f"fastapi=={self.fastapi}",
            f"sqlalchemy[asyncio]=={self.sqlalchemy}",
        ]


def cells(
    prefect: Sequence[str], fastapi: Sequence[str], sqlalchemy: Sequence[str]
) -> Iterator[Cell]:
    """For each Prefect, one of the two others varied at a time."""
    api_base, sql_base = _pinned("fastapi"), _pinned("sqlalchemy")
    pairs = [(each, sql_base) for each in fastapi] + [
        (api_base, each) for each in sqlalchemy
    ]
    for one in prefect:
        for api, sql in dict.fromkeys(pairs):
            yield Cell(prefect=one, fastapi=api, sqlalchemy=sql)


def _pinned(name: str) -> str:
    (found,) = re.findall(
        rf"^{name}==([\w.]+)$", (_ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE
    )
    return str(found)


def tried(cell: Cell, python: str) -> str:
    """The row of a cell, after its test has run in an environment of its own."""
    with TemporaryDirectory(prefix="smoke-") as name:
        folder = Path(name)
        wrong = _install(cell, folder, python)
        if wrong:
            return _row(cell, "?", f"cannot be installed: {wrong}")
        allowed = "yes" if _allowed_by_prefect(cell, folder) else "no"
        done = subprocess.run(
            [
                folder / "bin" / "pytest",
                "-q",
                "-n0",
                "--tb=short",
                "-p",
                "no:cacheprovider",
                _TEST,
            ],
            cwd=_ROOT,
            # The tests keep a database for each environment there.
            env=os.environ | {"TMPDIR": name},
            capture_output=True,
            text=True,
            check=False,
        )
        (_LOGS / f"{cell.prefect}-{cell.fastapi}-{cell.sqlalchemy}.log").write_text(
            done.stdout + done.stderr, "utf-8"
        )
        return _row(
            cell, allowed, "works" if done.returncode == 0 else _reason(done.stdout)
        )


def _install(cell: Cell, folder: Path, python: str) -> str:
    """Make the environment; what uv said where that is impossible."""
    overrides = folder.with_suffix(".txt")
    overrides.write_text("\n".join(cell.pins()), "utf-8")
    commands: list[list[str | Path]] = [
        ["venv", "--quiet", "--allow-existing", "--python", python, folder],
        ["pip", "install", "--quiet", "--python", folder / "bin" / "python",
         "--override", overrides, "--editable", ".", "--group", "test"],
    ]  # fmt: skip
    for command in commands:
        done = subprocess.run(
            [_UV, *command], cwd=_ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            return " ".join(done.stderr.split())
    return ""


def _allowed_by_prefect(cell: Cell, folder: Path) -> bool:
    """Whether this Prefect's own bounds allow the two others."""
    asked = subprocess.run(
        [folder / "bin" / "python", "-c", _REQUIRES],
        capture_output=True,
        text=True,
        check=True,
    )
    chosen = {"fastapi": cell.fastapi, "sqlalchemy": cell.sqlalchemy}
    bounds = [Requirement(line) for line in json.loads(asked.stdout)]
    return all(
        bound.specifier.contains(chosen[bound.name])
        for bound in bounds
        if bound.name in chosen
    )


def _reason(output: str) -> str:
    """What went wrong: the last error, or else the message without the named versions."""
    said = [line[1:].strip() for line in output.splitlines() if line.startswith("E  ")]
    told = [line for line in said if line and "docs/versions.md" not in line]
    errors = [line for line in told if _ERROR.match(line)]
    best = [*told[:1], *errors] or ["no message"]
    return best[-1][:_WIDTH].replace("|", "/")


def _row(cell: Cell, allowed: str, said: str) -> str:
    return f"| {cell.prefect} | {cell.fastapi} | {cell.sqlalchemy} | {allowed} | {said} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, row by row as they are done, two at a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prefect", nargs="+", default=_PREFECT)
    parser.add_argument("--fastapi", nargs="+", default=_FASTAPI)
    parser.add_argument("--sqlalchemy", nargs="+", default=_SQLALCHEMY)
    parser.add_argument("--python", default=sys.executable, help="the interpreter")
    asked = parser.parse_args(arguments)
    _LOGS.mkdir(parents=True, exist_ok=True)

    print("| Prefect | fastapi | sqlalchemy | Prefect allows it | smoke test |")
    print("|---|---|---|---|---|", flush=True)
    with ThreadPoolExecutor(max_workers=2) as pool:
        chosen = cells(asked.prefect, asked.fastapi, asked.sqlalchemy)
        for row in pool.map(lambda cell: tried(cell, asked.python), chosen):
            print(row, flush=True)


if __name__ == "__main__":
    main()
