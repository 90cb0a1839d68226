"""A pass of the planner, and its report for the terminal."""

from __future__ import annotations

import asyncio

from rich.console import Console

from carbonaware_prefect.cli.failing import reading_prefect
from carbonaware_prefect.cli.output import working
from carbonaware_prefect.cli.reports.plan_table import notes, plan_table, wide_table
from carbonaware_prefect.planner.api import TAG, open_api
from carbonaware_prefect.planner.one_pass import one_pass
from carbonaware_prefect.planner.report import Action, Report
from carbonaware_prefect.settings import Settings

__all__ = ["run", "show", "summary"]

_DONE = {
    Action.MOVE: ("moved", "to move"),
    Action.KEEP: ("kept", "to keep"),
    Action.LEAVE: ("left alone", "to leave alone"),
    Action.PUT_BACK: ("put back", "to put back"),
    Action.MOVE_AGAIN: ("moved again", "to move again"),
    Action.CANCEL: ("cancelled", "to cancel"),
    Action.LOST: ("lost", "lost"),
}


def run(*, dry_run: bool) -> Report:
    """One pass; an exit with 1 and a message when the server cannot be read."""

    async def once() -> Report:
        async with open_api() as api:
            return await one_pass(api, Settings.read(), dry_run=dry_run)

    with reading_prefect(), working("Asking Prefect and the forecast sources"):
        return asyncio.run(once())


def show(report: Report, console: Console, *, wide: bool = False) -> None:
    """The report as a table, what a person has to look at, and a sentence.

    Args:
        report: of a pass.
        console: where to.
        wide: all that is known of each run, one line each, however long.
    """
    if not report.deployments:
        console.print(f"No deployment has the tag {TAG!r}: nothing to plan.")
    if report.outcomes and wide:
        # Its lines are as long as they are; a terminal or a pager may cut them.
        for line in wide_table(report):
            console.out(line)
    elif report.outcomes:
        for number, row in enumerate(plan_table(report, console)):
            console.print(row, style="" if number else "bold", soft_wrap=True)
        console.print()
        for note in notes(report):
            console.print(note)
    if report.unreadable:
        console.print(
            f"The server answers 500 where it is to answer with {report.unreadable} more "
            "deployments or flow runs, whose ids it does not tell; they are not planned"
        )
    console.print(summary(report))


def summary(report: Report) -> str:
    """The pass in a sentence."""
    form = 1 if report.dry_run else 0
    parts = [
        f"{count} {words[form]}"
        for action, words in _DONE.items()
        if (count := report.count(action))
    ]
    done = ", ".join(parts) or "no runs"
    failed = f", {report.faults} failed and will be tried again" if report.faults else ""
    dry = "Dry run, nothing was changed: " if report.dry_run else ""
    return (
        f"{dry}{done}{failed} ({report.deployments} deployments, {report.calls} API calls, "
        f"{report.seconds:.1f} s). Savings are estimates from forecasts."
    )
