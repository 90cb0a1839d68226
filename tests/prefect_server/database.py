"""A SQLite file with all that a Prefect server writes when it starts for the first time.

Made once for each environment on a machine, by a server, and then copied: making it takes
longer than all the rest of a server's start.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

__all__ = ["AS_IT_IS", "TO_BE_MADE", "a_copy"]

_MIGRATE = "PREFECT_SERVER_DATABASE_MIGRATE_ON_START"
_REGISTER = "PREFECT_API_BLOCKS_REGISTER_ON_START"
# Of a server whose file is such a copy, and of the one that makes the first.
AS_IT_IS = {_MIGRATE: "false", _REGISTER: "false"}
TO_BE_MADE = {_MIGRATE: "true", _REGISTER: "true"}
# With that in its URL, Prefect opens one connection to a database, whose users take turns.
# With several, whoever writes waits for the one writer that SQLite has, in no order: on a
# busy machine many a request then finds "database is locked" after a minute.
_ONE_CONNECTION = ":memory:"


def a_copy(folder: Path, make: Callable[[Path], None]) -> Path:
    """A new file in ``folder``.

    Args:
        folder: where there is none yet.
        make: lets a server make its tables in a file, and ends it.
    """
    place = folder / _ONE_CONNECTION
    place.mkdir()
    file = place / "prefect.db"
    shutil.copyfile(_first(make), file)
    return file


def _first(make: Callable[[Path], None]) -> Path:
    place = Path(tempfile.gettempdir(), f"carbonaware-tests-{os.getuid()}")
    place.mkdir(mode=0o700, exist_ok=True)
    environment = hashlib.sha256(f"{sys.prefix} {sys.version}".encode()).hexdigest()[:8]
    file = place / f"prefect-{version('prefect')}-{environment}.db"
    with FileLock(f"{file}.lock"):
        if not file.exists():
            with tempfile.TemporaryDirectory(dir=place) as folder:
                made = Path(folder, "made.db")
                make(made)
                whole = Path(folder, "whole.db")
                _copy_whole(made, whole)
                whole.replace(file)
    return file


def _copy_whole(made: Path, whole: Path) -> None:
    """Copy with what still stands in the log beside the file."""
    with closing(sqlite3.connect(made)) as source, closing(sqlite3.connect(whole)) as copy:
        source.backup(copy)
