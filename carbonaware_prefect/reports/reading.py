"""The runs of a workspace, page by page, in order of their due times."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from carbonaware_prefect.errors import InvalidInputError
from carbonaware_prefect.planner.api import TAG, Api
from carbonaware_prefect.planner.calls import PAGE, Json
from carbonaware_prefect.planner.shapes import deployment_shape, run_shape
from carbonaware_prefect.planner.upcoming import moment

__all__ = ["Asked", "Deployments", "count", "pages", "read_pools"]

_SORT = "EXPECTED_START_TIME_ASC"
_MOST_POOLS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which runs.

    Attributes:
        since, until: of their due times (UTC); the second is not included.
        deployments: ids; None for all runs, also those of no deployment.
        zone: only those whose record names it.
    """

    since: datetime
    until: datetime
    deployments: tuple[str, ...] | None = None
    zone: str | None = None


class Deployments:
    """The deployments of a workspace, by id."""

    def __init__(self, found: Sequence[Json]) -> None:
        self._found = {str(each["id"]): deployment_shape(each) for each in found}

    @classmethod
    async def read(cls, api: Api) -> Deployments:
        """All that there are now."""
        return cls(await api.pages("deployments"))

    def get(self, key: str | None) -> Json:
        """One of them; empty where it has been deleted meanwhile."""
        return self._found.get(key or "", {})

    def name(self, key: str | None) -> str:
        """Its name; what is left of it where it has been deleted."""
        if key is None:
            return "(no deployment)"
        return str(self.get(key).get("name") or f"(deleted {key[:8]})")

    def opted_in(self, key: str | None) -> bool:
        """Whether it has the tag of the planner."""
        return TAG in (self.get(key).get("tags") or [])

    def named(self, words: str) -> tuple[str, ...]:
        """The ids of those with that name or id.

        Raises:
            InvalidInputError: (a ValueError) there are none.
        """
        name = words.rpartition("/")[2]
        found = tuple(key for key in self._found if name == self.get(key)["name"])
        if found:
            return found
        try:
            return (str(UUID(words)),)
        except ValueError:
            known = sorted({str(each["name"]) for each in self._found.values()})
            told = f"there are {', '.join(known[:10])}" if known else "there are none"
            msg = f"no deployment has the name {words!r}; {told}"
            raise InvalidInputError(msg) from None


async def read_pools(api: Api) -> dict[str, Json]:
    """All work pools, by name."""
    found: dict[str, Json] = {}
    for offset in range(0, _MOST_POOLS, PAGE):
        page = await api.page("work_pools", {}, offset, PAGE)
        found |= {str(pool["name"]): pool for pool in page}
        if len(page) < PAGE:
            break
    return found


def _filters(asked: Asked, since: datetime | str) -> Json:
    first = since if isinstance(since, str) else since.isoformat()
    times = {"after_": first, "before_": asked.until.isoformat()}
    runs: Json = {"expected_start_time": times}
    if asked.deployments is not None:
        runs["deployment_id"] = {"any_": list(asked.deployments)}
    return {"flow_runs": runs}


async def count(api: Api, asked: Asked) -> int:
    """About how many there are."""
    found = await api.call("POST", "/flow_runs/count", _filters(asked, asked.since))
    return int(found)


async def pages(api: Api, asked: Asked) -> AsyncIterator[list[Json]]:
    """All of them, each once; the next page is asked for while one is worked on.

    Each page begins at the due time at which the one before ended, so that no run is
    missed where others are made or deleted meanwhile.
    """
    since, offset = asked.since.isoformat(), 0
    seen: set[str] = set()
    reading = asyncio.ensure_future(_page(api, asked, since, offset))
    try:
        while True:
            found, full = await reading
            new = [run for run in found if run["id"] not in seen]
            last = found[-1]["expected_start_time"] if found else since
            if last == since:
                offset += PAGE
                seen.update(run["id"] for run in found)
            else:
                since, offset = last, 0
                seen = {run["id"] for run in found if run["expected_start_time"] == last}
            if full:
                reading = asyncio.ensure_future(_page(api, asked, since, offset))
            if new:
                yield new
            if not full:
                return
    finally:
        reading.cancel()


async def _page(api: Api, asked: Asked, since: str, offset: int) -> tuple[list[Json], bool]:
    """A page, and whether there may be another one."""
    unreadable = len(api.unreadable) + api.unnamed
    filters = _filters(asked, since) | {"sort": _SORT}
    found = await api.page("flow_runs", filters, offset, PAGE)
    passed = len(api.unreadable) + api.unnamed - unreadable
    runs = [run_shape(each) for each in found]
    # The server takes the end in, and the range of a report does not.
    dues = [moment(run["expected_start_time"]) for run in runs]
    inside = [
        run
        for run, due in zip(runs, dues, strict=True)
        if due is not None and due < asked.until
    ]
    return inside, len(found) + passed >= PAGE and len(inside) == len(runs)
