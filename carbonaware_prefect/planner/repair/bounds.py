"""When a run that went missing may still start: within the bounds of its policy.

The labels of a run say which starts were allowed when it was moved; see
`carbonaware_prefect.labels`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from carbonaware_prefect.labels import Plan

__all__ = ["start_within"]

# For runs of older versions, which have not written down their bounds.
_UNKNOWN = timedelta(hours=1)


def start_within(plan: Plan, start: datetime, soonest: datetime) -> datetime | None:
    """When the run may start: as planned, or as soon after that as it may.

    Args:
        plan: of the run, with its allowed starts.
        start: where it was put.
        soonest: no start lies before this.

    Returns:
        The start, in UTC; None when none is allowed any more.
    """
    wanted = max(start, soonest)
    allowed = plan.allowed_starts or ((plan.nominal_start, start + _UNKNOWN),)
    for low, high in allowed:
        if wanted <= high:
            return max(wanted, low)
    return None
