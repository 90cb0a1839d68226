"""A Prefect server of which the test is every user: it answers whatever stands in it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import format_datetime
from json import dumps, loads
from posixpath import normpath
from typing import Any, cast
from urllib.parse import unquote

import httpx

from carbonaware_prefect.planner.api import Api

__all__ = ["NOW", "Json", "Prefect"]

Json = dict[str, Any]
NOW = datetime(2026, 1, 10, 12, tzinfo=timezone.utc)
# As the real one: no call is answered with more, or changes more.
_PAGE, _BATCH = 200, 50
_DATE = format_datetime(NOW, usegmt=True)


class _RefusedError(Exception):
    """The status that the server answers with."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class Prefect:
    """Deployments, runs and the rest, as their users wrote them.

    Attributes:
        queues, blocks: work queues by id, policy blocks by name.
        histories: states of runs, by their ids.
        events: that the server is asked for, whatever about.
        artifacts: newest first.
        refused: names of blocks that the planner may not read.
        poisoned: ids of what the server answers 500 with, wherever it is in an answer.
        stubborn: ids of runs that take no labels and no state, and answer 500.
        lines: of logs.
        sent: events that were sent to it.
        unknown: what was called that the planner has no business with.
    """

    deployments: list[Json] = field(default_factory=list)
    runs: list[Json] = field(default_factory=list)
    pools: list[Json] = field(default_factory=list)
    queues: list[Json] = field(default_factory=list)
    blocks: dict[str, Any] = field(default_factory=dict)
    histories: dict[str, list[Json]] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)
    artifacts: list[Json] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    poisoned: set[str] = field(default_factory=set)
    stubborn: set[str] = field(default_factory=set)
    lines: list[Json] = field(default_factory=list)
    sent: list[Json] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def api(self) -> Api:
        """The planner's own calls, talking to this."""
        return Api(cast("Any", self))

    async def request(self, method: str, path: str, *, json: Any) -> httpx.Response:
        """A call, as Prefect's client makes it; httpx would take most of a world's time."""
        # As httpx writes JSON: what has no UTF-8 cannot be sent.
        sent = dumps(json, ensure_ascii=False, allow_nan=False).encode()
        status, answer = self.answer(method, path, loads(sent))
        return httpx.Response(
            status,
            headers={"date": _DATE, "content-type": "application/json"},
            content=dumps(answer).encode(),
            request=httpx.Request(method, "http://prefect.test"),
        )

    def run(self, identity: str) -> Json:
        """The run of that id."""
        (found,) = (run for run in self.runs if run["id"] == identity)
        return found

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """The status and the JSON with which the server answers."""
        # httpx, too, takes dots for steps upwards.
        where = normpath(unquote(path)) if ".." in path else unquote(path)
        for known, pattern, answer in self._routes():
            if method == known and (found := re.fullmatch(pattern, where)):
                try:
                    return 200, answer(body, *found.groups())
                except _RefusedError as error:
                    return error.status, {"exception_message": "no"}
        self.unknown.append(f"{method} {where}")
        return 405, {}

    def _routes(self) -> list[tuple[str, str, Callable[..., Any]]]:
        block = "/block_types/slug/carbon-policy/block_documents/name/(.+)"
        return [
            ("POST", "/(deployments|flow_runs|work_pools|work_queues)/filter", self._page),
            ("POST", "/(deployments|flow_runs)/paginate", self._first_page),
            ("POST", "/(deployments|flow_runs)/count", self._count),
            ("POST", "/ui/(flow_runs)/history", self._history),
            ("POST", "/events/filter", lambda _: {"events": self.events}),
            ("POST", "/artifacts/filter", self._artifacts),
            ("POST", "/artifacts/latest/filter", self._newest),
            ("POST", "/logs/", self._lines),
            ("POST", "/events", self._events),
            ("POST", "/artifacts/", self._artifact),
            ("PATCH", "/artifacts/([^/]+)", self._write_over),
            ("DELETE", "/artifacts/([^/]+)", self._delete),
            ("GET", r"/flow_run_states/\?flow_run_id=(.+)", self._states),
            ("PATCH", "/flow_runs/([^/]+)/labels", self._label),
            ("PATCH", "/flow_runs/([^/]+)", self._update),
            ("POST", "/flow_runs/bulk_set_state", self._set_states),
            ("POST", "/flow_runs/bulk_delete", self._delete_runs),
            ("POST", "/deployments/([^/]+)/create_flow_run/bulk", self._create),
            ("GET", block, self._block),
        ]

    # What it reads.

    def selected(self, kind: str, body: Json) -> list[Json]:
        """What a filter finds."""
        things = {
            "deployments": self.deployments,
            "flow_runs": self.runs,
            "work_pools": self.pools,
            "work_queues": self.queues,
        }[kind]
        found = [each for each in things if _matches(each, body.get(kind) or {})]
        tags = (body.get("deployments") or {}).get("tags")
        if tags and kind == "flow_runs":
            tagged = {each["id"] for each in self.deployments if _tagged(each, tags)}
            found = [run for run in found if run["deployment_id"] in tagged]
        return sorted(found, key=lambda each: str(each["id"]))

    def _page(self, body: Json, kind: str) -> list[Json]:
        if body["limit"] > _PAGE:
            raise _RefusedError(422)
        at = body.get("offset", 0)
        page = self.selected(kind, body)[at : at + body["limit"]]
        if any(each["id"] in self.poisoned for each in page):
            raise _RefusedError(500)
        return page

    def _history(self, body: Json, kind: str) -> list[Json]:
        at = body.get("offset", 0)
        page = self.selected(kind, body)[at : at + body["limit"]]
        return [{"id": r["id"], "timestamp": r["expected_start_time"]} for r in page]

    def _first_page(self, body: Json, kind: str) -> Json:
        offset = (body["page"] - 1) * body["limit"]
        found = self._page(body | {"offset": offset}, kind)
        return {"results": found, "count": self._count(body, kind)}

    def _count(self, body: Json, kind: str) -> int:
        return len(self.selected(kind, body))

    def _states(self, _: Json, run: str) -> list[Json]:
        return self.histories.get(run, [])

    def _block(self, _: Json, name: str) -> Json:
        if name in self.refused:
            raise _RefusedError(403)
        if name not in self.blocks:
            raise _RefusedError(404)
        return {"data": self.blocks[name]}

    # What it writes.

    def _label(self, body: Json, run: str) -> None:
        if run in self.stubborn:
            raise _RefusedError(500)
        found = self.run(run)
        labels = found["labels"] if isinstance(found["labels"], dict) else {}
        found["labels"] = labels | body

    def _update(self, body: Json, run: str) -> None:
        self.run(run).update(body)

    def _set_states(self, body: Json) -> Json:
        found = self.selected("flow_runs", body)[: min(_BATCH, body["limit"])]
        if any(run["id"] in self.stubborn for run in found):
            raise _RefusedError(500)
        for run in found:
            run["state"] = body["state"] | {"timestamp": NOW.isoformat()}
        return {
            "results": [
                {"flow_run_id": run["id"], "status": "ACCEPT", "state": run["state"]}
                for run in found
            ]
        }

    def _delete_runs(self, body: Json) -> Json:
        gone = {run["id"] for run in self.selected("flow_runs", body)}
        self.runs = [run for run in self.runs if run["id"] not in gone]
        return {"deleted": sorted(gone)}

    def _create(self, body: list[Json], deployment: str) -> Json:
        results = []
        for wanted in body:
            identity = str(uuid.uuid5(uuid.NAMESPACE_URL, wanted["idempotency_key"]))
            known = {run["id"] for run in self.runs}
            details = wanted["state"]["state_details"]
            run = wanted | {
                "id": identity,
                "deployment_id": deployment,
                "state_type": wanted["state"]["type"],
                "expected_start_time": details["scheduled_time"],
                "created": NOW.isoformat(),
            }
            self.runs += [] if identity in known else [run]
            results.append({"status": "CREATED", "flow_run_id": identity})
        return {"results": results}

    def _artifacts(self, body: Json) -> list[Json]:
        keys, at = body["artifacts"]["key"]["any_"], body.get("offset", 0)
        found = [each for each in self.artifacts if each["key"] in keys]
        return found[at : at + body["limit"]]

    def _lines(self, body: Any) -> None:
        self.lines += body

    def _events(self, body: Any) -> None:
        self.sent += body

    def _newest(self, body: Json) -> list[Json]:
        keys = body["artifacts"]["key"]["any_"]
        newest = {each["key"]: each for each in reversed(self.artifacts)}
        found = [newest[key] for key in keys if key in newest]
        return [each | {"latest_id": each["id"], "id": "collection"} for each in found]

    def _artifact(self, body: Json) -> Json:
        made = {"id": str(uuid.uuid4()), "created": NOW.isoformat(), **body}
        self.artifacts.insert(0, made)
        return made

    def _write_over(self, body: Json, artifact: str) -> None:
        for each in self.artifacts:
            each.update(body if each["id"] == artifact else {})

    def _delete(self, _: Json, artifact: str) -> None:
        self.artifacts = [each for each in self.artifacts if each["id"] != artifact]


