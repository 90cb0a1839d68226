"""The shape that the planner relies on, whatever stands in what the server answers.

Many of the fields hold what users wrote: any JSON. Here each gets the type that the rest
of the planner reads, or becomes empty, so that one deployment cannot stop the others.
"""

from __future__ import annotations

import math
from typing import Any

from carbonaware_prefect.planner.calls import Json

__all__ = [
    "deployment_shape", "event_shape", "limited_shape", "run_shape", "state_shape",
]  # fmt: skip


def deployment_shape(found: Json) -> Json:
    """A deployment: its name a text, its schedules objects, its limit a number."""
    limit = _object(found.get("global_concurrency_limit"))
    return found | {
        "name": _text(found.get("name")),
        "parameters": _object(found.get("parameters")),
        "job_variables": _object(found.get("job_variables")),
        "schedules": [
            _schedule(each)
            for each in _list(found.get("schedules"))
            if isinstance(each, dict) and isinstance(each.get("id"), str)
        ],
        "global_concurrency_limit": limit | {"limit": _count(limit.get("limit"))},
    }


def _schedule(found: Json) -> Json:
    timing = _object(found.get("schedule"))
    zone = timing.get("timezone")
    if zone is not None and not isinstance(zone, str):
        timing = timing | {"timezone": None}
    return found | {"schedule": timing, "parameters": _object(found.get("parameters"))}


def run_shape(found: Json) -> Json:
    """A flow run: its labels plain values, its state and what made it objects."""
    return found | {
        "name": _text(found.get("name")),
        "expected_start_time": _text_or_none(found.get("expected_start_time")),
        "work_pool_name": _text_or_none(found.get("work_pool_name")),
        "work_queue_id": _text_or_none(found.get("work_queue_id")),
        "parameters": _object(found.get("parameters")),
        "job_variables": _object(found.get("job_variables")),
        "labels": _labels(found.get("labels")),
        "created_by": _maker(found.get("created_by")),
        "empirical_policy": _object(found.get("empirical_policy")),
        "state": state_shape(_object(found.get("state"))),
    }


def _maker(found: Any) -> Json:
    maker = _object(found)
    named = {name: _text_or_none(maker.get(name)) for name in ("id", "display_value")}
    return maker | named


def state_shape(found: Json) -> Json:
    """A state of a run: its name a text, its details an object with a time as a text."""
    details = _object(found.get("state_details"))
    start = _text_or_none(details.get("scheduled_time"))
    return found | {
        "name": _text(found.get("name")),
        "state_details": details | {"scheduled_time": start},
    }


def event_shape(found: Json) -> Json:
    """An event about a deployment: what was updated an object of objects."""
    event = _object(found)
    payload = _object(event.get("payload"))
    updates = _object(payload.get("updates"))
    changes = {name: _object(each) for name, each in updates.items()}
    return event | {
        "occurred": _text_or_none(event.get("occurred")),
        "payload": payload | {"updates": changes},
    }


def limited_shape(found: Json) -> Json:
    """A work pool or a work queue: its limit a number."""
    return found | {"concurrency_limit": _count(found.get("concurrency_limit"))}


def _labels(found: Any) -> Json:
    return {
        key: value
        for key, value in _object(found).items()
        if isinstance(value, (str, int))
        or (isinstance(value, float) and math.isfinite(value))
    }


def _object(found: Any) -> Json:
    return found if isinstance(found, dict) else {}


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _text(found: Any) -> str:
    return found if isinstance(found, str) else str(found or "")


def _text_or_none(found: Any) -> str | None:
    return found if isinstance(found, str) else None


def _count(found: Any) -> int | None:
    whole = isinstance(found, int) and not isinstance(found, bool)
    return found if whole and found >= 0 else None
