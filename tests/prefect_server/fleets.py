"""Many runs at the same time, but not all of them at once.

A server on SQLite has one writer. Of a dozen processes that want something of it at once,
on a machine that is busy, one or the other is never served.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

from tests.prefect_server.runs import TERMINAL, Run
from tests.prefect_server.waiting import eventually

__all__ = ["each", "to_their_slots"]

_AT_ONCE = 4
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def each(act: Callable[[K], V], names: Iterable[K]) -> dict[K, V]:
    """What ``act`` returns for each name; four of them are under way at a time."""
    every = list(names)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return dict(zip(every, threads.map(act, every), strict=True))


def to_their_slots(runs: Iterable[tuple[Run, datetime]]) -> None:
    """Move the clock to the slot of one run after the other, and see each of them end.

    Four are under way at a time. How a run ends is its test's business.
    """
    waiting = sorted(runs, key=lambda item: item[1])
    for at in range(0, len(waiting), _AT_ONCE):
        part = waiting[at : at + _AT_ONCE]
        clock = part[0][0].server.clock
        clock.reach(part[-1][1])
        for run, _ in part:
            eventually(lambda run=run: run.state() in TERMINAL, what=f"{run.id} ends")  # type: ignore[misc]
