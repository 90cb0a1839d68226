"""Events about runs, for automations and whoever listens: ``carbonaware.run.*``.

The same event has the same id whoever sends it and however often: the server keeps it
once. Names and payloads are a stable contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID, uuid5

from prefect.events import emit_event

from carbonaware_prefect.core import Reason
from carbonaware_prefect.labels import PREFIX, Label

__all__ = ["LACKING", "RunEvent", "RunEventName", "emit"]

_OURS = UUID("7d9a7c0e-56bb-4a52-9a0e-6d1a6f2d3f51")
LACKING = frozenset({Reason.NO_FORECAST, Reason.SOURCE_FAILED, Reason.NO_PLACE})
"""The reasons with which a run starts because nobody could tell a cleaner time."""


class RunEventName(str, Enum):
    """What happened to a run. The values are a stable contract."""

    MOVED = "carbonaware.run.moved"
    """It was given another start, or given it back after a redeploy or a crash."""
    PLACED = "carbonaware.run.placed"
    """It starts where it was placed: at its slot, or at once, since nothing is cleaner."""
    OVERRIDDEN = "carbonaware.run.overridden"
    """A person gave it another start than its slot."""
    NO_FORECAST = "carbonaware.run.no_forecast"
    """It starts at its nominal time for want of a forecast; ``reason`` says which want."""
    SETTLED = "carbonaware.run.settled"
    """What it saved was worked out from what its grid did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """One event about one run.

    Attributes:
        name: what happened.
        run, run_name: id and name of the flow run.
        deployment, deployment_name: likewise; None without one.
        record: the labels of the decision, under the names that they have without a key.
        sentence: why.
        occurred: when (aware).
        key: of the delay call, None for the first one and for the planner.
    """

    name: RunEventName
    run: str
    run_name: str
    record: Mapping[str, Label]
    sentence: str
    occurred: datetime
    deployment: str | None = None
    deployment_name: str | None = None
    key: str | None = None

    @property
    def id(self) -> UUID:
        """The same for the same event."""
        which: tuple[object, ...] = (self.name.value, self.run, self.key)
        if self.name is RunEventName.MOVED:
            payload = self.payload
            which += (payload.get("slot_start"), payload.get("moves"))
        return uuid5(_OURS, "/".join(map(str, which)))

    @property
    def payload(self) -> dict[str, Any]:
        """The record without the prefix of labels, the key and the sentence."""
        record = {name.removeprefix(f"{PREFIX}."): v for name, v in self.record.items()}
        key = {} if self.key is None else {"key": self.key}
        return record | key | {"sentence": self.sentence}

    @property
    def resource(self) -> dict[str, str]:
        """What the event is about: the run as this package sees it."""
        return _resource(f"{PREFIX}.run", self.run, self.run_name)

    @property
    def related(self) -> list[dict[str, str]]:
        """The flow run and its deployment."""
        found = [_resource("prefect.flow-run", self.run, self.run_name, "flow-run")]
        if self.deployment is not None:
            name = self.deployment_name or self.deployment
            found.append(
                _resource("prefect.deployment", self.deployment, name, "deployment")
            )
        return found

    def document(self) -> dict[str, Any]:
        """The event as ``POST /events`` takes it."""
        return {
            "id": str(self.id),
            "event": self.name.value,
            "occurred": self.occurred.isoformat(),
            "resource": self.resource,
            "related": self.related,
            "payload": self.payload,
        }


def emit(event: RunEvent) -> None:
    """Hand the event to Prefect, which sends it from a thread of its own."""
    emit_event(
        event.name.value,
        event.resource,
        occurred=event.occurred,
        related=event.related,
        payload=event.payload,
        id=event.id,
    )


def _resource(kind: str, identity: str, name: str, role: str = "") -> dict[str, str]:
    resource = {
        "prefect.resource.id": f"{kind}.{identity}",
        "prefect.resource.name": name,
    }
    return resource | ({"prefect.resource.role": role} if role else {})
