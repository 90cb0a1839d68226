"""``carbonaware-prefect report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from carbonaware_prefect.cli.failing import reported
from carbonaware_prefect.cli.options import AsJson

__all__ = ["report"]


def report(
    *,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="First due time: 2026-01-31, or with time and offset; else 30 days back.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="TIME",
            help="The due times end before it, written likewise; else now.",
        ),
    ] = None,
    deployment: Annotated[
        str | None,
        typer.Option(
            "--deployment", metavar="NAME", help="Only runs of it, by its name or id."
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option("--zone", metavar="ZONE", help="Only runs of that grid zone."),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="table, json, csv or markdown; the second and third list every run.",
        ),
    ] = "table",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", dir_okay=False, help="Write it to this file."
        ),
    ] = None,
    history: Annotated[
        list[str] | None,
        typer.Option(
            "--history",
            metavar="FILE",
            help="What was measured: a file, or ZONE=FILE; or a source to ask, "
            "gb_carbon_intensity, energy_charts or electricity_maps. May be given several "
            "times; else the source that a run was decided by is asked.",
        ),
    ] = None,
    functional_unit: Annotated[
        str | None,
        typer.Option(
            "--functional-unit",
            metavar="UNIT",
            help="Give the SCI rate too: for each run, or for what the label "
            "carbonaware.units counts, by its name.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what was forecast for past runs, and what happened.

    Reads the runs that carry a record from the Prefect server that PREFECT_API_URL or the
    active profile names, and settles each one: intensities while it worked, and over the
    same time from its nominal start. What nobody measured is marked, and what nobody knows
    is unknown and counted as such.
    """
    from carbonaware_prefect.cli.reports import ledger

    with reported():
        ledger.report(
            ledger.Wanted(
                since=since,
                until=until,
                deployment=deployment,
                zone=zone,
                form="json" if as_json else form,
                out=out,
                history=tuple(history or ()),
                unit=functional_unit,
            )
        )
