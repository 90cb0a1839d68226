"""Delayed runs under a concurrency limit, and runs that hold its slot meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tests.prefect_server.runs import TERMINAL, Run
from tests.prefect_server.waiting import eventually

__all__ = ["Contest", "is_late", "let_end", "waits_inside"]

Slots = Callable[[], int]
Look = Callable[[Run], bool]


def let_end(run: Run) -> None:
    """Let a run of `flows/limits.py` end its work."""
    Path(f"{run.journal}.done").touch()


def is_late(run: Run) -> bool:
    """Whether no worker has taken the run although its slot came a while ago."""
    return run.state() == "Late"


def waits_inside(run: Run) -> bool:
    """Whether the run has started at its slot and waits for the limit in its process."""
    return run.events().count("start") == 2


@dataclass
class Contest:
    """A run is moved; at its slot another one holds the only slot of the limit.

    Attributes:
        run: the one that was moved.
        slots: how many slots of the limit are taken now.
        rival: starts the other one.
        beaten: whether the moved run has come to its slot and found it taken.
        seen: slots that are taken while the run waits, while the rival works, and while
            the run works.
        start: of the run's slot.
        other: the rival's run.
    """

    run: Run
    slots: Slots
    rival: Callable[[], Run]
    beaten: Look
    seen: dict[str, int] = field(default_factory=dict)
    start: datetime | None = None
    other: Run | None = None

    def wait(self) -> datetime:
        """See the run moved, and what its old process held given back."""
        self.start = self.run.wait_until_put_back()
        eventually(lambda: self.slots() == 0, what="nothing is taken during the wait")
        self.seen["waiting"] = 0
        return self.start

    def let_the_rival_work(self) -> None:
        """See another run take the slot of the limit."""
        self.other = self.rival()
        self.other.wait_for_note("work")
        self.seen["rival"] = self.slots()

    def lose(self) -> None:
        """See the moved run come too late, and let the other one end."""
        assert self.other is not None
        self.run.wait_until(lambda: self.beaten(self.run), "finds it taken")
        assert "work" not in self.run.events()
        let_end(self.other)
        self.other.wait_for("Completed")

    def win(self) -> None:
        """See the moved run end, after its work if it comes to that."""
        ended = eventually(self._works_or_ended, what=f"{self.run.id} works")
        if ended == "works":
            self.seen["working"] = self.slots()
            let_end(self.run)
        self.run.wait_for("Completed", "Cancelled")

    def _works_or_ended(self) -> str:
        if "work" in self.run.events():
            return "works"
        return "ended" if self.run.state() in TERMINAL else ""