def _tagged(deployment: Json, wanted: Json) -> bool:
    tags = deployment["tags"]
    return isinstance(tags, list) and all(tag in tags for tag in wanted["all_"])


def _matches(thing: Json, wanted: Json) -> bool:
    """Whether it passes the filter, as far as the planner makes use of filters."""
    tags = wanted.get("tags")
    if tags is not None and not _tagged(thing, tags):
        return False
    for name in ("id", "name", "deployment_id"):
        allowed = (wanted.get(name) or {}).get("any_")
        if allowed is not None and thing[name] not in allowed:
            return False
    types = ((wanted.get("state") or {}).get("type") or {}).get("any_")
    if types is not None and thing["state"]["type"] not in types:
        return False
    names = ((wanted.get("state") or {}).get("name") or {}).get("any_")
    if names is not None and thing["state"]["name"] not in names:
        return False
    due = wanted.get("expected_start_time")
    return due is None or _within(thing["expected_start_time"], due)


def _within(told: Any, bounds: Json) -> bool:
    try:
        at = datetime.fromisoformat(told)
    except (TypeError, ValueError):
        return True
    first, last = bounds.get("after_"), bounds.get("before_")
    late_enough = first is None or at >= datetime.fromisoformat(first)
    return late_enough and (last is None or at <= datetime.fromisoformat(last))
