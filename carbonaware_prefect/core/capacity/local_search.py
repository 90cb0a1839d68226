"""Place runs on a timetable one by one, then small groups anew in other orders.

Whoever is placed first has the choice. So the order is what matters: first for all runs,
then again and again for a few that want about the same hours (large neighbourhood
search). A new order is kept only if overload, then cost, is no worse.
"""

from __future__ import annotations

from collections.abc import Iterator

from carbonaware_prefect.core.capacity.timetable import Timetable, better

__all__ = ["fill", "rearrange"]

# How many runs change places together, and how deep in its wishes a run looks for them.
_GROUP = 6
_WISHES = 8
# After so many tries, look again who could still gain.
_REVIEW = 256
# Regrets beside which every difference of costs is small.
_ONE_PLACE, _NO_PLACE = 1e9, 1e18


def fill(timetable: Timetable) -> None:
    """Place all runs, one by one, each where it wants to be most of what is left.

    Longer runs first, then those that lose most when they don't get what they want.
    """

    def urgency(run: int) -> tuple[int, float, int]:
        wants = timetable.places[run].wants
        regret = wants[min(len(wants) - 1, _WISHES)] - wants[0] if wants[1:] else _ONE_PLACE
        return -timetable.places[run].masks[0].bit_count(), -regret, run

    for run in sorted(range(len(timetable.places)), key=urgency):
        full = timetable.full(run)
        masks = enumerate(timetable.places[run].masks)
        place = next((k for k, mask in masks if not mask & full), None)
        timetable.put(run, timetable.least(run) if place is None else place)


def rearrange(timetable: Timetable, tries: int) -> None:
    """Take groups of runs off the timetable and put them back in other orders."""
    dice = _dice()
    unhappy: list[int] = []
    for i in range(tries):
        if i % _REVIEW == 0:
            unhappy = _unhappy(timetable)
        if not unhappy:
            return
        group = _group(timetable, unhappy[next(dice) % len(unhappy)], dice)
        if len(group) > 1:
            _reorder(timetable, group, dice)


def _dice() -> Iterator[int]:
    """Numbers without a pattern, the same each time (Knuth's MMIX generator)."""
    state = 1
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        yield state >> 33


def _unhappy(timetable: Timetable) -> list[int]:
    """The runs that are not where they cost least, or in an overloaded cell."""
    over = {name: load.over for name, load in timetable.loads.items()}
    return [
        run
        for run, places in enumerate(timetable.places)
        if places.costs[timetable.at[run]] > 0
        or any(places.masks[timetable.at[run]] & over[name] for name in places.resources)
    ]


def _group(timetable: Timetable, run: int, dice: Iterator[int]) -> list[int]:
    """The run, and some that are about where it would like to be."""
    places = timetable.places[run]
    mask = places.masks[next(dice) % min(len(places.masks), _WISHES)]
    name = places.resources[next(dice) % len(places.resources)]
    near = [other for other in timetable.near(name, mask) if other != run]
    group = [run]
    while near and len(group) < _GROUP:
        group.append(near.pop(next(dice) % len(near)))
    return group


def _reorder(timetable: Timetable, group: list[int], dice: Iterator[int]) -> None:
    """Put the group back, roughly those first who have most to lose."""
    old = [(run, timetable.take(run)) for run in group]
    before = timetable.put_all(old)
    for run in group:
        timetable.take(run)
    by_cost = next(dice) % 2 == 0
    overload, cost = 0, 0.0
    rest = dict.fromkeys(group, 0)
    while rest:
        chosen, place, most = -1, None, -1.0
        for run, tried in rest.items():
            regret, first = _regret(timetable, run, tried, by_cost)
            rest[run] = tried if first is None else first
            regret *= 512 + next(dice) % 1024
            if regret > most:
                chosen, place, most = run, first, regret
        del rest[chosen]
        added = timetable.put_all(
            [(chosen, timetable.least(chosen) if place is None else place)]
        )
        overload, cost = overload + added[0], cost + added[1]
    if better(before, (overload, cost)):
        for run in group:
            timetable.take(run)
        timetable.put_all(old)


def _regret(
    timetable: Timetable, run: int, tried: int, by_cost: bool
) -> tuple[float, int | None]:
    """What a run loses if it gets its second free place and not its first one.

    Args:
        timetable: the timetable.
        run: a run that is not on it.
        tried: the places before this one are known not to be free.
        by_cost: whether prices are left out.

    Returns:
        The loss, and the first free place if there is one.
    """
    places = timetable.places[run]
    full = timetable.full(run)
    free = (k for k in range(tried, len(places.masks)) if not places.masks[k] & full)
    first = next(free, None)
    second = next(free, None)
    if first is None:
        return _NO_PLACE, None
    if second is None:
        return _ONE_PLACE, first
    values = places.costs if by_cost else places.wants
    return max(0.0, values[second] - values[first]), first
