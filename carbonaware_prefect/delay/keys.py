"""Which delay is this one? A stable name for each delay call of a flow run."""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from typing import NamedTuple

from prefect.context import FlowRunContext

__all__ = ["CallKey", "call_key"]

_lock = threading.Lock()
_counts: dict[int, Counter[str | None]] = {}


class CallKey(NamedTuple):
    """The key that a call's record goes under, and whether it is the run's first delay."""

    key: str | None
    first: bool


def call_key(context: FlowRunContext | None, key: str | None) -> CallKey:
    """Count a call in this attempt of its flow, and name it.

    The first call under a key has that key, the second ``<key>-2``; without a key, None,
    then ``call-2``. A flow that makes its calls in the same order each time it runs
    (as every flow with one delay does) finds its records again.
    """
    if context is None:
        return CallKey(key, first=True)
    with _lock:
        # One context lives as long as one attempt of the flow, and so does its count.
        if id(context) not in _counts:
            _counts[id(context)] = Counter()
            weakref.finalize(context, _counts.pop, id(context), None)
        counts = _counts[id(context)]
        counts[key] += 1
        nth, first = counts[key], counts.total() == 1
    if nth > 1:
        key = f"{'call' if key is None else key}-{nth}"
    return CallKey(key, first)
