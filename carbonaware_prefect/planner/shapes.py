"""The shape that the planner relies on, whatever stands in what the server answers.

Many of the fields hold what users wrote: any JSON. Here each gets the type that the rest
of the planner reads, or becomes empty, so that one deployment cannot stop the others.
"""

from __future__ import annotations

import math
from typing import Any

from carbonaware_prefect.planner.api import Json

__all__ = ["deployment_shape", "pool_shape", "run_shape"]


def deployment_shape(found: Json) -> Json:
    """A deployment: its name a text, its schedules objects, its limit a number."""
    schedules = [each for each in _list(found.get("schedules")) if isinstance(each, dict)]
    limit = _object(found.get("global_concurrency_limit"))
    return found | {
        "name": _text(found.get("name")),
        "parameters": _object(found.get("parameters")),
        "job_variables": _object(found.get("job_variables")),
        "schedules": [
            _schedule(each) for each in _list(schedules) if isinstance(each, dict)
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
    state = _object(found.get("state"))
    return found | {
        "name": _text(found.get("name")),
        "parameters": _object(found.get("parameters")),
        "job_variables": _object(found.get("job_variables")),
        "labels": _labels(found.get("labels")),
        "created_by": _object(found.get("created_by")),
        "state": state | {"state_details": _object(state.get("state_details"))},
    }


def pool_shape(found: Json) -> Json:
    """A work pool: its limit a number."""
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


def _count(found: Any) -> int | None:
    whole = isinstance(found, int) and not isinstance(found, bool)
    return found if whole and found >= 0 else None
