"""One forecast for each zone and source, however many runs ask for it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carbonaware_prefect.core import Forecast, Interval, Reason, Request, run_now
from carbonaware_prefect.core.decision import Decision
from carbonaware_prefect.core.slots import cleanest_slot, no_slot
from carbonaware_prefect.errors import CarbonAwareError, InvalidInputError, NoForecastError
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.base import Source
from carbonaware_prefect.sources.wiring.catalogue import open_source
from carbonaware_prefect.sources.wiring.chain import Answer, ChainSource

__all__ = ["Asking", "Found", "fetch_all"]

_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A request, and the settings that name its source."""

    request: Request
    settings: Settings

    @property
    def key(self) -> tuple[Any, ...]:
        """What may differ between two questions to a source."""
        return (self.settings.source, self.settings.allow_typical, self.request.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a source answered for one zone: a forecast, or why there is none.

    Attributes:
        forecast: None when the source did not help.
        failures: which sources did not deliver before the one that did, and why.
        reason, because: why there is no forecast.
    """

    forecast: Forecast | None = None
    failures: tuple[str, ...] = ()
    reason: Reason = Reason.NO_FORECAST
    because: str = ""

    def decline(self, request: Request, now: datetime) -> Decision:
        """The decision that no forecast comes to: the nominal start."""
        ahead = now < request.nominal_start
        return run_now(request, self.reason, self.because, ahead=ahead)


async def fetch_all(
    askings: Iterable[Asking], now: datetime
) -> Mapping[tuple[Any, ...], Found]:
    """What the sources answer, by the askings' keys; each is asked once.

    Sources that ask the network keep their own limits of time. No fault of a source is
    raised.
    """
    groups: dict[tuple[Any, ...], list[Asking]] = defaultdict(list)
    for asking in askings:
        groups[asking.key].append(asking)
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(group: list[Asking]) -> Found:
        async with places:
            # Sources are synchronous; the API's calls go on meanwhile.
            return await asyncio.to_thread(_fetch, group, now)

    found = await asyncio.gather(*map(one, groups.values()))
    return dict(zip(groups, found, strict=True))


def _fetch(group: list[Asking], now: datetime) -> Found:
    settings, zone = group[0].settings, group[0].request.zone
    requests = [asking.request for asking in group]
    try:
        source = open_source(settings.source, settings)
        if zone is None and bool(getattr(source, "needs_zone", False)):
            because = (
                "nobody said where this runs; set CARBONAWARE_ZONE, or "
                "CARBONAWARE_PROVIDER and CARBONAWARE_REGION, in the deployment's "
                "job_variables.env"
            )
            return Found(reason=Reason.NO_PLACE, because=because)
        answer = _ask(source, zone, requests, now)
    except InvalidInputError as error:
        return Found(reason=Reason.INVALID_SETTING, because=str(error))
    except NoForecastError as error:
        return Found(because=f"no forecast: {error}")
    except Exception as error:  # noqa: BLE001  a source may raise anything
        fault = str(error)
        if not isinstance(error, CarbonAwareError):
            fault = f"{type(error).__name__}: {error}"
        because = f"the forecast source did not help: {fault}"
        return Found(reason=Reason.SOURCE_FAILED, because=because)
    failures = tuple(f"{name}: {reason}" for name, reason in answer.failures)
    return Found(forecast=answer.forecast, failures=failures)


def _ask(
    source: Source, zone: str | None, requests: list[Request], now: datetime
) -> Answer:
    """One answer for all requests: from the first start of any to the last end."""
    first = max(now, min(min(each.earliest, each.nominal_start) for each in requests))
    last = max(each.latest_start + each.duration for each in requests)
    asked = Interval(first, max(last, first + requests[0].duration))
    if not isinstance(source, ChainSource):
        return Answer(forecast=source.fetch(zone, asked), source_name=source.name)

    def look(forecast: Forecast) -> str | None:
        """Why the forecast is of no use to any of the requests."""
        fault = None
        for request in requests:
            starts = request.starts_from(now)
            if not starts or cleanest_slot(forecast, starts, request.duration):
                return None
            fault = no_slot(forecast, starts[0][0], starts[-1][1], request.duration)
        return str(fault)

    return source.ask(zone, asked, look=look)
