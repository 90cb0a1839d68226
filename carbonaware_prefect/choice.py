"""From what a call said to a decision: which place, which source, what to do.

`Ask.check` runs where a delay is *defined* and raises typed errors for bad input.
`choose` runs where the flow *runs* and raises nothing: every fault there is a reason to
start now, because a fault must never cost a run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from carbonaware_prefect.clouds.places import resolve_zone
from carbonaware_prefect.core import (
    Decision,
    Forecast,
    Interval,
    Policy,
    Reason,
    Request,
    decide,
    run_now,
)
from carbonaware_prefect.errors import (
    CarbonAwareError,
    InvalidInputError,
    NoForecastError,
    UnknownSourceError,
)
from carbonaware_prefect.settings import (
    DEFAULT_DURATION,
    DEFAULT_MINIMUM_WAIT,
    DEFAULT_WINDOW,
    Settings,
)
from carbonaware_prefect.sources.base import FixedSource, Source
from carbonaware_prefect.sources.file import FileSource
from carbonaware_prefect.sources.typical import TypicalSource

__all__ = ["Ask", "SourceLike", "choose", "open_source", "policy_for"]

SourceLike = str | Source | Forecast
"""A source by name (``"typical"``, ``"file:PATH"``), a `Source`, or a fixed `Forecast`."""

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

    def check(self) -> Ask:
        """This ask, if all it says is allowed.

        Raises:
            InvalidInputError: (a ValueError) a window or duration that is not positive.
            UnknownPlaceError: (a ValueError) unknown or mismatched provider, region, zone.
            UnknownSourceError: (a ValueError) no source of that name.
        """
        Policy(window=self.window, duration=self.duration, minimum_wait=self.minimum_wait)
        resolve_zone(provider=self.provider, region=self.region, zone=self.zone)
        open_source(self.source)
        return self

    def policy(self, settings: Settings) -> Policy:
        """The policy, with the environment filling in what the call left open."""
        said = self if self._names_a_place() else settings
        return Policy(
            window=_fill(self.window, DEFAULT_WINDOW, settings.window),
            duration=_fill(self.duration, DEFAULT_DURATION, settings.duration),
            minimum_wait=_fill(
                self.minimum_wait, DEFAULT_MINIMUM_WAIT, settings.minimum_wait
            ),
            zone=resolve_zone(provider=said.provider, region=said.region, zone=said.zone),
        )

    def _names_a_place(self) -> bool:
        return any((self.region, self.provider, self.zone))


def _fill(said: timedelta, default: timedelta, environment: timedelta | None) -> timedelta:
    return environment if said is default and environment is not None else said


def open_source(source: object) -> Source:
    """The source that a name, a source or a fixed forecast stands for.

    Raises:
        UnknownSourceError: (a ValueError) nothing of that name.
    """
    if source is None:
        return TypicalSource()
    if isinstance(source, Forecast):
        return FixedSource(source)
    if not isinstance(source, str):
        if isinstance(source, Source):
            return source
        msg = f"source must be a name, a Source or a Forecast, got {source!r}"
        raise UnknownSourceError(msg)
    name, _, path = source.strip().partition(":")
    if name.lower() in {"typical", "auto"} and not path:
        return TypicalSource()
    if name.lower() == "file" and path:
        return FileSource(path)
    msg = f"unknown forecast source {source!r}; allowed are 'typical', 'auto', 'file:PATH'"
    raise UnknownSourceError(msg)


def policy_for(ask: Ask) -> Policy:
    """The policy of an ask here and now; without the environment where that is bad."""
    try:
        return ask.policy(Settings.read())
    except InvalidInputError:
        return ask.policy(Settings.model_construct())


def choose(ask: Ask, *, nominal_start: datetime, now: datetime) -> Decision:
    """Decide for a run that would have started at ``nominal_start``. Raises nothing.

    Args:
        ask: what the call said, checked.
        nominal_start: when the run would have started without us (aware).
        now: the present (aware).

    Returns:
        The decision; any fault on the way (settings, place, source, forecast) makes it
        ``run now`` with the fault as its reason.
    """
    try:
        settings = Settings.read()
        request = ask.policy(settings).bind(nominal_start)
        source = open_source(settings.source if ask.source is None else ask.source)
    except InvalidInputError as error:
        request = policy_for(ask).bind(nominal_start)
        return run_now(request, Reason.INVALID_SETTING, str(error))
    return _consult(source, request, now)


def _consult(source: Source, request: Request, now: datetime) -> Decision:
    if request.zone is None and isinstance(source, TypicalSource):
        return run_now(request, Reason.NO_PLACE, f"nobody said where this runs; {_REMEDY}")
    asked = Interval(request.earliest, request.latest_start + request.duration)
    try:
        forecast = source.fetch(request.zone, asked)
        return decide(request, forecast, now)
    except NoForecastError as error:
        return _failed(source, request, Reason.NO_FORECAST, str(error))
    except CarbonAwareError as error:
        return _failed(source, request, Reason.SOURCE_FAILED, str(error))
    except Exception as error:  # noqa: BLE001  a user's own source may raise anything
        fault = f"{type(error).__name__}: {error}"
        return _failed(source, request, Reason.SOURCE_FAILED, fault)


def _failed(source: Source, request: Request, reason: Reason, fault: str) -> Decision:
    because = f"the forecast source {_name(source)!r} did not help: {fault}"
    return replace(run_now(request, reason, because), source=_name(source))


def _name(source: Source) -> str:
    try:
        return str(source.name)
    except Exception:  # noqa: BLE001  a user's own source may raise anything
        return type(source).__name__
