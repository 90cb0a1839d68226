"""Starts for many runs together: each alone where it may be, spread where limits bind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import accumulate

from carbonaware_prefect.core.capacity.demands import Demand, Job, Placement
from carbonaware_prefect.core.capacity.occupancy import Held, Occupancy
from carbonaware_prefect.core.capacity.spread import spread
from carbonaware_prefect.core.intervals import Interval, from_microseconds, to_microseconds
from carbonaware_prefect.core.starts import Starts
from carbonaware_prefect.errors import InvalidInputError

__all__ = ["place"]


def place(
    demands: Sequence[Demand],
    limits: Mapping[str, int],
    occupied: Sequence[tuple[Interval, tuple[str, ...]]] = (),
) -> list[Placement]:
    """A start for each run, so that all together emit least within the limits.

    Without limits that bind, each gets its cleanest start: `find_slot`'s in its window,
    or its nominal start where that saves too little against it. Runs that could exceed a
    limit together are spread; `carbonaware_prefect.core.capacity.spread` says how, and
    what is guaranteed. Linear in the runs, but for those.

    Args:
        demands: the runs, each with a key of its own.
        limits: how many runs may hold each limit at once. Names that are not here do not
            limit.
        occupied: runs that cannot be moved, and the limits they hold.

    Returns:
        One placement for each demand, in the same order.

    Raises:
        InvalidInputError: (a ValueError) two demands with one key, a limit below 0.
    """
    _check(demands, limits)
    held = [
        (to_microseconds(at.start), to_microseconds(at.end), names)
        for at, names in occupied
    ]
    placements: dict[str, Placement] = {}
    limited: list[Job] = []
    for job in _rivals(demands):
        start, total = job.alone
        placements[job.key] = _placement(job, start, total)
        if start is not None and job.confine(limits):
            limited.append(job)
    scarce = _scarce(limited, limits, held)
    holding: dict[str, list[int]] = defaultdict(list)
    for i, (_, _, names) in enumerate(held):
        for name in names:
            holding[name].append(i)
    for group in _groups([job for job in limited if job.confine(scarce)]):
        others = {i for name in _names(group) for i in holding[name]}
        placements.update(_compete(group, limits, [held[i] for i in sorted(others)]))
    return [placements[demand.key] for demand in demands]


def _check(demands: Sequence[Demand], limits: Mapping[str, int]) -> None:
    seen: set[str] = set()
    for demand in demands:
        if demand.key in seen:
            msg = f"two demands have the key {demand.key!r}; give each its own"
            raise InvalidInputError(msg)
        seen.add(demand.key)
    for name, limit in limits.items():
        if limit < 0:
            msg = f"limit {name!r} must be 0 or more, got {limit!r}"
            raise InvalidInputError(msg)


def _rivals(demands: Sequence[Demand]) -> Iterator[Job]:
    """All demands, those with the same forecast and duration one after another.

    So what is known of the starts of one group can be forgotten before the next.
    """
    groups: dict[tuple[int, timedelta], list[Demand]] = defaultdict(list)
    for demand in demands:
        # Equal forecasts that are two objects only cost time; comparing them would more.
        groups[id(demand.forecast), demand.duration].append(demand)
    for (_, duration), group in groups.items():
        starts = Starts.of(group[0].forecast, duration)
        for demand in group:
            yield Job(demand, starts)


def _placement(
    job: Job,
    start: int | None,
    total: int | None,
    *,
    displaced: bool = False,
    exceeded: tuple[str, ...] = (),
) -> Placement:
    nominal, scale = job.nominal_total, job.starts.scale
    return Placement(
        key=job.key,
        start=None if start is None else from_microseconds(start),
        mean_intensity=None if total is None else total / scale,
        intensity_nominal=None if nominal is None else nominal / scale,
        displaced=displaced,
        exceeded=exceeded,
    )


def _scarce(
    jobs: Sequence[Job], limits: Mapping[str, int], held: Sequence[Held]
) -> set[str]:
    """The limits that could be exceeded, wherever the runs start."""
    wanted: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for job in jobs:
        first, end = job.reach()
        for name in job.resources:
            wanted[name] += ((first, 1), (end, -1))
    for start, end, names in held:
        for name in names:
            if name in wanted:
                wanted[name] += ((start, 1), (end, -1))
    return {
        name
        for name, changes in wanted.items()
        # Who ends makes room for who starts at the same moment: -1 sorts before 1.
        if max(accumulate(by for _, by in sorted(changes))) > limits[name]
    }


def _groups(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Runs that could be in each other's way, directly or through others."""
    leader: dict[str, str] = {}

    def lead(name: str) -> str:
        while (above := leader.setdefault(name, name)) != name:
            leader[name] = name = leader[above]
        return name

    for job in jobs:
        for name in job.resources:
            leader[lead(name)] = lead(job.resources[0])
    groups: dict[str, list[Job]] = defaultdict(list)
    for job in sorted(jobs, key=Job.reach):
        groups[lead(job.resources[0])].append(job)
    for group in groups.values():
        begun, until = 0, group[0].reach()[1]
        for i, job in enumerate(group):
            first, end = job.reach()
            if first >= until:
                yield group[begun:i]
                begun = i
            until = max(until, end)
        yield group[begun:]


def _names(jobs: Sequence[Job]) -> set[str]:
    return {name for job in jobs for name in job.resources}


def _compete(
    group: list[Job], limits: Mapping[str, int], held: Sequence[Held]
) -> dict[str, Placement]:
    """The placements of runs that could be in each other's way."""
    jobs = sorted(group, key=lambda job: job.key)
    shared = {name: limits[name] for name in sorted(_names(jobs))}
    first = min(job.reach()[0] for job in jobs)
    end = max(job.reach()[1] for job in jobs)
    others = [other for other in held if other[0] < end and first < other[1]]
    alone = [start for job in jobs if (start := job.alone[0]) is not None]
    occupancy = Occupancy(shared, others)
    before = occupancy.overload()
    for job, start in zip(jobs, alone, strict=True):
        occupancy.put(job, start)
    if occupancy.overload() == before:
        return {}
    chosen = spread(jobs, shared, others)
    occupancy = Occupancy(shared, others)
    for job, start in zip(jobs, chosen, strict=True):
        occupancy.put(job, start)
    return {
        job.key: _placement(
            job,
            start,
            job.starts.total(start),
            displaced=start != own,
            exceeded=occupancy.exceeded(job, start),
        )
        for job, start, own in zip(jobs, chosen, alone, strict=True)
    }
