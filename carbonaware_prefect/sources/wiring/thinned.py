"""Saved answers of which only every other period was kept, such as one for each hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from carbonaware_prefect.errors import SourceMalformedError
from carbonaware_prefect.sources.http.reading import Reader

__all__ = ["held_until_the_next"]

# With two of them nobody can tell a rule from a gap.
_FEWEST = 3
_LONGEST = timedelta(hours=1)
_READER = Reader("a saved answer")


def held_until_the_next(periods: Sequence[object]) -> list[object] | None:
    """The periods, each until the next one's start, if they are at equal distances.

    Args:
        periods: objects with ``from`` and ``to`` in ISO 8601.

    Returns:
        None where they follow one another, are at unequal distances (those are gaps), at
        more than an hour, fewer than three, or no periods; then nothing is to be assumed.
    """
    times = [_times(period) for period in periods]
    spans = [span for span in times if span is not None]
    if len(spans) < max(_FEWEST, len(times)):
        return None
    distances = {after - start for (start, _), (after, _) in pairwise(spans)}
    if len(distances) != 1:
        return None
    (distance,) = distances
    if distance > _LONGEST or any(end - start >= distance for start, end in spans):
        return None
    last = spans[-1][0] + distance
    ends = [*(start for start, _ in spans[1:]), last]
    return [
        {**period, "to": end.isoformat()}
        for period, end in zip(periods, ends, strict=True)
        if isinstance(period, dict)
    ]


def _times(period: object) -> tuple[datetime, datetime] | None:
    if not isinstance(period, dict):
        return None
    try:
        start, end = (_READER.moment(period.get(key), key) for key in ("from", "to"))
    except SourceMalformedError:
        return None
    return (start, end) if start < end else None
