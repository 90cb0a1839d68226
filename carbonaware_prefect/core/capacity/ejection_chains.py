"""Free overloaded cells by chains of moves.

A run takes the place of another, which takes that of a third, until one finds a free
place: the shortest such chain is found by Dijkstra's search over the runs, from those that
hold the overloaded cell. Where all runs are equally long this is how flows are augmented;
where they are not, a step may leave some cells overloaded, at a price.
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import inf

from carbonaware_prefect.core.capacity.timetable import Moves, Timetable, better

__all__ = ["relieve"]

# Beside it every difference of costs is small.
_OVERLOAD = 1e9
# How often a chain that turns out to cross itself is looked for anew.
_CROSSINGS = 10
# A search gives up after so many steps.
_LONGEST = 15_000
# Looking at so many holders of a cell is as much work as a step of the search.
_HOLDERS = 10

Hits = tuple[tuple[str, int], ...]
"""Limits and the cells of them that are full where a run would go."""


def relieve(timetable: Timetable, budget: int) -> int:
    """Move runs out of overloaded cells, as long as the budget of steps lasts.

    Returns:
        What is left of the budget.
    """
    stuck: dict[int, float] = {}
    for name, load in timetable.loads.items():
        hopeless = 0
        barred: set[tuple[int, int]] = set()
        while (over := load.over & ~hopeless) and budget > 0:
            cell = (over & -over).bit_length() - 1
            search = _Search(timetable, barred, stuck)
            for run in timetable.holders(name, cell):
                search.root(run)
            chain = search.run(min(budget, _LONGEST))
            budget -= search.steps
            clash = None if chain is None else _keep(timetable, chain)
            if chain is None:
                stuck.update(search.reached())
            elif clash is None:
                barred = set()
                continue
            if clash is None or len(barred) >= _CROSSINGS:
                hopeless |= 1 << cell
                barred = set()
            else:
                barred.add(clash)
    return budget


def _keep(timetable: Timetable, chain: Moves) -> tuple[int, int] | None:
    """Make the moves if that is better; else the move that is in the way of the others."""
    runs = [run for run, _ in chain]
    old = [(run, timetable.take(run)) for run in runs]
    before = timetable.put_all(old)
    for run in runs:
        timetable.take(run)
    clash, after = chain[0], (0, 0.0)
    for move in chain:
        overload, cost = timetable.put_all([move])
        if overload:
            clash = move
        after = after[0] + overload, after[1] + cost
    if better(after, before):
        return None
    for run in runs:
        timetable.take(run)
    timetable.put_all(old)
    return clash


class _Search:
    """One search. The distance of a run is what its being moved out has cost so far.

    Costs are taken with prices, so that most steps are short.
    """

    def __init__(
        self, timetable: Timetable, barred: set[tuple[int, int]], stuck: dict[int, float]
    ) -> None:
        self.steps = 0
        self._timetable = timetable
        self._barred = barred
        # From where others searched in vain, only a shorter way is worth a look.
        self._distance = dict(stuck)
        self._taken_by: dict[int, tuple[int, int]] = {}
        self._queue: list[tuple[float, int]] = []
        self._done: set[int] = set()
        # Whoever asks for the same cells at a higher price need not ask their holders.
        self._asked: dict[Hits, float] = {}
        self._best = -_OVERLOAD / 2
        self._end: tuple[int, int] | None = None

    def root(self, run: int) -> None:
        """Start from a run: what it gains by leaving its place."""
        timetable, places = self._timetable, self._timetable.places[run]
        place = timetable.at[run]
        mask = places.masks[place]
        over = sum((mask & timetable.loads[n].over).bit_count() for n in places.resources)
        self._reach(run, places.prices[place] - _OVERLOAD * over)

    def _reach(self, run: int, distance: float) -> bool:
        if distance >= self._distance.get(run, inf):
            return False
        self._distance[run] = distance
        heappush(self._queue, (distance, run))
        return True

    def reached(self) -> dict[int, float]:
        """From where there is no way on: the runs that a search was at, and how far.

        None of those of a search that gave up.
        """
        if self._queue and self._queue[0][0] < self._best:
            return {}
        return {run: self._distance[run] for run in self._done}

    def run(self, most: int) -> Moves | None:
        """The best chain found in so many steps; None if none lowers the overload."""
        while self._queue and self.steps < most:
            distance, run = heappop(self._queue)
            if distance >= self._best:
                break
            if run not in self._done:
                self._done.add(run)
                self.steps += 1
                self._leave(run, distance)
        return self._chain()

    def _leave(self, run: int, distance: float) -> None:
        """Look at each place that the run could take instead of its own."""
        timetable = self._timetable
        places, place = timetable.places[run], timetable.at[run]
        own = places.masks[place]
        # Without the run, the cells that it fills are free.
        full = [
            (name, timetable.loads[name].full & ~(own & ~timetable.loads[name].over))
            for name in places.resources
        ]
        blocked = 0
        for _, cells in full:
            blocked |= cells
        distance -= places.wants[place]
        for k, want in enumerate(places.wants):
            if distance + want >= self._best:
                return
            if k == place or (run, k) in self._barred:
                continue
            mask = places.masks[k]
            if not mask & blocked:
                self._finish(run, k, distance + want)
                return
            hits = tuple([(name, mask & cells) for name, cells in full if mask & cells])
            if distance + want < self._asked.get(hits, inf):
                self._asked[hits] = distance + want
                self._push_out(run, k, distance + want, hits)

    def _finish(self, run: int, place: int, distance: float) -> None:
        """A chain that ends here, if it is the best so far."""
        value = distance - self._timetable.places[run].prices[place]
        if value < self._best:
            self._best, self._end = value, (run, place)

    def _push_out(self, run: int, place: int, distance: float, hits: Hits) -> None:
        """One of those who hold the blocked cells would have to go."""
        timetable = self._timetable
        whole = sum([cells.bit_count() for _, cells in hits])
        self._finish(run, place, distance + _OVERLOAD * whole)
        name, cells = max(hits, key=lambda hit: hit[1].bit_count())
        freed = [(name, cells & ~timetable.loads[name].over) for name, cells in hits]
        holders = timetable.holders(name, (cells & -cells).bit_length() - 1)
        self.steps += 1 + len(holders) // _HOLDERS
        for other in holders:
            if other in self._done:
                continue
            places = timetable.places[other]
            mask = places.masks[timetable.at[other]]
            left = whole
            for name, cells in freed:
                if name in places.resources:
                    left -= (mask & cells).bit_count()
            value = distance + _OVERLOAD * left
            if value < self._best and self._reach(other, value):
                self._taken_by[other] = run, place

    def _chain(self) -> Moves | None:
        if self._end is None:
            return None
        chain = [self._end]
        while (step := self._taken_by.get(chain[-1][0])) is not None:
            chain.append(step)
        return chain
