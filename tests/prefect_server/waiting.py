"""Waits for a condition, as long as a busy machine may need for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TypeVar

__all__ = ["PATIENCE", "eventually", "now"]

# Seconds that nothing here needs, also beside programs that take all cores. Who looks for
# what goes wrong may have less.
PATIENCE = float(os.environ.get("CARBONAWARE_TEST_PATIENCE", "600"))
_SELDOM = 1.5
T = TypeVar("T")


def now() -> datetime:
    """The present of this process, in UTC: the real one, unless it is on a clock."""
    return datetime.now(timezone.utc)


def eventually(
    look: Callable[[], T | None],
    *,
    what: str,
    within: float = PATIENCE,
    every: float = 0.1,
    steadily: bool = False,
) -> T:
    """The first true answer of ``look``; an AssertionError after ``within`` seconds.

    Looks again after ``every`` seconds, then more and more seldom, unless ``steadily``:
    looking takes most of a server's time where a busy machine makes everything slow.
    """
    deadline = time.monotonic() + max(within, PATIENCE)
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            message = f"not within {max(within, PATIENCE):.0f} s: {what}"
            raise AssertionError(message)
        time.sleep(every)
        every = every if steadily else min(every * 1.2, max(every, _SELDOM))
