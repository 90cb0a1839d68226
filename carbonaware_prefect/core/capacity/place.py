"""Starts for many runs together: each alone where it may be, spread where limits bind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import accumulate

from carbonaware_prefect.core.capacity.jobs import Contender, Placement, Rival
from carbonaware_prefect.core.capacity.occupancy import Held, Occupancy
from carbonaware_prefect.core.capacity.spread import spread
from carbonaware_prefect.core.intervals import Interval, from_microseconds, to_microseconds
from carbonaware_prefect.core.starts import Starts
from carbonaware_prefect.errors import InvalidInputError

__all__ = ["place"]


def place(
    contenders: Sequence[Contender],
    limits: Mapping[str, int],
    occupied: Sequence[tuple[Interval, tuple[str, ...]]] = (),
) -> list[Placement]:
    """A start for each run, so that all together emit least within the limits.

    Without limits that bind, each gets its cleanest start: `find_slot`'s in its window,
    or its nominal start where that saves too little against it. Runs that could exceed a
    limit together are spread; `carbonaware_prefect.core.capacity.spread` says how, and
    what is guaranteed. Linear in the runs, but for those.

    Args:
        contenders: the runs, each with a key of its own.
        limits: how many runs may hold each limit at once. Names that are not here do not
            limit.
        occupied: runs that cannot be moved, and the limits they hold.

    Returns:
        One placement for each contender, in the same order.

    Raises:
        InvalidInputError: (a ValueError) two contenders with one key, a limit below 0.
    """
    _check(contenders, limits)
    held = [
        (to_microseconds(at.start), to_microseconds(at.end), names)
        for at, names in occupied
    ]
    placements: dict[str, Placement] = {}
    limited: list[Rival] = []
    for rival in _rivals(contenders):
        start, total = rival.alone
        placements[rival.key] = _placement(rival, start, total)
        if start is not None and rival.confine(limits):
            limited.append(rival)
    scarce = _scarce(limited, limits, held)
    holding: dict[str, list[int]] = defaultdict(list)
    for i, (_, _, names) in enumerate(held):
        for name in names:
            holding[name].append(i)
    for group in _groups([rival for rival in limited if rival.confine(scarce)]):
        others = {i for name in _names(group) for i in holding[name]}
        placements.update(_compete(group, limits, [held[i] for i in sorted(others)]))
    return [placements[contender.key] for contender in contenders]


def _check(contenders: Sequence[Contender], limits: Mapping[str, int]) -> None:
    seen: set[str] = set()
    for contender in contenders:
        if contender.key in seen:
            msg = f"two contenders have the key {contender.key!r}; give each its own"
            raise InvalidInputError(msg)
        seen.add(contender.key)
    for name, limit in limits.items():
        if limit < 0:
            msg = f"limit {name!r} must be 0 or more, got {limit!r}"
            raise InvalidInputError(msg)


def _rivals(contenders: Sequence[Contender]) -> Iterator[Rival]:
    """All contenders, those with the same forecast and duration one after another.

    So what is known of the starts of one group can be forgotten before the next.
    """
    groups: dict[tuple[int, timedelta], list[Contender]] = defaultdict(list)
    for contender in contenders:
        # Equal forecasts that are two objects only cost time; comparing them would more.
        groups[id(contender.forecast), contender.duration].append(contender)
    for (_, duration), group in groups.items():
        starts = Starts.of(group[0].forecast, duration)
        for contender in group:
            yield Rival(contender, starts)


def _placement(
    rival: Rival,
    start: int | None,
    total: int | None,
    *,
    displaced: bool = False,
    exceeded: tuple[str, ...] = (),
) -> Placement:
    nominal, scale = rival.nominal_total, rival.starts.scale
    return Placement(
        key=rival.key,
        start=None if start is None else from_microseconds(start),
        mean_intensity=None if total is None else total / scale,
        intensity_nominal=None if nominal is None else nominal / scale,
        displaced=displaced,
        exceeded=exceeded,
    )


def _scarce(
    rivals: Sequence[Rival], limits: Mapping[str, int], held: Sequence[Held]
) -> set[str]:
    """The limits that could be exceeded, wherever the runs start."""
    wanted: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for rival in rivals:
        first, end = rival.reach()
        for name in rival.resources:
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


def _groups(rivals: Sequence[Rival]) -> Iterator[list[Rival]]:
    """Runs that could be in each other's way, directly or through others."""
    leader: dict[str, str] = {}

    def lead(name: str) -> str:
        while (above := leader.setdefault(name, name)) != name:
            leader[name] = name = leader[above]
        return name

    for rival in rivals:
        for name in rival.resources:
            leader[lead(name)] = lead(rival.resources[0])
    groups: dict[str, list[Rival]] = defaultdict(list)
    for rival in sorted(rivals, key=Rival.reach):
        groups[lead(rival.resources[0])].append(rival)
    for group in groups.values():
        begun, until = 0, group[0].reach()[1]
        for i, rival in enumerate(group):
            first, end = rival.reach()
            if first >= until:
                yield group[begun:i]
                begun = i
            until = max(until, end)
        yield group[begun:]


def _names(rivals: Sequence[Rival]) -> set[str]:
    return {name for rival in rivals for name in rival.resources}


def _compete(
    group: list[Rival], limits: Mapping[str, int], held: Sequence[Held]
) -> dict[str, Placement]:
    """The placements of runs that could be in each other's way."""
    rivals = sorted(group, key=lambda rival: rival.key)
    shared = {name: limits[name] for name in sorted(_names(rivals))}
    first = min(rival.reach()[0] for rival in rivals)
    end = max(rival.reach()[1] for rival in rivals)
    others = [other for other in held if other[0] < end and first < other[1]]
    alone = [start for rival in rivals if (start := rival.alone[0]) is not None]
    occupancy = Occupancy(shared, others)
    before = occupancy.overload()
    for rival, start in zip(rivals, alone, strict=True):
        occupancy.put(rival, start)
    if occupancy.overload() == before:
        return {}
    chosen = spread(rivals, shared, others)
    occupancy = Occupancy(shared, others)
    for rival, start in zip(rivals, chosen, strict=True):
        occupancy.put(rival, start)
    return {
        rival.key: _placement(
            rival,
            start,
            rival.starts.total(start),
            displaced=start != own,
            exceeded=occupancy.exceeded(rival, start),
        )
        for rival, start, own in zip(rivals, chosen, alone, strict=True)
    }
