"""Why a run waits or does not: the codes."""

from __future__ import annotations

from enum import Enum

__all__ = ["Reason"]


class Reason(str, Enum):
    """Why a run waits or does not. The values are a stable contract."""

    CLEANER_SLOT = "cleaner_slot"
    """A cleaner slot lies ahead: wait for it."""
    HOURS_KEPT_FREE = "hours_kept_free"
    """The run may not be under way then: wait for the cleanest allowed start."""
    FINISH_BY = "finish_by"
    """From its nominal start the run would end too late: start before, at the cleanest."""
    CLEANEST_NOW = "cleanest_now"
    """No other start in the window is cleaner."""
    SAVING_TOO_SMALL = "saving_too_small"
    """Another start is cleaner, but by less than the minimum saving."""
    SLOT_REACHED = "slot_reached"
    """The run has waited for its slot; the slot is here."""
    WINDOW_CLOSED = "window_closed"
    """The latest start has passed."""
    TIMEOUT_TOO_SHORT = "timeout_too_short"
    """A wait in process would leave the work too little of a ``timeout_seconds``."""
    NO_ALLOWED_START = "no_allowed_start"
    """Window, finish-by and hours kept free leave no start."""
    NO_PLACE = "no_place"
    """Nobody said where the run executes."""
    NO_FORECAST = "no_forecast"
    """No forecast for that zone, or none that covers a whole slot."""
    SOURCE_FAILED = "source_failed"
    """The forecast source did not deliver."""
    INVALID_SETTING = "invalid_setting"
    """A CARBONAWARE_* variable has a value that is not allowed."""
    OVERRIDDEN = "overridden"
    """A person started the run before its slot: a person wins."""
