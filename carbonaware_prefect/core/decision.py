"""From a request and a forecast to a decision, with the reason in code and in words.

Every door of the package (delay task, in-process delay, planner) decides here, so that
the same request gets the same answer, explained in the same words.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from carbonaware_prefect.core.basis import Basis
from carbonaware_prefect.core.choice import MOVED, reason_for, share_saved
from carbonaware_prefect.core.forecast import Forecast, Signal
from carbonaware_prefect.core.intervals import to_utc
from carbonaware_prefect.core.reasons import Reason
from carbonaware_prefect.core.request import Request
from carbonaware_prefect.core.slots import Slot, cleanest_slot, no_slot
from carbonaware_prefect.errors import InvalidInputError

__all__ = ["Decision", "conclude", "decide", "run_now", "wait_for"]


# A slot shorter than this needs the seconds to be told apart from no slot.
_BRIEF = timedelta(minutes=5)
# Why a run that may not start at its nominal time starts at another.
_DISPLACED = {
    Reason.HOURS_KEPT_FREE: (
        "Waiting for the cleanest start outside of the hours kept free"
    ),
    Reason.FINISH_BY: "Starting early enough to finish in time",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Run now, or wait until ``slot.start``; with the reason and the numbers behind it.

    Attributes:
        wait: whether to wait for ``slot``; made before the nominal start: whether to
            start at ``slot`` instead.
        reason: stable code.
        sentence: the same for a person, with the numbers.
        request: what was asked.
        slot: the chosen slot; None when there was none to choose from.
        intensity_nominal: mean gCO2eq/kWh over ``duration`` from the nominal start; None
            when the forecast does not cover it, or is modelled.
        source: name of the forecast source, or None.
        signal: ``average`` or ``marginal``, or None without a forecast.
        failures: which sources did not deliver before that one, and why.
        basis: what the forecast rests on, where more can be said than its source's name.
        percent_nominal: what ``intensity_nominal`` would be, in percent of a modelled day.
        forecast: what was decided by, None without one; it is no part of what makes two
            decisions the same.
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
    basis: Basis | None = None
    percent_nominal: float | None = None
    forecast: Forecast | None = field(default=None, repr=False, compare=False)

    @property
    def modelled(self) -> bool:
        """Whether the forecast gives percent of a modelled day instead of grams."""
        return self.basis is not None and self.basis.modelled

    @property
    def intensity_slot(self) -> float | None:
        """Mean gCO2eq/kWh over the slot; None where the forecast is modelled."""
        return None if self.slot is None or self.modelled else self.slot.mean_intensity

    @property
    def saving(self) -> float | None:
        """``1 - slot mean / nominal mean``, always against the run's own nominal start.

        None when either mean is unknown, or the nominal mean is not positive.
        """
        nominal = self.percent_nominal if self.modelled else self.intensity_nominal
        return share_saved(nominal, None if self.slot is None else self.slot.mean_intensity)


def run_now(
    request: Request, reason: Reason, because: str, *, ahead: bool = False
) -> Decision:
    """The decision not to wait, for a reason outside the forecast.

    Args:
        request: what was asked.
        reason: stable code.
        because: the same in words.
        ahead: whether the nominal start still lies ahead.
    """
    sentence = f"{_starting(request, ahead)}: {because}"
    return Decision(wait=False, reason=reason, sentence=sentence, request=request)


def decide(request: Request, forecast: Forecast, now: datetime) -> Decision:
    """Choose the cleanest start that is still allowed at ``now``.

    Without us the run starts at its nominal start, or now if that has passed. Another
    start is chosen when it is strictly cleaner, by at least the minimum saving; or when
    that one is not allowed (hours kept free). Of equal starts the earliest is taken.
    When the forecast does not reach the nominal start there is no saving to state, but
    the cleanest slot that it does cover is still taken.

    Args:
        request: allowed starts, duration and zone.
        forecast: intensity of that zone.
        now: the present (aware); starts before it are no candidates.

    Returns:
        The decision. Missing forecast is an answer (``no_forecast``), not an error.
    """
    now = to_utc(now, "now")
    slot = cleanest_slot(forecast, request.starts_from(now), request.duration)
    return conclude(request, forecast, slot, now)


def conclude(
    request: Request, forecast: Forecast, slot: Slot | None, now: datetime
) -> Decision:
    """The decision that a chosen slot comes to, with its reason in code and in words.

    Args:
        request: what was asked.
        forecast: of its zone.
        slot: the cleanest allowed slot from ``now`` on (or, where runs share limits,
            this run's part of the best plan); None when there is none.
        now: the present, in UTC.
    """
    ahead = now < request.nominal_start
    starting = _starting(request, ahead)
    nominal = forecast.mean(request.nominal_start, request.duration)
    base = Decision(
        wait=False,
        reason=Reason.CLEANEST_NOW,
        sentence="",
        request=request,
        intensity_nominal=None if forecast.modelled else nominal,
        percent_nominal=nominal if forecast.modelled else None,
        source=forecast.source,
        signal=forecast.signal,
        basis=forecast.basis,
        forecast=forecast,
    )
    reason = reason_for(
        request,
        slot,
        now,
        lambda start: forecast.mean(start, request.duration),
        request.least_saving(forecast),
    )
    found = replace(base, slot=slot, reason=reason)
    if reason in MOVED:
        return wait_for(found)
    if request.conflict is not None:
        return replace(base, reason=reason, sentence=f"{starting}: {request.conflict}")
    if reason is Reason.WINDOW_CLOSED:
        because = f" ({request.ends_because})" if request.ends_because else ""
        closed = _moment(request.latest_start, now)
        sentence = f"{starting}: the window closed at {closed}{because}"
        return replace(base, reason=reason, sentence=sentence)
    if slot is None:
        starts = request.starts_from(now)
        error = no_slot(forecast, starts[0][0], starts[-1][1], request.duration)
        return replace(base, reason=reason, sentence=f"{starting}: {error}")
    return _stay(found, forecast, max(now, request.nominal_start), starting)


def _stay(
    found: Decision, forecast: Forecast, default: datetime, starting: str
) -> Decision:
    """The decision for the start that the run has without us, and what the slot lacks."""
    request, slot = found.request, found.slot
    assert slot is not None  # noqa: S101  conclude() has looked
    mean = forecast.mean(default, request.duration)
    stay = slot if mean is None else Slot(default, default + request.duration, mean)
    if found.reason is Reason.SAVING_TOO_SMALL:
        saving, least = found.saving or 0.0, request.least_saving(forecast)
        because = (
            f"{_clock(slot.start)} would save {100 * saving:.1f} %, less than "
            f"the minimum saving of {100 * least:g} %"
        )
    else:
        until = _clock(request.latest_start)
        level = "now" if found.modelled else f"{stay.mean_intensity:.0f} gCO2/kWh"
        because = f"no start until {until} is cleaner than {level}"
    return replace(found, slot=stay, sentence=f"{starting}: {because}{_rest(found)}")


def wait_for(decision: Decision) -> Decision:
    """The same decision as one to wait for its slot, with the sentence that says so."""
    slot, request = decision.slot, decision.request
    if slot is None:
        msg = "there is no slot to wait for"
        raise InvalidInputError(msg)
    displaced = decision.reason in _DISPLACED
    seconds = slot.duration < _BRIEF
    waiting = "Waiting for cleaner electricity"
    if displaced:
        waiting = _DISPLACED[decision.reason]
    elif slot.start < request.nominal_start:
        waiting = f"Starting before {_clock(request.nominal_start)} is cleaner"
    sentence = (
        f"{waiting}: {_clock(slot.start, seconds).split()[0]}"
        f"-{_clock(slot.end, seconds)}, {_change(decision)}{_rest(decision)}"
    )
    reason = decision.reason if displaced else Reason.CLEANER_SLOT
    return replace(decision, wait=True, reason=reason, sentence=sentence)


def _starting(request: Request, ahead: bool) -> str:
    if not ahead:
        return "Starting now"
    return f"Starting at its nominal time {_clock(request.nominal_start)}"


def _clock(moment: datetime, seconds: bool = False) -> str:
    return f"{moment:%H:%M:%S} UTC" if seconds else f"{moment:%H:%M} UTC"


def _moment(moment: datetime, now: datetime) -> str:
    """With its date where that is not today's."""
    date = "" if moment.date() == now.date() else f"{moment:%Y-%m-%d} "
    return date + _clock(moment, moment.second != 0)


def _rest(decision: Decision) -> str:
    """Where, whom to credit, and what ends the allowed starts sooner than the policy."""
    request, basis = decision.request, decision.basis
    zone = "" if request.zone is None else f", zone {request.zone}"
    credit = "" if basis is None or not basis.credit else f"; {basis.credit}"
    if request.ends_because is None:
        return zone + credit
    last = _clock(request.latest_start, request.latest_start.second != 0)
    return f"{zone} (no start after {last}: {request.ends_because}){credit}"


def _change(decision: Decision) -> str:
    if decision.modelled:
        saving = decision.saving
        change = "cleanest" if saving is None else f"{-100 * saving:+.0f} %"
        return f"{change} by a modelled day"
    after = f"{decision.intensity_slot:.0f} gCO2/kWh"
    if decision.intensity_nominal is None:
        return f"{after} (the forecast does not cover a run at the nominal start)"
    before = f"{decision.intensity_nominal:.0f} -> {after}"
    saving = decision.saving
    return before if saving is None else f"{before} ({-100 * saving:+.0f} %)"
