"""``carbonaware-prefect plan``."""

from __future__ import annotations

from typing import Annotated

import typer

from carbonaware_prefect.cli.failing import reported
from carbonaware_prefect.cli.options import AsJson

__all__ = ["plan"]


def plan(
    *,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be done, and change nothing."),
    ] = False,
    wide: Annotated[
        bool,
        typer.Option("--wide", help="Show all that is known of each run, in long lines."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Move the scheduled runs of carbon-aware deployments to their cleanest slots, once.

    Looks at the deployments with the tag `carbon-aware` on the Prefect server that
    PREFECT_API_URL or the active profile names. No flow run is started for it. Exits with
    1 when the server cannot be reached or something could not be done; run it again then.
    """
    from carbonaware_prefect.cli.output import out, print_document
    from carbonaware_prefect.cli.reports import plan as plan_report

    with reported():
        report = plan_report.run(dry_run=dry_run)
        if as_json:
            print_document(report.as_document())
        else:
            plan_report.show(report, out(), wide=wide)
        if report.faults:
            raise typer.Exit(1)
