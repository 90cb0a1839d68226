"""How many runs hold each limit over time, exact to the microsecond."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge

from carbonaware_prefect.core.capacity.demands import Job
from carbonaware_prefect.core.forecast import Stretch
from carbonaware_prefect.core.starts import StartRange, Starts

__all__ = ["Held", "Occupancy"]

Held = tuple[int, int, tuple[str, ...]]
"""What a run holds that cannot move: from, until (excluded), and names of limits."""

_EVER = 1 << 80


class Occupancy:
    """The runs placed so far, counted against each limit.

    The overload is the time over which limits are exceeded, times by how much, summed
    over the limits; in microseconds.
    """

    def __init__(self, limits: Mapping[str, int], held: Iterable[Held]) -> None:
        self._uses = {name: _Use(limit) for name, limit in limits.items()}
        for start, end, resources in held:
            for name in resources:
                if name in self._uses:
                    self._uses[name].add(start, end, 1)

    def put(self, job: Job, start: int) -> None:
        """Let the run hold its limits from ``start`` on."""
        for name in job.resources:
            self._uses[name].add(start, start + job.length, 1)

    def take(self, job: Job, start: int) -> None:
        """Undo `put`."""
        for name in job.resources:
            self._uses[name].add(start, start + job.length, -1)

    def overload(self) -> int:
        """The whole overload."""
        return sum(use.excess() for use in self._uses.values())

    def exceeded(self, job: Job, start: int) -> tuple[str, ...]:
        """Which of its limits are exceeded at some moment of the run from ``start``."""
        end = start + job.length
        return tuple(
            name
            for name in job.resources
            if next(self._uses[name].stretches(start, end, 1), None) is not None
        )

    def added(self, job: Job, start: int) -> int:
        """The overload that the run would add at ``start``."""
        end = start + job.length
        return sum(b - a for name in job.resources for a, b in self._full(name, start, end))

    def best(self, job: Job, allowed: Sequence[StartRange]) -> tuple[int, int, int]:
        """The place with the least added overload, then the least cost: both, and where.

        Args:
            job: a run that is not placed.
            allowed: its allowed starts, at least one.
        """
        low, high = allowed[0][0], allowed[-1][1] + job.length
        full = [list(self._full(name, low, high)) for name in job.resources]
        free = list(_free(allowed, merge(*full), job.length))
        if free:
            return (0, *job.cheapest(free))
        crowd = Starts([_crowd(full, low, high)], job.length)
        least = crowd.lowest(allowed)
        assert least is not None  # noqa: S101  the crowd covers all allowed starts
        return (least[0], *job.cheapest(crowd.below(allowed, least[0])))

    def _full(self, name: str, low: int, high: int) -> Iterator[StartRange]:
        return self._uses[name].stretches(low, high, 0)


class _Use:
    """One limit: how many hold it from each moment until the next."""

    __slots__ = ("_counts", "_limit", "_moments")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._moments = [-_EVER, _EVER]
        self._counts = [0, 0]

    def add(self, start: int, end: int, change: int) -> None:
        a, b = self._cut(start), self._cut(end)
        counts = self._counts
        for i in range(a, b):
            counts[i] += change
        for i in (b, a):
            if counts[i] == counts[i - 1]:
                del self._moments[i], counts[i]

    def _cut(self, moment: int) -> int:
        i = bisect_left(self._moments, moment)
        if self._moments[i] != moment:
            self._moments.insert(i, moment)
            self._counts.insert(i, self._counts[i - 1])
        return i

    def stretches(self, low: int, high: int, over: int) -> Iterator[StartRange]:
        """The longest stretches of ``[low, high)`` with ``limit + over`` runs or more."""
        moments, counts, least = self._moments, self._counts, self._limit + over
        i = bisect_right(moments, low) - 1
        begun: int | None = None
        while moments[i] < high:
            if counts[i] < least:
                if begun is not None:
                    yield begun, moments[i]
                    begun = None
            elif begun is None:
                begun = max(low, moments[i])
            i += 1
        if begun is not None:
            yield begun, high

    def excess(self) -> int:
        limit, counts = self._limit, self._counts
        return sum(
            (counts[i] - limit) * (self._moments[i + 1] - self._moments[i])
            for i in range(len(counts))
            if counts[i] > limit
        )


def _free(
    allowed: Sequence[StartRange], full: Iterable[StartRange], length: int
) -> Iterator[StartRange]:
    """The allowed starts whose slot meets no full stretch.

    Args:
        allowed: ranges in order of time.
        full: stretches in order of time that begin before the last slot ends.
        length: of the slot.
    """
    ranges = iter(allowed)
    low, high = next(ranges)
    for begin, end in full:
        # Starts after ``begin - length`` and before ``end`` meet it.
        while low <= begin - length:
            yield low, min(high, begin - length)
            if high > begin - length:
                break
            low, high = next(ranges)
        while high < end:
            if (following := next(ranges, None)) is None:
                return
            low, high = following
        low = max(low, end)
    yield low, high
    yield from ranges


def _crowd(full: Sequence[Sequence[StartRange]], low: int, high: int) -> Stretch:
    """How many limits are full at each moment, as a function of time."""
    changes = {low: 0, high: 0}
    for stretches in full:
        for begin, end in stretches:
            changes[begin] = changes.get(begin, 0) + 1
            changes[end] = changes.get(end, 0) - 1
    edges = sorted(changes)
    values: list[int] = []
    count = 0
    for edge in edges[:-1]:
        count += changes[edge]
        values.append(count)
    return Stretch(tuple(edges), tuple(values))
