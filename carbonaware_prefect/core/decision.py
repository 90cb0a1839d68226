"""From a policy and a forecast to a decision, with the reason in code and in words.

Every door of the package (delay task, in-process delay, planner) decides here, so that
the same request gets the same answer, explained in the same words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from carbonaware_prefect.core.forecast import Forecast, Signal
from carbonaware_prefect.core.intervals import to_utc
from carbonaware_prefect.core.slots import Slot, find_slot
from carbonaware_prefect.errors import InvalidInputError, NoSlotError

__all__ = ["Decision", "Policy", "Reason", "Request", "decide", "run_now", "wait_for"]


class Reason(str, Enum):
    """Why a run waits or does not. The values are a stable contract."""

    CLEANER_SLOT = "cleaner_slot"
    """A cleaner slot lies ahead: wait for it."""
    CLEANEST_NOW = "cleanest_now"
    """No later start in the window is cleaner."""
    SLOT_REACHED = "slot_reached"
    """The run has waited for its slot; the slot is here."""
    WINDOW_CLOSED = "window_closed"
    """The latest start has passed."""
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


# A slot shorter than this needs the seconds to be told apart from no slot.
_BRIEF = timedelta(minutes=5)


def _positive(span: object, name: str) -> None:
    if not isinstance(span, timedelta):
        msg = f"{name} must be a timedelta, got {span!r}; e.g. timedelta(hours=6)"
        raise InvalidInputError(msg)
    if span <= timedelta(0):
        msg = f"{name} must be positive, got {span}; e.g. timedelta(hours=6)"
        raise InvalidInputError(msg)


def _not_negative(span: object, name: str) -> None:
    if not isinstance(span, timedelta) or span < timedelta(0):
        msg = f"{name} must be a timedelta that is not negative, got {span!r}"
        raise InvalidInputError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the user wants, bound to no moment yet.

    Attributes:
        window: how long a run may wait; bounds its *start*.
        duration: expected run time of the work.
        zone: grid zone key, or None when nobody could tell.
        minimum_wait: a slot nearer than this is waited for in process.

    Raises:
        InvalidInputError: (a ValueError) a window or duration that is not a positive
            timedelta, a negative ``minimum_wait``.
    """

    window: timedelta = timedelta(hours=6)
    duration: timedelta = timedelta(minutes=30)
    zone: str | None = None
    minimum_wait: timedelta = timedelta(minutes=2)

    def __post_init__(self) -> None:
        _positive(self.window, "window")
        _positive(self.duration, "duration")
        _not_negative(self.minimum_wait, "minimum_wait")

    def bind(self, nominal_start: datetime) -> Request:
        """The request for a run that would start at ``nominal_start`` without us."""
        nominal = to_utc(nominal_start, "nominal_start")
        try:
            latest_start = nominal + self.window
        except OverflowError:
            msg = f"a window of {self.window} from {nominal.isoformat()} never ends"
            raise InvalidInputError(msg) from None
        return Request(
            nominal_start=nominal,
            earliest=nominal,
            latest_start=latest_start,
            duration=self.duration,
            zone=self.zone,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A policy bound to a moment (all times in UTC).

    Attributes:
        nominal_start: when the run would have started without us.
        earliest: first allowed start.
        latest_start: last allowed start.
        duration: expected run time.
        zone: grid zone key, or None.
    """

    nominal_start: datetime
    earliest: datetime
    latest_start: datetime
    duration: timedelta
    zone: str | None

    def __post_init__(self) -> None:
        for name in ("nominal_start", "earliest", "latest_start"):
            object.__setattr__(self, name, to_utc(getattr(self, name), name))
        _positive(self.duration, "duration")
        if self.latest_start < self.earliest:
            msg = (
                f"latest_start {self.latest_start.isoformat()} lies before "
                f"earliest {self.earliest.isoformat()}"
            )
            raise InvalidInputError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Run now, or wait until ``slot.start``; with the reason and the numbers behind it.

    Attributes:
        wait: whether to wait for ``slot``.
        reason: stable code.
        sentence: the same for a person, with the numbers.
        request: what was asked.
        slot: the chosen slot; None when there was none to choose from.
        intensity_nominal: mean gCO2eq/kWh over ``duration`` from the nominal start; None
            when the forecast does not cover it.
        source: name of the forecast source, or None.
        signal: ``average`` or ``marginal``, or None without a forecast.
        failures: which sources did not deliver before that one, and why.
    """

    wait: bool
    reason: Reason
    sentence: str
    request: Request
    slot: Slot | None = None
    intensity_nominal: float | None = None
    source: str | None = None
    signal: Signal | None = None
    failures: tuple[str, ...] = ()

    @property
    def intensity_slot(self) -> float | None:
        """Mean gCO2eq/kWh over the slot."""
        return None if self.slot is None else self.slot.mean_intensity

    @property
    def saving(self) -> float | None:
        """``1 - slot mean / nominal mean``, always against the run's own nominal start.

        None when either mean is unknown, or the nominal mean is not positive (a ratio
        to zero or to a negative intensity means nothing).
        """
        if self.slot is None or self.intensity_nominal is None:
            return None
        if self.intensity_nominal <= 0:
            return None
        return 1 - self.slot.mean_intensity / self.intensity_nominal


def run_now(request: Request, reason: Reason, because: str) -> Decision:
    """The decision to start at once, for a reason outside the forecast."""
    return Decision(
        wait=False, reason=reason, sentence=f"Starting now: {because}", request=request
    )


def decide(request: Request, forecast: Forecast, now: datetime) -> Decision:
    """Choose the cleanest start that is still allowed at ``now``.

    A wait needs a start later than ``now`` that is strictly cleaner than every earlier
    one. When the forecast does not reach the nominal start there is no saving to state,
    but the cleanest slot that it does cover is still taken.

    Args:
        request: window, duration and zone.
        forecast: intensity of that zone.
        now: the present (aware); starts before it are no candidates.

    Returns:
        The decision. Missing forecast is an answer (``no_forecast``), not an error.
    """
    now = to_utc(now, "now")
    base = Decision(
        wait=False,
        reason=Reason.CLEANEST_NOW,
        sentence="",
        request=request,
        intensity_nominal=forecast.mean(request.nominal_start, request.duration),
        source=forecast.source,
        signal=forecast.signal,
    )
    if now > request.latest_start:
        sentence = f"Starting now: the window closed at {_clock(request.latest_start)}"
        return replace(base, reason=Reason.WINDOW_CLOSED, sentence=sentence)
    earliest = max(now, request.earliest)
    try:
        slot = find_slot(
            forecast,
            earliest=earliest,
            latest_start=request.latest_start,
            duration=request.duration,
        )
    except NoSlotError as error:
        return replace(base, reason=Reason.NO_FORECAST, sentence=f"Starting now: {error}")
    found = replace(base, slot=slot)
    if slot.start <= now:
        until = _clock(request.latest_start)
        sentence = (
            f"Starting now: no start until {until} is cleaner than "
            f"{slot.mean_intensity:.0f} gCO2/kWh{_zone(request)}"
        )
        return replace(found, sentence=sentence)
    return wait_for(found)


def wait_for(decision: Decision) -> Decision:
    """The same decision as one to wait for its slot, with the sentence that says so."""
    slot = decision.slot
    if slot is None:
        msg = "there is no slot to wait for"
        raise InvalidInputError(msg)
    seconds = slot.duration < _BRIEF
    sentence = (
        f"Waiting for cleaner electricity: {_clock(slot.start, seconds).split()[0]}"
        f"-{_clock(slot.end, seconds)}, {_change(decision)}{_zone(decision.request)}"
    )
    return replace(decision, wait=True, reason=Reason.CLEANER_SLOT, sentence=sentence)


def _clock(moment: datetime, seconds: bool = False) -> str:
    return f"{moment:%H:%M:%S} UTC" if seconds else f"{moment:%H:%M} UTC"


def _zone(request: Request) -> str:
    return "" if request.zone is None else f", zone {request.zone}"


def _change(decision: Decision) -> str:
    after = f"{decision.intensity_slot:.0f} gCO2/kWh"
    if decision.intensity_nominal is None:
        return f"{after} (the forecast does not cover a run at the nominal start)"
    before = f"{decision.intensity_nominal:.0f} -> {after}"
    saving = decision.saving
    return before if saving is None else f"{before} ({-100 * saving:+.0f} %)"
