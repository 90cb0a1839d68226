"""Try every way to place a few runs: what the heuristics miss hurts most where few run."""

from __future__ import annotations

from carbonaware_prefect.core.capacity.timetable import Board, Moves, Value, better

__all__ = ["FEW", "exhaust"]

FEW = 7
"""Of more runs there are too many ways."""

_STEPS = 6_000


def exhaust(board: Board) -> None:
    """Put the runs on the board at the best of all their places (branch and bound).

    Where the steps run out before all ways are tried, at the best found till then, never
    worse than before.
    """
    runs = sorted(range(len(board.places)), key=lambda run: len(board.places[run].costs))
    old = [(run, board.take(run)) for run in runs]
    search = _Search(board, runs, old)
    search.branch(0, 0, 0.0)
    board.put_all(search.best)


class _Search:
    def __init__(self, board: Board, runs: list[int], known: Moves) -> None:
        self._board = board
        self._runs = runs
        # The cheapest place of each run costs nothing, so what is placed is a bound.
        self._orders = [
            sorted(range(len(costs)), key=costs.__getitem__)
            for costs in (board.places[run].costs for run in runs)
        ]
        self._steps = 0
        self._moves: Moves = []
        self.best = list(known)
        self._value: Value = board.put_all(known)
        for run in runs:
            board.take(run)

    def branch(self, depth: int, overload: int, cost: float) -> None:
        """Try all places of the run that is next, and all ways to go on from there."""
        if depth == len(self._runs):
            self.best, self._value = list(self._moves), (overload, cost)
            return
        board, run = self._board, self._runs[depth]
        costs = board.places[run].costs
        for place in self._orders[depth]:
            # Later places cost more, but may add less overload.
            if not better((overload, cost + costs[place]), self._value):
                return
            self._steps += 1
            if self._steps > _STEPS:
                return
            value = overload + board.added(run, place), cost + costs[place]
            if better(value, self._value):
                board.put(run, place)
                self._moves.append((run, place))
                self.branch(depth + 1, *value)
                self._moves.pop()
                board.take(run)
