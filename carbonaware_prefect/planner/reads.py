"""Reading many things of the Prefect API: all pages, and past what it cannot answer with.

One run on which somebody has written a label that is null, which the server takes, makes it
answer 500 to every call whose answer has that run in it. Then its page is read in halves,
until that one is alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import httpx
from prefect.client.orchestration import PrefectClient

from carbonaware_prefect.planner.calls import PAGE, Calls, Json, parts, together

__all__ = ["Reads", "Unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """What the server cannot answer with, for as much as is known of it.

    Attributes:
        due: when it is to start.
        deployment: whose it is.
    """

    due: str | None = None
    deployment: str | None = None


class Reads(Calls):
    """How the planner reads.

    Attributes:
        unreadable: what the server cannot answer with, by id.
        unnamed: how much more of that there is, without its ids.
    """

    def __init__(self, client: PrefectClient) -> None:
        super().__init__(client)
        self.unreadable: dict[str, Unreadable] = {}
        self.unnamed: int = 0

    async def pages(self, kind: str, **filters: Any) -> list[Json]:
        """All that match, each once: one call for each page."""
        body = filters | {"limit": PAGE, "page": 1}
        try:
            first = await self.call("POST", f"/{kind}/paginate", body)
        except httpx.HTTPStatusError as error:
            if not _cannot_answer(error):
                raise
            selected = {name: each for name, each in filters.items() if name != "sort"}
            count = await self.call("POST", f"/{kind}/count", selected)
            first = {"results": await self.page(kind, filters, 0, PAGE), "count": count}
        rest = await together(
            # Without the count of all that match, which the server makes for each page.
            self.page(kind, filters, at, PAGE)
            for at in range(PAGE, first["count"], PAGE)
        )
        # What was made meanwhile has pushed some from one page to the next.
        return list(
            {
                each["id"]: each for page in (first["results"], *rest) for each in page
            }.values()
        )

    async def page(self, kind: str, filters: Json, offset: int, limit: int) -> list[Json]:
        """A page, without those that the server cannot answer with.

        One run whose labels hold a null makes it answer 500 to every page with that run.
        """
        body = filters | {"limit": limit, "offset": offset}
        try:
            return cast("list[Json]", await self.call("POST", f"/{kind}/filter", body))
        except httpx.HTTPStatusError as error:
            if not _cannot_answer(error):
                raise
        if limit == 1:
            await self._name(kind, body)
            return []
        half = limit // 2
        return [
            *await self.page(kind, filters, offset, half),
            *await self.page(kind, filters, offset + half, limit - half),
        ]

    async def _name(self, kind: str, body: Json) -> None:
        """Take down which one the server cannot answer with."""
        told: list[Json] = []
        if kind == "flow_runs":
            try:
                # What the UI draws its points from: ids and times, and nothing of users.
                told = await self.call("POST", "/ui/flow_runs/history", body)
            except httpx.HTTPError:
                told = []
        asked = ((body.get(kind) or {}).get("deployment_id") or {}).get("any_") or ["", ""]
        for each in told:
            known = Unreadable(
                due=each.get("timestamp"), deployment=asked[0] if len(asked) == 1 else None
            )
            self.unreadable[str(each["id"])] = known
        self.unnamed += not told

    async def any_of(self, kind: str, field: str, values: Sequence[str]) -> list[Json]:
        """All of a kind whose field has one of these values."""
        answers = await together(
            self._some_of(kind, field, part) for part in parts(values, PAGE)
        )
        return [each for answer in answers for each in answer]

    async def _some_of(self, kind: str, field: str, values: Sequence[str]) -> list[Json]:
        """The same for one page, without those that the server cannot answer with."""
        body = {kind: {field: {"any_": values}}, "limit": PAGE}
        try:
            return cast("list[Json]", await self.call("POST", f"/{kind}/filter", body))
        except httpx.HTTPStatusError as error:
            if not _cannot_answer(error):
                raise
        if len(values) == 1:
            self.unreadable.setdefault(values[0], Unreadable())
            return []
        half = len(values) // 2
        return [
            *await self._some_of(kind, field, values[:half]),
            *await self._some_of(kind, field, values[half:]),
        ]


def _cannot_answer(error: httpx.HTTPStatusError) -> bool:
    """Whether something in the answer may be what the server fails at."""
    return error.response.status_code == httpx.codes.INTERNAL_SERVER_ERROR
