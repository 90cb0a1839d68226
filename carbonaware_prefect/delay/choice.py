"""From what a call said to a decision: which place, which source, what to do.

`Ask.check` runs where a delay is *defined* and raises typed errors for bad input.
`choose` runs where the flow *runs* and raises nothing: every fault there is a reason to
start now, because a fault must never cost a run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta, tzinfo
from typing import TypeVar

from carbonaware_prefect.clouds.detection import where_am_i
from carbonaware_prefect.clouds.findings import Detection
from carbonaware_prefect.clouds.places import Place, resolve_place, resolve_zone
from carbonaware_prefect.core import (
    Bound,
    Decision,
    Forecast,
    Hours,
    Interval,
    Policy,
    Reason,
    Request,
    decide,
    run_now,
)
from carbonaware_prefect.core.slots import cleanest_slot, no_slot
from carbonaware_prefect.errors import (
    CarbonAwareError,
    InvalidInputError,
    NoForecastError,
    UnknownPlaceError,
)
from carbonaware_prefect.settings import (
    DEFAULT_DURATION,
    DEFAULT_MINIMUM_WAIT,
    DEFAULT_WINDOW,
    Settings,
)
from carbonaware_prefect.sources.base import Source
from carbonaware_prefect.sources.wiring.catalogue import open_source
from carbonaware_prefect.sources.wiring.chain import Answer, ChainSource

__all__ = ["Ask", "SourceLike", "choose", "consult", "find_place", "policy_for"]

SourceLike = str | Source | Forecast
"""Names (``"auto"``, ``"typical"``, ``"file:PATH"``), a `Source`, or a `Forecast`."""

T = TypeVar("T")
_REMEDY = (
    "give provider and region, or zone, in the call, or set CARBONAWARE_PROVIDER and "
    "CARBONAWARE_REGION, or CARBONAWARE_ZONE"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a call said, checked; what it left open comes from the environment later.

    A ``window``, ``duration`` or ``minimum_wait`` left at its default *object* counts as
    not said, so that ``CARBONAWARE_WINDOW`` and its like can fill it in.
    """

    window: timedelta = DEFAULT_WINDOW
    duration: timedelta = DEFAULT_DURATION
    minimum_wait: timedelta = DEFAULT_MINIMUM_WAIT
    region: str | None = None
    provider: str | None = None
    zone: str | None = None
    source: SourceLike | None = None
    latest_start: Bound | None = None
    finish_by: Bound | None = None
    not_between: tuple[Hours, ...] | None = None
    time_zone: tzinfo | None = None
    minimum_saving: float | None = None
    left_open: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        # Noted now: in a process that gets the flow pickled, the objects are others.
        same = {f.name for f in fields(self) if getattr(self, f.name, self) is f.default}
        object.__setattr__(self, "left_open", frozenset(same))

    def check(self) -> Ask:
        """This ask, if all it says is allowed.

        Raises:
            InvalidInputError: (a ValueError) a window or duration that is not positive.
            UnknownPlaceError: (a ValueError) unknown or mismatched provider, region, zone.
            UnknownSourceError: (a ValueError) no source of that name.
        """
        self._bounds(Settings.model_construct())
        resolve_zone(provider=self.provider, region=self.region, zone=self.zone)
        # Without settings: what runs elsewhere has other credentials, but the same names.
        open_source(self.source, Settings.model_construct())
        return self

    def policy(self, settings: Settings, *, detect: bool = False) -> Policy:
        """The policy, with the environment filling in what the call left open."""
        place, _ = find_place(self, settings, detect=detect)
        return replace(self._bounds(settings), zone=None if place is None else place.zone)

    def _bounds(self, settings: Settings) -> Policy:
        """The policy but for its zone."""
        return Policy(
            window=self._fill("window", settings),
            duration=self._fill("duration", settings),
            minimum_wait=self._fill("minimum_wait", settings),
            latest_start=_said(self.latest_start, settings.latest_start),
            finish_by=_said(self.finish_by, settings.finish_by),
            not_between=_said(self.not_between, settings.not_between),
            time_zone=_said(self.time_zone, settings.time_zone),
            minimum_saving=_said(self.minimum_saving, settings.minimum_saving),
        )

    def _fill(self, name: str, settings: Settings) -> timedelta:
        environment: timedelta | None = getattr(settings, name)
        said: timedelta = getattr(self, name)
        return environment if name in self.left_open and environment is not None else said

    def names_a_place(self) -> bool:
        """Whether the call says where the work runs."""
        return any((self.region, self.provider, self.zone))


def _said(said: T | None, environment: T) -> T:
    return environment if said is None else said


def find_place(
    ask: Ask, settings: Settings, *, detect: bool = True
) -> tuple[Place | None, Detection | None]:
    """Where the work runs: as the call says, else the environment, else as detected.

    Args:
        ask: what the call said.
        settings: what the environment says.
        detect: whether to look for a cloud; ``CARBONAWARE_DETECT=0`` forbids it too.

    Returns:
        The place, None when nobody can tell; and what detection found, None when there
        was no need to ask it.

    Raises:
        UnknownPlaceError: (a ValueError) the environment names a place that is unknown.
    """
    said = ask if ask.names_a_place() else settings
    place = resolve_place(provider=said.provider, region=said.region, zone=said.zone)
    if place is not None or not (detect and settings.detect):
        return place, None
    detection = where_am_i(_in_the_map)
    if detection.place is None:
        return None, detection
    provider, region = detection.place
    return resolve_place(provider=provider, region=region), detection


