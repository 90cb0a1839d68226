"""SQLite's functions of time, on the clock of the process.

SQLite asks the operating system itself, and Prefect's server asks SQLite: its queries and
the defaults of its columns say ``strftime(..., 'now')``.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from typing import Any

__all__ = ["follow_the_clock"]

# With the place of the time among the arguments; without one, SQLite takes the present.
_FUNCTIONS = {
    "date": 0,
    "time": 0,
    "datetime": 0,
    "julianday": 0,
    "unixepoch": 0,
    "strftime": 1,
}
_WORDS = {
    "current_date": "date",
    "current_time": "time",
    "current_timestamp": "datetime",
}
_of_thread = threading.local()
_connect = sqlite3.connect


def follow_the_clock() -> None:
    """Give each connection that this process opens from now on the clock's functions."""
    sqlite3.connect = _opened  # type: ignore[assignment]
    sqlite3.dbapi2.connect = _opened  # type: ignore[assignment]


def _opened(*args: Any, **kwargs: Any) -> sqlite3.Connection:
    connection: sqlite3.Connection = _connect(*args, **kwargs)
    for name in _FUNCTIONS:
        connection.create_function(name, -1, partial(_evaluate, name))
    for word, name in _WORDS.items():
        connection.create_function(word, 0, partial(_evaluate, name, "now"))
    return connection


def _evaluate(name: str, *arguments: Any) -> Any:
    """What SQLite itself says of these arguments, with the clock's present in them."""
    given = list(arguments)
    if len(given) == _FUNCTIONS[name]:
        given.append("now")
    given = [_present() if _is_now(value) else value for value in given]
    places = ",".join("?" * len(given))
    question = f"select {name}({places})"
    return _asked_here()(question, given).fetchone()[0]


def _is_now(value: Any) -> bool:
    return isinstance(value, str) and value.lower() == "now"


def _present() -> str:
    # SQLite's own present is cut to milliseconds too, never rounded up.
    present = datetime.now(timezone.utc).replace(tzinfo=None)
    return present.isoformat(sep=" ", timespec="milliseconds")


def _asked_here() -> Callable[..., sqlite3.Cursor]:
    """A connection of this thread, which has SQLite's own functions."""
    if not hasattr(_of_thread, "plain"):
        _of_thread.plain = _connect(":memory:")
    execute: Callable[..., sqlite3.Cursor] = _of_thread.plain.execute
    return execute
