"""One forecast for each zone and source, however many runs need it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carbonaware_prefect.core import Reason, Request, run_now
from carbonaware_prefect.core.decision import Decision
from carbonaware_prefect.errors import InvalidInputError
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.wiring.catalogue import open_source
from carbonaware_prefect.sources.wiring.fetch import Fetched, fetch_for, needs_zone

__all__ = ["Need", "decline", "fetch_all"]

_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A request that needs a forecast, and the settings that name its source."""

    request: Request
    settings: Settings

    @property
    def key(self) -> tuple[Any, ...]:
        """What may differ between two fetches."""
        fields = self.settings.policy_fields
        return (fields["source"], fields["allow_typical"], self.request.zone)


async def fetch_all(
    needs: Iterable[Need], now: datetime
) -> Mapping[tuple[Any, ...], Fetched]:
    """What the sources bring, by the needs' keys; one fetch for each.

    Sources that use the network keep their own limits of time. No fault of a source is
    raised.
    """
    groups: dict[tuple[Any, ...], list[Need]] = defaultdict(list)
    for need in needs:
        groups[need.key].append(need)
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(group: list[Need]) -> Fetched:
        async with places:
            # Sources are synchronous; the API's calls go on meanwhile.
            return await asyncio.to_thread(_fetch, group, now)

    found = await asyncio.gather(*map(one, groups.values()))
    return dict(zip(groups, found, strict=True))


def _fetch(group: list[Need], now: datetime) -> Fetched:
    settings, zone = group[0].settings, group[0].request.zone
    name = settings.policy_fields["source"]
    try:
        source = open_source(name, settings)
    except InvalidInputError as error:
        return Fetched(source=str(name), reason=Reason.INVALID_SETTING, because=str(error))
    if zone is None and needs_zone(source):
        because = (
            "nobody said where this runs; set CARBONAWARE_ZONE, or CARBONAWARE_PROVIDER "
            "and CARBONAWARE_REGION, in the deployment's job_variables.env"
        )
        return Fetched(source=source.name, reason=Reason.NO_PLACE, because=because)
    return fetch_for(source, [need.request for need in group], now)


def decline(fetched: Fetched, request: Request, now: datetime) -> Decision:
    """The decision that no forecast comes to: the nominal start."""
    ahead = now < request.nominal_start
    return run_now(request, fetched.reason, fetched.because, ahead=ahead)
