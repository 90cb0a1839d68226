"""The REST API of the demo's own server, and what a flow run looks like through it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from carbonaware_prefect.errors import DemoFailedError

__all__ = ["Api", "FlowRun", "State"]

_TRIES = 20


class Api:
    """Calls with time-outs; a busy SQLite (503) is asked again."""

    def __init__(self, url: str) -> None:
        # Loopback needs no proxy, whatever the environment says.
        self._client = httpx.Client(base_url=url, timeout=15, trust_env=False)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def healthy(self) -> bool:
        """Whether the server answers."""
        try:
            return self._client.get("/health", timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def call(self, method: str, path: str, **request: Any) -> Any:
        """The decoded answer.

        Raises:
            DemoFailedError: none, or one that says no.
        """
        fault = ""
        for _ in range(_TRIES):
            try:
                # On a busy machine the server may leave a read without answer; asked
                # again it answers at once.
                reads = method == "GET" or path.endswith("/filter")
                response = self._client.request(
                    method, path, timeout=4 if reads else 30, **request
                )
            except httpx.HTTPError as error:
                fault = f"{type(error).__name__}: {error}"
            else:
                if response.is_success:
                    return response.json() if response.content else None
                fault = f"{response.status_code} {response.text[:200]}"
                # SQLite has one writer; 503 says that it was another one's turn.
                if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    break
            time.sleep(0.2)
        msg = f"the server's answer to {method} {path} was {fault}"
        raise DemoFailedError(msg)


@dataclass(frozen=True, slots=True)
class State:
    """One state of a flow run."""

    type: str
    name: str
    message: str
    at: datetime
    scheduled: datetime | None

    @classmethod
    def parse(cls, answer: dict[str, Any]) -> State:
        """From the API's answer."""
        scheduled = answer["state_details"].get("scheduled_time")
        return cls(
            type=answer["type"],
            name=answer["name"],
            message=answer.get("message") or "",
            at=_moment(answer["timestamp"]),
            scheduled=_moment(scheduled) if scheduled else None,
        )


@dataclass(slots=True)
class FlowRun:
    """A flow run, as last read."""

    api: Api
    id: str
    title: str
    state: State
    labels: dict[str, Any] = field(default_factory=dict)
    run_count: int = 0

    @classmethod
    def create(cls, api: Api, deployment: str, title: str) -> FlowRun:
        """A run of a deployment, to start now."""
        answer = api.call(
            "POST",
            f"/deployments/{deployment}/create_flow_run",
            json={"name": title.replace(" ", "-"), "state": {"type": "SCHEDULED"}},
        )
        return cls(api, answer["id"], title, State.parse(answer["state"]))

    def read(self) -> None:
        """Look again."""
        answer = self.api.call("GET", f"/flow_runs/{self.id}")
        self.state = State.parse(answer["state"])
        self.labels = answer["labels"]
        self.run_count = answer["run_count"]

    def label(self, name: str) -> Any:
        """What the delay recorded under ``carbonaware.<name>``, or None."""
        return self.labels.get(f"carbonaware.{name}")

    def history(self) -> list[State]:
        """All its states, oldest first."""
        answer = self.api.call("GET", "/flow_run_states/", params={"flow_run_id": self.id})
        return sorted(map(State.parse, answer), key=lambda state: state.at)

    def logs(self) -> str:
        """Its last log lines."""
        answer = self.api.call(
            "POST",
            "/logs/filter",
            json={"logs": {"flow_run_id": {"any_": [self.id]}}, "limit": 50},
        )
        return "\n".join(entry["message"] for entry in answer)


def _moment(text: str) -> datetime:
    # Python 3.10 does not know the Z.
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
