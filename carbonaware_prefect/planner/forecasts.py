"""One forecast for each zone and source, however many runs need it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from carbonaware_prefect.core import Reason, Request, run_now
from carbonaware_prefect.core.decision import Decision
from carbonaware_prefect.errors import InvalidInputError
from carbonaware_prefect.planner.threads import aside
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.wiring.catalogue import open_source
from carbonaware_prefect.sources.wiring.fetch import Fetched, fetch_for, needs_zone

__all__ = ["Need", "decline", "fetch_all", "turns_of"]

_AT_ONCE = 8
# For a file on a disk that hangs; live sources keep their own, shorter limits.
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A request that needs a forecast, and the settings that name its source.

    Attributes:
        request: what it is for.
        settings: name the source.
        confined: whether somebody else than the planner named it.
        deployment: whose it is.
    """

    request: Request
    settings: Settings
    confined: bool
    deployment: str = ""

    @property
    def key(self) -> tuple[Any, ...]:
        """What may differ between two fetches."""
        fields = self.settings.policy_fields
        source = (fields["source"], self.confined, fields["allow_typical"])
        return (*source, self.request.zone)


async def fetch_all(
    needs: Iterable[Need], now: datetime, *, within: timedelta
) -> Mapping[tuple[Any, ...], Fetched]:
    """What the sources bring, by the needs' keys; one fetch for each.

    No fault of a source is raised.

    Args:
        needs: what forecasts are wanted for.
        now: the present, by the server's clock.
        within: the time for all of them. Of those that one deployment needs, the first
            come before the second of any other; then those that most runs need.
    """
    groups: dict[tuple[Any, ...], list[Need]] = defaultdict(list)
    for need in needs:
        groups[need.key].append(need)
    places = asyncio.Semaphore(_AT_ONCE)
    clock = asyncio.get_running_loop()
    ends = clock.time() + within.total_seconds()

    async def one(group: list[Need]) -> Fetched:
        async with places:
            # Sources are synchronous; the API's calls go on meanwhile.
            patience = min(_PATIENCE, ends - clock.time())
            if patience <= 0:
                return _late(group, "no time was left in this pass to ask its source")
            work = partial(_fetch, group, now)
            try:
                return await asyncio.wait_for(aside(work, name="forecast"), patience)
            except asyncio.TimeoutError:
                return _late(group, f"its source did not answer within {patience:.3g} s")

    # One deployment may name a thousand zones, each of them slow.
    turns = turns_of(groups)
    ordered = sorted(groups, key=lambda key: (turns[key], -len(groups[key])))
    found = await asyncio.gather(*(one(groups[key]) for key in ordered))
    return dict(zip(ordered, found, strict=True))


def turns_of(groups: Mapping[tuple[Any, ...], list[Need]]) -> Mapping[tuple[Any, ...], int]:
    """How many others the deployment has before each, for the one where it is fewest."""
    served: dict[str, int] = defaultdict(int)
    turns: dict[tuple[Any, ...], int] = {}
    for key in sorted(groups, key=lambda key: -len(groups[key])):
        whose = {need.deployment for need in groups[key]}
        turns[key] = min(served[each] for each in whose)
        for each in whose:
            served[each] += 1
    return turns


def _late(group: list[Need], because: str) -> Fetched:
    name = str(group[0].settings.policy_fields["source"])
    return Fetched(source=name, reason=Reason.SOURCE_FAILED, because=because)


def _fetch(group: list[Need], now: datetime) -> Fetched:
    settings, zone = group[0].settings, group[0].request.zone
    name = settings.policy_fields["source"]
    try:
        source = open_source(name, settings, confined=group[0].confined)
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
