"""Try every way to place a few runs: what the heuristics miss hurts most where few run."""

from __future__ import annotations

from carbonaware_prefect.core.capacity.timetable import Moves, Timetable, Value, better

__all__ = ["FEW", "branch_and_bound"]

FEW = 7
"""Of more runs there are too many ways."""

_STEPS = 6_000


def branch_and_bound(timetable: Timetable) -> None:
    """Put the runs on the timetable at the best of all their places (branch and bound).

    Where the steps run out before all ways are tried, at the best found till then, never
    worse than before.
    """
    runs = sorted(
        range(len(timetable.places)), key=lambda run: len(timetable.places[run].costs)
    )
    old = [(run, timetable.take(run)) for run in runs]
    search = _Search(timetable, runs, old)
    search.branch(0, 0, 0.0)
    timetable.put_all(search.best)


class _Search:
    def __init__(self, timetable: Timetable, runs: list[int], known: Moves) -> None:
        self._timetable = timetable
        self._runs = runs
        # The cheapest place of each run costs nothing, so what is placed is a bound.
        self._orders = [
            sorted(range(len(costs)), key=costs.__getitem__)
            for costs in (timetable.places[run].costs for run in runs)
        ]
        self._steps = 0
        self._moves: Moves = []
        self.best = list(known)
        self._value: Value = timetable.put_all(known)
        for run in runs:
            timetable.take(run)

    def branch(self, depth: int, overload: int, cost: float) -> None:
        """Try all places of the run that is next, and all ways to go on from there."""
        if depth == len(self._runs):
            self.best, self._value = list(self._moves), (overload, cost)
            return
        timetable, run = self._timetable, self._runs[depth]
        costs = timetable.places[run].costs
        for place in self._orders[depth]:
            # Later places cost more, but may add less overload.
            if not better((overload, cost + costs[place]), self._value):
                return
            self._steps += 1
            if self._steps > _STEPS:
                return
            value = overload + timetable.added(run, place), cost + costs[place]
            if better(value, self._value):
                timetable.put(run, place)
                self._moves.append((run, place))
                self.branch(depth + 1, *value)
                self._moves.pop()
                timetable.take(run)
