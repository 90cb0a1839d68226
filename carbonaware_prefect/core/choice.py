"""Which start a run takes: the rule behind every decision, without its words.

`core.decision` puts it into words for a run; a back-test asks it thousands of times.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from carbonaware_prefect.core.reasons import Reason
from carbonaware_prefect.core.request import Request
from carbonaware_prefect.core.slots import Slot

__all__ = ["MOVED", "Means", "reason_for", "share_saved"]

Means = Callable[[datetime], float | None]
"""The mean over the run's duration from a start; None where the forecast has no answer."""

MOVED = frozenset({Reason.CLEANER_SLOT, Reason.HOURS_KEPT_FREE, Reason.FINISH_BY})
"""The reasons with which a run starts at its slot; with any other it starts without us."""


def reason_for(
    request: Request, slot: Slot | None, now: datetime, means: Means, least: float
) -> Reason:
    """Why a run takes its slot (one of `MOVED`), or starts when it would without us.

    Args:
        request: what was asked.
        slot: the cleanest allowed one from ``now`` on; None when there is none.
        now: the present, in UTC.
        means: of the forecast.
        least: the share that a move has to save.
    """
    if request.conflict is not None:
        return request.conflict_reason
    if now > request.latest_start:
        return Reason.WINDOW_CLOSED
    if slot is None:
        return Reason.NO_FORECAST
    default = max(now, request.nominal_start)
    if not request.allows(default):
        finish = request.finish_by_start
        too_late = finish is not None and default > finish
        return Reason.FINISH_BY if too_late else Reason.HOURS_KEPT_FREE
    return _weighed(request, slot, default, means, least)


def _weighed(
    request: Request, slot: Slot, default: datetime, means: Means, least: float
) -> Reason:
    """Whether the slot is worth leaving the start that the run would have without us."""
    mean = means(default)
    if slot.start == default or (mean is not None and mean <= slot.mean_intensity):
        return Reason.CLEANEST_NOW
    nominal = mean if default == request.nominal_start else means(request.nominal_start)
    saving = share_saved(nominal, slot.mean_intensity)
    if mean is not None and saving is not None and saving < least:
        return Reason.SAVING_TOO_SMALL
    return Reason.CLEANER_SLOT


def share_saved(nominal: float | None, chosen: float | None) -> float | None:
    """``1 - chosen / nominal``; None when either is unknown, or nominal is not positive.

    A ratio to zero or to a negative intensity means nothing.
    """
    if nominal is None or chosen is None or nominal <= 0:
        return None
    return 1 - chosen / nominal
