"""Fetching a forecast: one source or a chain, for a purpose, with its faults as reasons.

`fetch` raises what the sources raise, for a person who wants to know. `fetch_for` is for
runs, which no fault may cost: each becomes a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from carbonaware_prefect.core import Forecast, Interval, Reason, Request
from carbonaware_prefect.core.slots import cleanest_slot, no_slot
from carbonaware_prefect.errors import (
    CarbonAwareError,
    NoForecastError,
    SourceMalformedError,
)
from carbonaware_prefect.sources.base import Source
from carbonaware_prefect.sources.file import FileSource
from carbonaware_prefect.sources.wiring.chain import Answer, ChainSource, Check, fits

__all__ = ["Fetched", "fetch", "fetch_for", "needs_zone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a fetch brought: a forecast, or why there is none.

    Attributes:
        source: name of the source that answered, else of the one that was to.
        forecast: None when the source did not help.
        failures: which sources did not deliver, and why.
        reason: why there is no forecast.
        because: the same in words.
    """

    source: str
    forecast: Forecast | None = None
    failures: tuple[str, ...] = ()
    reason: Reason = Reason.NO_FORECAST
    because: str = ""


def needs_zone(source: Source) -> bool:
    """Whether the source knows no place by itself."""
    return bool(getattr(source, "needs_zone", False))


def fetch(
    source: Source, zone: str | None, interval: Interval, *, check: Check = fits
) -> Answer:
    """The forecast of ``source``, and who of a chain gave it.

    Args:
        source: one source, or a chain of them.
        zone: grid zone key; None for a source that knows its own place.
        interval: the time of interest.
        check: what else a forecast must stand before a chain takes it for an answer.

    Raises:
        NoForecastError: (a LookupError) nobody knows.
        SourceError: no source delivered.
        Exception: whatever a user's own source raises.
    """
    if isinstance(source, ChainSource):
        return source.fetch_checked(zone, interval, check=check)
    given: object = source.fetch(zone, interval)
    if not isinstance(given, Forecast):
        # A user's own source may return anything.
        msg = f"{_name(source)} gave {type(given).__name__} where a Forecast is due"
        raise SourceMalformedError(msg)
    notes = source.notes if isinstance(source, FileSource) else ()
    return Answer(forecast=given, source_name=_name(source), notes=notes)


def fetch_for(source: Source, requests: Sequence[Request], now: datetime) -> Fetched:
    """One forecast for all requests of a zone: from the first start to the last end.

    A chain goes on to its next source where a forecast is of no use to any of them.
    Raises nothing.

    Args:
        source: one source, or a chain of them.
        requests: of one zone, at least one.
        now: the present (aware).
    """

    def check(forecast: Forecast) -> str | None:
        fault = None
        for request in requests:
            starts = request.starts_from(now)
            if not starts:
                # Past its window none is of use, and that is for the decision to say.
                continue
            if cleanest_slot(forecast, starts, request.duration):
                return None
            fault = no_slot(forecast, starts[0][0], starts[-1][1], request.duration)
        return None if fault is None else str(fault)

    try:
        answer = fetch(source, requests[0].zone, _span(requests, now), check=check)
    except Exception as error:  # noqa: BLE001  a user's own source may raise anything
        return _failed(_name(source), error)
    return Fetched(
        source=answer.source_name,
        forecast=answer.forecast,
        failures=_lines(answer.failures),
    )


def _span(requests: Sequence[Request], now: datetime) -> Interval:
    """From the first start of any, also the nominal one, to the last end."""
    starts = [min(each.earliest, each.nominal_start) for each in requests]
    first = max(now, min(starts))
    last = max(each.latest_start + each.duration for each in requests)
    return Interval(first, max(last, first + requests[0].duration))


def _failed(name: str, error: Exception) -> Fetched:
    fault = str(error)
    if not isinstance(error, CarbonAwareError):
        fault = f"{type(error).__name__}: {error}"
    nobody_knows = isinstance(error, NoForecastError)
    return Fetched(
        source=name,
        failures=_lines(getattr(error, "failures", ())),
        reason=Reason.NO_FORECAST if nobody_knows else Reason.SOURCE_FAILED,
        because=f"the forecast source {name!r} did not help: {fault}",
    )


def _lines(failures: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple(f"{name}: {why}" for name, why in failures)


def _name(source: Source) -> str:
    try:
        return str(source.name)
    except Exception:  # noqa: BLE001  a user's own source may raise anything
        return type(source).__name__
