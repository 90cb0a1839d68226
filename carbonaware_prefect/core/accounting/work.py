"""When a run worked, and when it would have without us.

Moments are microseconds since 1970. Only time in which a run executes counts: not what it
waited for its slot, for a retry or for a person. Without us the same work, with the same
breaks that are not ours, would have begun at the nominal start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from carbonaware_prefect.core.accounting.measured import Piece

__all__ = ["Delay", "Work", "executing", "work_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """One decision about a run, as its record says it.

    Attributes:
        nominal: when the run would have gone on without us.
        decided: when that was decided.
        slot: where it was to wait for; None where it was to go on at once, or where a
            person started it before.
        moved: whether it waited because of us.
        ahead: whether it was decided before the run began, by the planner.
    """

    nominal: int
    decided: int
    slot: int | None
    moved: bool
    ahead: bool


@dataclass(frozen=True, slots=True)
class Work:
    """When a run worked.

    Attributes:
        pieces: the time in which it executed, in order.
        nominal: the same without us; where it was not moved, the same time.
        moved: whether it was moved.
    """

    pieces: tuple[Piece, ...]
    nominal: tuple[Piece, ...]
    moved: bool

    @property
    def length(self) -> int:
        """Of all pieces together."""
        return sum([high - low for low, high in self.pieces])


def executing(states: Iterable[tuple[int, bool]]) -> list[Piece] | None:
    """The pieces in which a run executed; None while it still does.

    Args:
        states: in order of time, when each one began, and whether the run executes in it.
    """
    history = list(states)
    if history and history[-1][1]:
        return None
    pieces: list[Piece] = []
    for (start, executes), (end, _) in pairwise(history):
        if not executes or end <= start:
            continue
        if pieces and pieces[-1][1] == start:
            pieces[-1] = pieces[-1][0], end
        else:
            pieces.append((start, end))
    return pieces


def work_of(ran: Sequence[Piece], delays: Sequence[Delay]) -> Work | None:
    """What of the time in which a run executed was its work.

    A process that decides, and then leaves or waits for the slot, does not work in that
    time; what a run did before its first wait is left out too, since it starts anew.

    Args:
        ran: of `executing`.
        delays: of the run, at least one.

    Returns:
        None where it never worked.
    """
    first, *later = sorted(delays, key=lambda delay: delay.decided)
    pieces, begun = list(ran), ran[0][0] if ran else 0
    waits: list[Piece] = []
    if first.moved and not (first.ahead and first.decided < begun):
        pieces = _since(pieces, first)
    for delay in later:
        if delay.moved and (end := _end_of_wait(delay, pieces)) > delay.decided:
            waits.append((delay.decided, end))
            pieces = _without(pieces, waits[-1])
    if not pieces:
        return None
    start = first.nominal if first.moved else pieces[0][0]
    nominal = [(start, start + pieces[0][1] - pieces[0][0])]
    for (_, before), (low, high) in pairwise(pieces):
        ours = any(before <= decided <= low for decided, _ in waits)
        start = nominal[-1][1] + (0 if ours else low - before)
        nominal.append((start, start + high - low))
    moved = first.moved or bool(waits)
    return Work(tuple(pieces), tuple(nominal) if moved else tuple(pieces), moved)


def _since(pieces: Sequence[Piece], delay: Delay) -> list[Piece]:
    """The pieces from the end of a wait on that began in the run."""
    if delay.slot is None:
        # The process that decided had left when a person started the run.
        return [piece for piece in pieces if piece[0] > delay.decided]
    return [(max(low, delay.slot), high) for low, high in pieces if high > delay.slot]


def _end_of_wait(delay: Delay, pieces: Sequence[Piece]) -> int:
    """When a run went on after it had waited: at its slot, or when a person said so."""
    if delay.slot is not None:
        return delay.slot
    return next((low for low, _ in pieces if low > delay.decided), delay.decided)


def _without(pieces: Sequence[Piece], wait: Piece) -> list[Piece]:
    """The pieces without a wait."""
    begin, end = wait
    parts = [
        part
        for low, high in pieces
        for part in ((low, min(high, begin)), (max(low, end), high))
    ]
    return [(low, high) for low, high in parts if low < high]
