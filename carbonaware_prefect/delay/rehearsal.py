"""A rehearsal: decisions are made and kept, and nothing waits.

`carbonaware_prefect.testing` opens one; every delay of the process looks for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.core import Decision
from carbonaware_prefect.policies.given import GivenPolicy
from carbonaware_prefect.sources.base import SourceLike

__all__ = ["Rehearsal", "on_stage", "rehearsal_here"]

_lock = threading.Lock()
_open: list[Rehearsal] = []


class Rehearsal:
    """What a test lays down for the delays of its process, and what they decide.

    Args:
        source: stands for whatever a delay or the environment names; None leaves that.
        now: the moment of every decision (aware); None for the real time.
    """

    def __init__(self, source: SourceLike | None, now: datetime | None) -> None:
        self._source = source
        self._now = now
        self.decisions: list[Decision] = []

    def now(self) -> datetime:
        """The moment to decide for."""
        return utc_now() if self._now is None else self._now

    def given(self, given: GivenPolicy) -> GivenPolicy:
        """What a call gave, with the test's source in the place of its own."""
        if self._source is None:
            return given
        return GivenPolicy({**given.fields, "source": self._source})


def rehearsal_here() -> Rehearsal | None:
    """The rehearsal of this process, the innermost of several; None where all is real."""
    with _lock:
        return _open[-1] if _open else None


@contextmanager
def on_stage(rehearsal: Rehearsal) -> Iterator[None]:
    """Within the block, that is the rehearsal of all threads of this process."""
    with _lock:
        _open.append(rehearsal)
    try:
        yield
    finally:
        with _lock:
            _open.remove(rehearsal)
