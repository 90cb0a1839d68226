"""What a pass did about each run: one outcome of its report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from carbonaware_prefect.core import Decision

__all__ = [
    "Action", "Outcome", "Report", "cannot_be_read", "not_understood", "why_not_understood",
]  # fmt: skip


class Action(str, Enum):
    """What happens to a run. The values are a stable contract."""

    MOVE = "move"
    """It starts at another time from now on."""
    KEEP = "keep"
    """It stays where it is: nothing better is known."""
    LEAVE = "leave"
    """It is left alone: a person's, about to start, or its settings are wrong."""
    PUT_BACK = "put_back"
    """A redeploy had deleted it while it waited."""
    MOVE_AGAIN = "move_again"
    """It was moved and then crashed before its work began."""
    CANCEL = "cancel"
    """Its occurrence has another run already; a redeploy had made it anew."""
    LOST = "lost"
    """It went missing while it waited, and may not start any more by its policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A run, what happens to it, and why.

    Attributes:
        run, name, deployment: id and names.
        nominal_start, start: UTC; when it would start without us, and when it does now.
        action: what happens to it.
        reason: stable code.
        sentence: the same for a person.
        decision: with the numbers, None where none was made.
        fault: what was in the way of doing it, None when nothing.
    """

    run: str
    name: str
    deployment: str
    nominal_start: datetime
    start: datetime
    action: Action
    reason: str
    sentence: str
    decision: Decision | None = None
    fault: str | None = None

    def as_document(self) -> dict[str, Any]:
        """The outcome for programs."""
        decision = self.decision
        saving = None if decision is None else decision.saving
        return {
            "run": self.run,
            "name": self.name,
            "deployment": self.deployment,
            "nominal_start": self.nominal_start.isoformat(),
            "start": self.start.isoformat(),
            "action": self.action.value,
            "reason": self.reason,
            "sentence": self.sentence,
            "intensity_nominal": None if decision is None else decision.intensity_nominal,
            "intensity_slot": None if decision is None else decision.intensity_slot,
            "saving_percent": None if saving is None else round(100 * saving, 1),
            "zone": None if decision is None else decision.request.zone,
            "source": None if decision is None else decision.source,
            "signal": None if decision is None else decision.signal,
            "fault": self.fault,
        }


def why_not_understood(error: Exception | None) -> tuple[str, str]:
    """Code and sentence for a run whose data make no sense to the planner.

    The error's own words are left out: they may quote anything.
    """
    kind = "a time" if error is None else type(error).__name__
    return "not_understood", f"Left alone: what is stored of it makes no sense ({kind})"


def cannot_be_read(run: str, due: datetime) -> Outcome:
    """The outcome of a run that the server has, and cannot answer with."""
    return Outcome(
        run=run,
        name=run,
        deployment="",
        nominal_start=due,
        start=due,
        action=Action.LEAVE,
        reason="unreadable",
        sentence=(
            f"Left alone: the server answers 500 where it is to answer with run {run}, as "
            "it does when a label of a run is null; delete the run through the API"
        ),
    )


def not_understood(
    run: Any, deployment: str, now: datetime, error: Exception | None
) -> Outcome:
    """The outcome of a run that makes no sense; without an error, for want of a time."""
    code, sentence = why_not_understood(error)
    return Outcome(
        run=str(run.get("id")),
        name=str(run.get("name")),
        deployment=deployment,
        nominal_start=now,
        start=now,
        action=Action.LEAVE,
        reason=code,
        sentence=sentence,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A pass.

    Attributes:
        at: when it began, by the server's clock.
        dry_run: whether it only looked.
        outcomes: in order of nominal start.
        deployments: how many opted in.
        calls: to the Prefect API.
        api_seconds: how long those took together.
        seconds: how long the pass took.
        unreadable: how many things, without an id, the server could not answer with.
    """

    at: datetime
    dry_run: bool
    outcomes: tuple[Outcome, ...] = ()
    deployments: int = 0
    calls: int = 0
    api_seconds: float = 0.0
    seconds: float = 0.0
    unreadable: int = 0

    def count(self, action: Action) -> int:
        """How many runs that happened to, without those where it could not be done."""
        return sum(
            outcome.action is action and outcome.fault is None for outcome in self.outcomes
        )

    @property
    def faults(self) -> int:
        """How many outcomes could not be carried out; the next pass tries again."""
        return sum(outcome.fault is not None for outcome in self.outcomes)

    def as_document(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "at": self.at.isoformat(),
            "dry_run": self.dry_run,
            "deployments": self.deployments,
            "calls": self.calls,
            "seconds": round(self.seconds, 3),
            "counts": {action.value: self.count(action) for action in Action},
            "faults": self.faults,
            "unreadable": self.unreadable,
            "runs": [outcome.as_document() for outcome in self.outcomes],
        }
