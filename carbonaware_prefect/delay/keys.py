"""Which delay is this one? A stable name for each delay call of a flow run."""

from __future__ import annotations

import threading
import weakref
from collections import Counter

from prefect.context import FlowRunContext

__all__ = ["call_key"]

_lock = threading.Lock()
_counts: dict[int, Counter[str | None]] = {}


def call_key(context: FlowRunContext | None, key: str | None) -> str | None:
    """The key that this call's record goes under.

    The first call under a key has that key, the second ``<key>-2``; without a key, None,
    then ``call-2``. A flow that makes its calls in the same order each time it runs
    (as every flow with one delay does) finds its records again.
    """
    if context is None:
        return key
    with _lock:
        # One context lives as long as one attempt of the flow, and so does its count.
        if id(context) not in _counts:
            _counts[id(context)] = Counter()
            weakref.finalize(context, _counts.pop, id(context), None)
        _counts[id(context)][key] += 1
        nth = _counts[id(context)][key]
    if nth == 1:
        return key
    return f"{'call' if key is None else key}-{nth}"
