"""Wait for something to come true, never for ever; and what it means when it does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from carbonaware_prefect.errors import DemoFailedError

__all__ = ["until"]

T = TypeVar("T")


def until(
    look: Callable[[], T | None], *, within: float, what: str, every: float = 0.2
) -> T:
    """The first answer of ``look`` that counts as true.

    Raises:
        DemoFailedError: there was none ``within`` that many seconds.
    """
    deadline = time.monotonic() + within
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            msg = f"not within {within:.0f} s: {what}"
            raise DemoFailedError(msg)
        time.sleep(every)
