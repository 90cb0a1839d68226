"""Writes the pages and log lines of a pass: at most one call for each of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx

from carbonaware_prefect.pages.deployment_page import deployment_page, described
from carbonaware_prefect.pages.keys import PLAN, PageKeys
from carbonaware_prefect.pages.log_lines import log_line
from carbonaware_prefect.pages.plan_page import DESCRIPTION, plan_page
from carbonaware_prefect.pages.runs import RunOnPage
from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.calls import Json, parts
from carbonaware_prefect.planner.repair import artifacts

__all__ = ["PageWriter", "Shown", "wanted_keys", "warn"]

_LOGGER = logging.getLogger("carbonaware_prefect.planner")
# Of log lines, in one call.
_LINES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a pass has to show.

    Attributes:
        done: runs that it did something with.
        lines: those of them that wait now, each with the key of its page.
        waiting: runs that wait, by deployment.
        faults: what could not be done.
    """

    done: Sequence[RunOnPage]
    lines: Sequence[tuple[RunOnPage, str]]
    waiting: Mapping[str, Sequence[RunOnPage]]
    faults: int

    def line_calls(self) -> list[list[tuple[RunOnPage, str]]]:
        """The lines of each call that writes some."""
        return parts(self.lines, _LINES)


class PageWriter:
    """Makes the calls of a pass, each for itself; no fault of one is raised.

    Args:
        api: the Prefect API.
        flow_run: the run of the planner's own flow, where it is one.
        now: the present, by the server's clock.
    """

    def __init__(self, api: Api, flow_run: str | None, now: datetime) -> None:
        self._api = api
        self._flow_run = flow_run
        self._now = now

    async def write(
        self,
        shown: Shown,
        turn: Mapping[str, PageKeys],
        there: Mapping[str, Json] | None,
    ) -> None:
        """Write what there is to show.

        Args:
            shown: all of it.
            turn: deployments whose pages are written, with the keys these may have.
            there: the newest artifacts of all keys; None where nobody has looked.
        """
        calls = [_guarded("log lines", self._lines(part)) for part in shown.line_calls()]
        calls.append(_guarded("pages", self._pages(shown, turn, there)))
        await asyncio.gather(*calls)

    async def _pages(
        self,
        shown: Shown,
        turn: Mapping[str, PageKeys],
        there: Mapping[str, Json] | None,
    ) -> None:
        known = there
        if known is None:
            known = await artifacts.newest(self._api, wanted_keys(turn))
        calls = [
            _guarded(
                f"the page of {shown.waiting[each][0].deployment!r}",
                self._page(each, shown.waiting[each], key, known.get(key)),
            )
            for each, key in _free_keys(turn, known).items()
        ]
        if shown.done:
            calls.append(_guarded("the page of the pass", self._plan(shown, known)))
        await asyncio.gather(*calls)

    async def _lines(self, lines: Iterable[tuple[RunOnPage, str]]) -> None:
        said = [log_line(run, page, self._now) for run, page in lines]
        await self._api.call("POST", "/logs/", said)

    async def _plan(self, shown: Shown, known: Mapping[str, Json]) -> None:
        page = plan_page(shown.done, shown.faults, self._now)
        await self._put(PLAN, DESCRIPTION, page, known.get(PLAN), "")

    async def _page(
        self, deployment: str, runs: Sequence[RunOnPage], key: str, there: Json | None
    ) -> None:
        name = runs[0].deployment
        page = deployment_page(name, runs, self._now)
        await self._put(key, described(name), page, there, deployment)

    async def _put(
        self, key: str, description: str, page: str, there: Json | None, deployment: str
    ) -> None:
        """Write over what the planner wrote, and nobody else's."""
        note = {"deployment": deployment, "by": "planner"}
        if there is not None and artifacts.note_of(there) == note:
            try:
                await artifacts.write_over(self._api, there["id"], description, page)
            except httpx.HTTPStatusError as error:
                if error.response.status_code != httpx.codes.NOT_FOUND:
                    raise
            else:
                return
        await artifacts.create(
            self._api, key, description, page,
            type="markdown", flow_run_id=self._flow_run, metadata_=note,
        )  # fmt: skip


async def _guarded(what: str, call: Awaitable[None]) -> None:
    try:
        await call
    except Exception as error:  # noqa: BLE001  nobody else's page is to miss for it
        warn(what, error)


def warn(what: str, error: Exception) -> None:
    """Say in the planner's log what is missing."""
    why = str(error) or type(error).__name__
    _LOGGER.warning("%s could not be written: %s", what, why)


def wanted_keys(turn: Mapping[str, PageKeys]) -> list[str]:
    """The keys of all artifacts that a writer has to know of."""
    return [PLAN, *(key for each in turn.values() for key in (each.first, each.second))]


def _free_keys(turn: Mapping[str, PageKeys], known: Mapping[str, Json]) -> dict[str, str]:
    """The key that each deployment's page has: the first, unless that is another's."""
    taken: dict[str, str] = {}
    for deployment, keys in turn.items():
        first = known.get(keys.first)
        theirs = first and artifacts.note_of(first).get("deployment") != deployment
        second = theirs or keys.second in known or keys.first in taken.values()
        taken[deployment] = keys.second if second else keys.first
    return taken
