"""A pass as a Prefect flow, for a planner that lives on a work pool."""

from __future__ import annotations

from typing import Any

from prefect import flow, runtime
from prefect.logging import get_run_logger

from carbonaware_prefect.planner.api import open_api
from carbonaware_prefect.planner.one_pass import one_pass
from carbonaware_prefect.planner.report import Action
from carbonaware_prefect.settings import Settings

__all__ = ["plan_flow"]


@flow(name="carbon-aware-planner", retries=0)
async def plan_flow(*, dry_run: bool = False) -> dict[str, Any]:
    """One pass of the planner.

    Args:
        dry_run: look and decide, and change nothing.

    Returns:
        How many runs were moved, kept, left alone, put back.
    """
    logger = get_run_logger()
    async with open_api() as api:
        run = runtime.flow_run.get_id()
        report = await one_pass(api, Settings.read(), dry_run=dry_run, flow_run=run)
    for outcome in report.outcomes:
        if outcome.action is not Action.KEEP or outcome.fault:
            fault = f" ({outcome.fault})" if outcome.fault else ""
            logger.info(
                "%s / %s: %s%s", outcome.deployment, outcome.name, outcome.sentence, fault
            )
    return {key: report.as_document()[key] for key in ("counts", "faults", "calls")}
