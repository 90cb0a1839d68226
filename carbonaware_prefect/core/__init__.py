"""The pure core: forecasts, slots and decisions. Standard library only, no clock, no I/O.

>>> from carbonaware_prefect.core import Forecast, find_slot
"""

from carbonaware_prefect.core.decision import (
    Decision,
    conclude,
    decide,
    run_now,
    wait_for,
)
from carbonaware_prefect.core.forecast import Forecast, Signal
from carbonaware_prefect.core.hours import Hours
from carbonaware_prefect.core.intervals import Interval
from carbonaware_prefect.core.policy import Bound, Policy
from carbonaware_prefect.core.reasons import Reason
from carbonaware_prefect.core.request import Budget, Neighbours, Request
from carbonaware_prefect.core.slots import Slot, find_slot, rank_slots

Limit = Bound
"""The name that `Bound` had once."""

__all__ = [
    "Bound",
    "Budget",
    "Decision",
    "Forecast",
    "Hours",
    "Interval",
    "Limit",
    "Neighbours",
    "Policy",
    "Reason",
    "Request",
    "Signal",
    "Slot",
    "conclude",
    "decide",
    "find_slot",
    "rank_slots",
    "run_now",
    "wait_for",
]
