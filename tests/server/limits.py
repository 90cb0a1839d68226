"""Delayed runs under a concurrency limit, and runs that hold its slot meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from tests.prefect_server.runs import Run
from tests.prefect_server.waiting import now

Slots = Callable[[], int]
Look = Callable[[Run], bool]
# A worker that may take a run has done so by then.
_LATE = timedelta(seconds=4)


def let_end(run: Run) -> None:
    """Let a run of `flows/limits.py` end its work."""
    Path(f"{run.journal}.done").touch()


def slot_of(run: Run) -> datetime:
    """Where the run was moved to."""
    return datetime.fromisoformat(run.labels()["slot_start"])


def was_moved(run: Run) -> bool:
    """Whether the run waits for its slot without a process."""
    return bool(run.labels()) and run.state() == "Scheduled"


def is_not_taken(run: Run) -> bool:
    """Whether no worker takes the run although its slot has come."""
    return now() > slot_of(run) + _LATE and run.state() in {"Scheduled", "Late"}


def waits_inside(run: Run) -> bool:
    """Whether the run has started at its slot and waits for the limit in its process."""
    started = run.events().count("start") == 2
    return started and run.note("start", 1)["time"] < (now() - _LATE).timestamp()


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
        in_time: whether the rival worked before the slot.
    """

    run: Run
    slots: Slots
    rival: Callable[[], Run]
    beaten: Look
    seen: dict[str, int] = field(default_factory=dict)
    in_time: bool = False
    other: Run | None = None
    _was_beaten: bool = False

    def go_on(self) -> bool:
        """Do what the time has come for; True when all is done."""
        if "work" in self.run.events():
            if self._was_beaten and "working" not in self.seen:
                self.seen["working"] = self.slots()
            # Also where it came otherwise than it should: nothing is left at work.
            let_end(self.run)
            if self.other is not None:
                let_end(self.other)
        elif self.other is None:
            # What the old process holds, it gives back when it ends.
            if was_moved(self.run) and self.slots() == 0:
                self.seen["waiting"] = 0
                self.other = self.rival()
        elif "rival" not in self.seen:
            if "work" in self.other.events():
                self.seen["rival"] = self.slots()
                self.in_time = now() < slot_of(self.run)
        elif not self._was_beaten and self.beaten(self.run):
            self._was_beaten = True
            let_end(self.other)
        return self.run.state() in {"Completed", "Cancelled"}


@dataclass
class Wait:
    """A run waits, and we look how many slots of a limit are taken.

    Attributes:
        run: it.
        slots: how many are taken now.
        waits: whether it waits now.
        seen: how many were.
    """

    run: Run
    slots: Slots
    waits: Look
    seen: int | None = None

    def go_on(self) -> bool:
        """Look, if its time has come; True when the run has ended."""
        if self.seen is None and self.waits(self.run):
            self.seen = self.slots()
        if self.seen is not None or "work" in self.run.events():
            let_end(self.run)
        return self.run.state() == "Completed"
