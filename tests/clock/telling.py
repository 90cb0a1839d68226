"""Tells what time it is, for each line that it reads, in all the ways that there are.

A line of JSON each time: seconds since the epoch, by the name of the way.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime, timezone
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import aiosqlite

_SQL = "select (julianday('now') - 2440587.5) * 86400, strftime('%s'), current_timestamp"
_CHILD = "import time; print(time.time())"


def _sql() -> Any:
    with closing(sqlite3.connect(":memory:")) as database:
        return database.execute(_SQL).fetchone()


def _async_sql() -> Any:
    async def ask() -> Any:
        async with aiosqlite.connect(":memory:") as database:
            return await (await database.execute(_SQL)).fetchone()

    return asyncio.run(ask())


def _timestamp(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


def _thread() -> float:
    told: list[float] = []
    thread = threading.Thread(target=lambda: told.append(time.time()))
    thread.start()
    thread.join()
    return told[0]


def _fork() -> float:
    here, there = os.pipe()
    child = os.fork()
    if not child:
        os.write(there, repr(time.time()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return float(os.read(here, 100))


def _child() -> float:
    return float(subprocess.check_output([sys.executable, "-c", _CHILD]))


def _pendulum() -> float:
    import pendulum

    return float(pendulum.now("UTC").timestamp())


def _whenever() -> float:
    whenever = import_module("whenever")
    return float(whenever.Instant.now().timestamp_millis() / 1000)


# Those that tell whole seconds or days are less than that behind.
WAYS: dict[str, Callable[[], float]] = {
    "time": time.time,
    "time_ns": lambda: time.time_ns() / 1e9,
    "clock_gettime": lambda: time.clock_gettime(time.CLOCK_REALTIME),
    "datetime": lambda: datetime.now(timezone.utc).timestamp(),
    "local datetime": lambda: datetime.now().timestamp(),  # noqa: DTZ005  one of the ways
    "SQL julianday": lambda: _sql()[0],
    "SQL from asyncio": lambda: _async_sql()[0],
    "thread": _thread,
    "fork": _fork,
    "child": _child,
}
SECONDS: dict[str, Callable[[], float]] = {
    "gmtime": lambda: _timestamp(time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())),
    "SQL strftime": lambda: float(_sql()[1]),
    "SQL current_timestamp": lambda: _timestamp(_sql()[2]),
}
DAYS: dict[str, Callable[[], float]] = {
    "date": lambda: _timestamp(f"{date.today()}"),  # noqa: DTZ011  one of the ways
}
# Prefect uses one of them, by the version of Python.
_LIBRARIES = {"pendulum": _pendulum, "whenever": _whenever}
WAYS |= {name: tell for name, tell in _LIBRARIES.items() if find_spec(name)}

if __name__ == "__main__":
    for _ in sys.stdin:
        ways = WAYS | SECONDS | DAYS
        print(json.dumps({name: tell() for name, tell in ways.items()}), flush=True)