def _in_the_map(provider: str, region: str) -> bool:
    try:
        return resolve_place(provider=provider, region=region) is not None
    except UnknownPlaceError:
        return False


def policy_for(ask: Ask) -> Policy:
    """The policy of an ask here and now; without the environment where that is bad."""
    try:
        return ask.policy(Settings.read())
    except InvalidInputError:
        return ask.policy(Settings.model_construct())


def choose(
    ask: Ask,
    *,
    nominal_start: datetime,
    now: datetime,
    tell: Callable[[str], None] = lambda _: None,
    read: Callable[[], Settings] = Settings.read,
    time_zone: Callable[[], tzinfo | None] = lambda: None,
) -> Decision:
    """Decide for a run that would have started at ``nominal_start``. Raises nothing.

    Args:
        ask: what the call said, checked.
        nominal_start: when the run would have started without us (aware).
        now: the present (aware).
        tell: takes a sentence for the log on what was detected.
        read: reads the settings.
        time_zone: finds that of the run's schedule; asked only where a time of day needs
            one and nobody named it.

    Returns:
        The decision; any fault on the way (settings, place, source, forecast) makes it
        ``run now`` with the fault as its reason.
    """
    try:
        settings = read()
        source = open_source(
            settings.source if ask.source is None else ask.source, settings
        )
        needs_zone = bool(getattr(source, "needs_zone", False))
        place, detection = find_place(ask, settings, detect=needs_zone)
        policy = ask.policy(settings)
    except InvalidInputError as error:
        request = policy_for(ask).bind(nominal_start)
        return run_now(request, Reason.INVALID_SETTING, str(error))
    if place is not None:
        policy = replace(policy, zone=place.zone)
    if detection is not None and place is not None:
        tell(f"Nobody said where this runs; {detection.sentence}, zone {place.zone}")
    request = policy.bind(nominal_start, time_zone() if policy.is_local() else None)
    if place is None and needs_zone:
        return run_now(request, Reason.NO_PLACE, _nowhere(detection))
    return consult(source, request, now)


def _nowhere(detection: Detection | None) -> str:
    if detection is None:
        return f"nobody said where this runs, and detection is switched off; {_REMEDY}"
    # Without detection's own remedy, which is part of ours.
    found = detection.sentence.rpartition("; ")[0]
    tried = ", ".join(dict.fromkeys(probe.asked for probe in detection.probes))
    looked = f" (looked at: {tried})" if tried else ""
    return f"nobody said where this runs, and detection says: {found}{looked}; {_REMEDY}"


def consult(source: Source, request: Request, now: datetime) -> Decision:
    """Decide by what a source forecasts; its faults make it ``run now``."""
    if request.conflict is not None:
        return run_now(request, Reason.NO_ALLOWED_START, request.conflict)
    end = request.latest_start + request.duration
    try:
        answer = _ask(source, request, Interval(request.earliest, end), now)
        decision = decide(request, answer.forecast, now)
    except NoForecastError as error:
        return _failed(source, request, Reason.NO_FORECAST, error)
    except Exception as error:  # noqa: BLE001  a user's own source may raise anything
        return _failed(source, request, Reason.SOURCE_FAILED, error)
    return _with_notes(decision, answer, end)


def _ask(source: Source, request: Request, asked: Interval, now: datetime) -> Answer:
    if not isinstance(source, ChainSource):
        forecast = source.fetch(request.zone, asked)
        return Answer(forecast=forecast, source_name=_name(source))

    def look(forecast: Forecast) -> str | None:
        # Past the window no forecast is of use, and that is for `decide` to say.
        if not (starts := request.starts_from(now)):
            return None
        if cleanest_slot(forecast, starts, request.duration) is not None:
            return None
        return str(no_slot(forecast, starts[0][0], starts[-1][1], request.duration))

    return source.ask(request.zone, asked, look=look)


def _with_notes(decision: Decision, answer: Answer, end: datetime) -> Decision:
    """The decision, with what limits it in its sentence."""
    notes = []
    known = answer.forecast.end
    if decision.slot is not None and known < end:
        notes.append(f"the forecast ends at {known:%Y-%m-%d %H:%M} UTC, before the window")
    failures = tuple(f"{name}: {reason}" for name, reason in answer.failures)
    if failures:
        notes.append(f"{answer.source_name} answered, after {'; '.join(failures)}")
    sentence = decision.sentence + "".join(f" ({note})" for note in notes)
    return replace(
        decision,
        sentence=sentence,
        source=decision.source or answer.source_name,
        failures=failures,
    )


def _failed(source: Source, request: Request, reason: Reason, error: Exception) -> Decision:
    fault = str(error)
    if not isinstance(error, CarbonAwareError):
        fault = f"{type(error).__name__}: {error}"
    because = f"the forecast source {_name(source)!r} did not help: {fault}"
    told = getattr(error, "failures", ())
    return replace(
        run_now(request, reason, because),
        source=_name(source),
        failures=tuple(f"{name}: {why}" for name, why in told),
    )


def _name(source: Source) -> str:
    try:
        return str(source.name)
    except Exception:  # noqa: BLE001  a user's own source may raise anything
        return type(source).__name__
