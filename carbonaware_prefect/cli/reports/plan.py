"""A pass of the planner, and its report for the terminal."""

from __future__ import annotations

import asyncio
import sys

import httpx
import typer
from rich.console import Console
from rich.text import Text

from carbonaware_prefect.cli.output import Times, grams, new_table, percent, working
from carbonaware_prefect.planner.api import TAG, open_api
from carbonaware_prefect.planner.one_pass import one_pass
from carbonaware_prefect.planner.report import Action, Outcome, Report
from carbonaware_prefect.settings import Settings

__all__ = ["run", "show", "summary"]

_DONE = {
    Action.MOVE: ("moved", "to move"),
    Action.KEEP: ("kept", "to keep"),
    Action.LEAVE: ("left alone", "to leave alone"),
    Action.PUT_BACK: ("put back", "to put back"),
    Action.MOVE_AGAIN: ("moved again", "to move again"),
    Action.CANCEL: ("cancelled", "to cancel"),
}


def run(*, dry_run: bool) -> Report:
    """One pass; an exit with 1 and a message when the server cannot be read."""

    async def once() -> Report:
        async with open_api() as api:
            return await one_pass(api, Settings.read(), dry_run=dry_run)

    try:
        with working("Asking Prefect and the forecast sources"):
            return asyncio.run(once())
    except (httpx.HTTPError, RuntimeError) as error:
        told = f"{type(error).__name__}: {error}".rstrip(": ")
        print(
            f"Error: the Prefect server could not be read ({told}); "
            "see that it runs and that PREFECT_API_URL names it",
            file=sys.stderr,
        )
        raise typer.Exit(1) from None


def show(report: Report, console: Console) -> None:
    """The report as a table and a sentence."""
    if not report.deployments:
        console.print(f"No deployment has the tag {TAG!r}: nothing to plan.")
    if report.outcomes:
        _table(report, console)
    console.print(summary(report))


def _table(report: Report, console: Console) -> None:
    shown = [row.nominal_start for row in report.outcomes]
    times = Times(shown, narrow=False)
    table = new_table(
        ("Deployment", False), ("Run", False), ("Nominal start", True),
        ("Slot", True), ("gCO2/kWh", True), ("Saving", True), ("Reason", False),
    )  # fmt: skip
    for row in report.outcomes:
        table.add_row(*map(Text, _cells(row, times)))
    console.print(table)


def _cells(row: Outcome, times: Times) -> list[str]:
    decision = row.decision
    same = abs((row.start - row.nominal_start).total_seconds()) <= 1
    between = "-"
    if decision is not None:
        between = grams(decision.intensity_nominal)
        if not same:
            between += f" -> {grams(decision.intensity_slot)}"
    return [
        row.deployment,
        row.name,
        times.cells(row.nominal_start)[0],
        "=" if same else times.cells(row.start)[0],
        between,
        "-" if same or decision is None else percent(decision.saving),
        f"{row.reason}: {row.fault}" if row.fault else _reason(row),
    ]


def _reason(row: Outcome) -> str:
    # What a person has to mend is told in full.
    return row.sentence if row.reason in {"invalid_setting", "no_place"} else row.reason


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
        f"{report.seconds:.1f} s). Times are UTC; savings are estimates from forecasts."
    )
