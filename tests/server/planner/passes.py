"""Passes of the planner in the test's process."""

from __future__ import annotations

import asyncio
import tempfile
from typing import Any

from prefect.settings import PREFECT_API_URL, temporary_settings

from carbonaware_prefect.planner.api import open_api
from carbonaware_prefect.planner.one_pass import one_pass
from carbonaware_prefect.planner.report import Outcome, Report
from carbonaware_prefect.settings import Settings
from tests.cli import running
from tests.cli.running import Done
from tests.prefect_server.server import Server
from tests.server.planner.occurrences import Occurrence

__all__ = ["command", "plan", "plan_together", "row_of"]

# Below it lie the forecasts that the deployments of tests name.
_OFFERED = {"CARBONAWARE_FORECAST_FOLDER": tempfile.gettempdir()}


def plan(server: Server, **options: Any) -> Report:
    """A pass, as ``carbonaware-prefect plan`` makes it; see `plan_together`."""
    return plan_together(server, 1, **options)[0]


def plan_together(
    server: Server,
    planners: int,
    *,
    api: str | None = None,
    dry_run: bool = False,
    **settings: Any,
) -> list[Report]:
    """Passes of several planners at the same time.

    Args:
        server: with the deployments.
        planners: how many.
        api: how they reach it, if not directly.
        dry_run: look, and change nothing.
        settings: of the planners.
    """
    own = Settings(
        detect=False,
        cache_dir="",
        # Below it lie the forecasts that the deployments of tests name.
        forecast_folder=tempfile.gettempdir(),
        **settings,
    )

    async def one() -> Report:
        async with open_api() as opened:
            return await one_pass(opened, own, dry_run=dry_run)

    async def together() -> list[Report]:
        return await asyncio.gather(*(one() for _ in range(planners)))

    with server.here(), temporary_settings({PREFECT_API_URL: api or server.api}):
        return asyncio.run(together())


def command(server: Server, *arguments: str, **env: str) -> Done:
    """``carbonaware-prefect`` in this process, on this server."""
    with server.here(), temporary_settings({PREFECT_API_URL: server.api}):
        return running.command(*arguments, env=_OFFERED | env)


def row_of(report: Report, occurrence: Occurrence) -> Outcome:
    """The only row of a report that tells of the occurrence."""
    name = occurrence.settings["name"]
    (row,) = [row for row in report.outcomes if row.deployment == name]
    return row
