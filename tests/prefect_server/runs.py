"""A flow run on the server, and what its flow noted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

import psutil

from tests.prefect_server.server import Server
from tests.prefect_server.waiting import PATIENCE, eventually

__all__ = ["ROUNDED", "TERMINAL", "Run", "lives"]

# The server rounds a start, and so a run may start up to half a second before its slot.
ROUNDED = timedelta(seconds=1)
TERMINAL = {"Completed", "Failed", "Crashed", "Cancelled", "TimedOut"}
T = TypeVar("T")


@dataclass
class Run:
    """A flow run on the server, and what its flow noted in its journal."""

    server: Server
    id: str
    journal: Path

    def read(self) -> dict[str, Any]:
        """The run as the API has it."""
        answer: dict[str, Any] = self.server.call("GET", f"/flow_runs/{self.id}")
        return answer

    def state(self) -> str:
        """The name of its state."""
        return str(self.read()["state"]["name"])

    def labels(self) -> dict[str, Any]:
        """Our record on it, without the prefix."""
        return {
            name.removeprefix("carbonaware."): value
            for name, value in self.read()["labels"].items()
            if name.startswith("carbonaware.")
        }

    def slot(self, key: str = "") -> datetime:
        """The start of its slot, by its labels."""
        return datetime.fromisoformat(self.labels()[f"{key}slot_start"])

    def states(self) -> list[dict[str, Any]]:
        """Its history, the oldest first."""
        answer = self.server.call(
            "GET", "/flow_run_states/", params={"flow_run_id": self.id}
        )
        return sorted(answer, key=lambda state: str(state["timestamp"]))

    def ended_at(self) -> datetime:
        """When its last state was set."""
        return datetime.fromisoformat(self.states()[-1]["timestamp"])

    def names(self) -> list[str]:
        """The names of its history, the oldest first."""
        return [str(state["name"]) for state in self.states()]

    def logs(self) -> str:
        """What it and its worker logged."""
        found = self.server.call(
            "POST",
            "/logs/filter",
            json={"logs": {"flow_run_id": {"any_": [self.id]}}, "limit": 200},
        )
        return "\n".join(f"{entry['name']}: {entry['message']}" for entry in found)

    def set_state(self, *, force: bool = False, **state: Any) -> None:
        """Propose a state, as a person does."""
        self.server.call(
            "POST", f"/flow_runs/{self.id}/set_state", json={"state": state, "force": force}
        )

    def wait_for(self, *names: str, within: float = PATIENCE) -> str:
        """Wait for a state of one of these names; no other one may be its end."""

        def look() -> str | None:
            name = self.state()
            assert name in names or name not in TERMINAL, f"{self.id} is {name}"
            return name if name in names else None

        return self._wait(look, f"{self.id} is {names}", within)

    def _wait(self, look: Callable[[], T | None], what: str, within: float = PATIENCE) -> T:
        try:
            return eventually(look, within=within, what=what)
        except AssertionError as error:
            message = f"{error}; {self.story()}"
            raise AssertionError(message) from None

    def wait_until(self, look: Callable[[], bool], what: str) -> None:
        """Wait until it does what is said."""
        self._wait(look, f"{self.id} {what}")

    def story(self) -> str:
        """All that is known of it, for who has to find out what went wrong."""
        return f"states {self.names()}; notes {self.events()}\n{self.logs()}"

    def wait_until_put_back(self, key: str = "", moves: int = 1) -> datetime:
        """Wait until it waits for its slot without a process; returns that start.

        Args:
            key: of the delay, with a point behind it.
            moves: how often it has been moved by then.
        """

        def look() -> datetime | None:
            # What the machine tells costs the server nothing.
            if any(map(lives, self._processes())):
                return None
            run = self.read()
            name = run["state"]["name"]
            assert name not in TERMINAL, f"{self.id} is {name}"
            moved = run["labels"].get(f"carbonaware.{key}moves", 0) >= moves
            if not moved or name != "Scheduled":
                return None
            return datetime.fromisoformat(run["labels"][f"carbonaware.{key}slot_start"])

        return self._wait(look, f"{self.id} waits for its slot")

    def wait_until_inside(self, key: str = "") -> datetime:
        """Wait until it waits for its slot in its process; returns that start."""
        decided = f"{key}decided_by"
        what = f"{self.id} waits in its process"
        self._wait(lambda: self.labels().get(decided) == "in_process", what)
        assert self.state() == "Running"
        return self.slot(key)

    def finish_at_slot(self, key: str = "", moves: int = 1) -> datetime:
        """See it put back, move the clock to its slot, and see it completed there."""
        slot = self.wait_until_put_back(key, moves)
        self.server.clock.reach(slot)
        self.wait_for("Completed")
        return slot

    def _processes(self) -> set[int]:
        return {int(note["pid"]) for note in self.notes() if "pid" in note}

    def notes(self) -> list[dict[str, Any]]:
        """What its processes noted."""
        if not self.journal.exists():
            return []
        return [json.loads(line) for line in self.journal.read_text().splitlines()]

    def add_note(self, event: str) -> None:
        """A note from outside the flow."""
        entry = {"event": event, "time": self.server.now().timestamp()}
        with self.journal.open("a") as journal:
            journal.write(json.dumps(entry) + "\n")

    def events(self) -> list[str]:
        """The events of its notes."""
        return [str(note["event"]) for note in self.notes()]

    def note(self, event: str, nth: int = 0) -> dict[str, Any]:
        """The ``nth`` note of an event, by default the first."""
        return [note for note in self.notes() if note["event"] == event][nth]

    def time_of(self, event: str, nth: int = 0) -> datetime:
        """When that was noted."""
        return datetime.fromtimestamp(self.note(event, nth)["time"], timezone.utc)

    def wait_for_note(self, event: str, within: float = PATIENCE) -> dict[str, Any]:
        """Wait for a note; returns it."""
        eventually(
            lambda: event in self.events(), within=within, what=f"the flow notes {event}"
        )
        return self.note(event)


def lives(pid: int) -> bool:
    """Whether that process has not ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
