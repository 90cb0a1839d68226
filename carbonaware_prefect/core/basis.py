"""What a forecast rests on, where more can be said of it than its source's name."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Basis"]


@dataclass(frozen=True, slots=True)
class Basis:
    """Whom to credit for a forecast, and how far to trust it.

    Attributes:
        credit: who made the data, of which years, under which licence; for a sentence.
        minimum_saving: the least saving by this forecast that is worth a move, as its
            back-test says; None where nobody measured it.
        modelled: whether its values are percent of a modelled day and no grams, so that
            savings can be stated and intensities cannot.
    """

    credit: str
    minimum_saving: float | None = None
    modelled: bool = False
