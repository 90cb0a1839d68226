"""Waits for a condition, as long as a busy machine may need for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TypeVar

__all__ = ["PATIENCE", "eventually", "now"]

# Seconds that nothing here needs, also beside programs that take all cores.
PATIENCE = 300.0
T = TypeVar("T")


def now() -> datetime:
    """The present of this process, in UTC: the real one, unless it is on a clock."""
    return datetime.now(timezone.utc)


def eventually(
    look: Callable[[], T | None],
    *,
    what: str,
    within: float = PATIENCE,
    every: float = 0.2,
) -> T:
    """The first true answer of ``look``; an AssertionError after ``within`` seconds."""
    deadline = time.monotonic() + max(within, PATIENCE)
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            message = f"not within {max(within, PATIENCE):.0f} s: {what}"
            raise AssertionError(message)
        time.sleep(every)
