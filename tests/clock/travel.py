"""Puts a process on a clock: every way in which Python tells the time reads it then.

time-machine replaces the functions of ``datetime``, ``time`` and ``uuid`` where they are
implemented, so that it does not matter who imported them earlier.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["leave", "travel"]

_journeys: list[Any] = []


def travel(read: Callable[[], int]) -> None:
    """From now on this process has the time that ``read`` tells, in nanoseconds."""
    import_time_machine()
    import time_machine

    journey = time_machine.travel(0, tick=True)
    traveller = journey.start()
    # An attribute of the instance goes before its class's method, which counts on from
    # a moment of its own and would need to be told of each move.
    traveller.time_ns = read  # type: ignore[method-assign]
    _journeys.append(journey)


def leave() -> None:
    """Go back to the time that this process had before."""
    _journeys.pop().stop()


def import_time_machine() -> None:
    """Import it without pytest, of which it takes 75 ms of each process for a fixture."""
    if "pytest" in sys.modules:
        return
    sys.modules["pytest"] = None  # type: ignore[assignment]
    try:
        import time_machine  # noqa: F401
    finally:
        del sys.modules["pytest"]
