"""The pure core: forecasts, slots and decisions. Standard library only, no clock, no I/O.

>>> from carbonaware_prefect.core import Forecast, find_slot
"""

from carbonaware_prefect.core.decision import (
    Decision,
    Policy,
    Reason,
    Request,
    decide,
    run_now,
    wait_for,
)
from carbonaware_prefect.core.forecast import Forecast, Signal
from carbonaware_prefect.core.intervals import Interval
from carbonaware_prefect.core.slots import Slot, find_slot, rank_slots

__all__ = [
    "Decision",
    "Forecast",
    "Interval",
    "Policy",
    "Reason",
    "Request",
    "Signal",
    "Slot",
    "decide",
    "find_slot",
    "rank_slots",
    "run_now",
    "wait_for",
]
