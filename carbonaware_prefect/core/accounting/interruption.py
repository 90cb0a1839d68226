"""Work that may be interrupted: the cleanest pieces of time that hold all of it.

The exact optimum: the lowest values are filled first, of equal ones the earliest, until
the work is done. Stopping and going on cost nothing here, and pieces may be short.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from carbonaware_prefect.core.accounting.measured import Measured, Piece

__all__ = ["cleanest_pieces"]


def cleanest_pieces(
    forecast: Measured, spans: Iterable[Piece], length: int
) -> tuple[Piece, ...] | None:
    """Where to work for ``length`` microseconds within ``spans``, in order of time.

    None where the forecast does not cover enough of them.
    """
    known = sorted(part for low, high in spans for part in forecast.between(low, high))
    chosen: list[Piece] = []
    for _, start, end in known:
        if length <= 0:
            break
        chosen.append((start, min(end, start + length)))
        length -= end - start
    return _joined(sorted(chosen)) if length <= 0 else None


def _joined(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Neighbours as one piece."""
    joined: list[Piece] = []
    for start, end in pieces:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)
