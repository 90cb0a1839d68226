"""``carbonaware-prefect typical learn`` and ``typical show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from carbonaware_prefect.cli.failing import reported
from carbonaware_prefect.cli.options import AsJson, ZoneOption

__all__ = ["app"]

app: typer.Typer = typer.Typer(
    help="Show typical days, or learn your own.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.command()
def learn(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Hourly or finer histories of one zone, several years at once: CSV from "
            "the portal of Electricity Maps, or what --source file: reads.",
        ),
    ],
    *,
    zone: Annotated[
        str,
        typer.Option(
            "--zone",
            metavar="ZONE",
            help="The grid zone by its Electricity Maps key, such as DE or US-CAL-CISO.",
        ),
    ],
    time_zone: Annotated[
        str | None,
        typer.Option(
            "--time-zone",
            metavar="NAME",
            help="The zone's clock as an IANA name, where its country has several.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Where to write ZONE.json; else what CARBONAWARE_TYPICAL_DIR says, else "
            "your data folder. The source `typical` reads the latter two.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Learn a zone's typical days from histories, and try them on the newest part.

    The table then answers for its zone before the shipped one. It says what it kept of
    the possible saving on hours that it had not seen, and how many jobs did worse than
    at once.
    """
    from carbonaware_prefect.cli.output import out, print_document
    from carbonaware_prefect.cli.reports import learnt
    from carbonaware_prefect.settings import Settings

    with reported():
        report = learnt.learn(
            files,
            zone.strip(),
            time_zone=time_zone,
            folder=folder,
            settings=Settings.read(),
        )
        if as_json:
            print_document(learnt.learnt_document(report))
        else:
            learnt.show_learnt(report, out())


@app.command()
def show(*, zone: ZoneOption = None, as_json: AsJson = False) -> None:
    """Show what typical days there are, of which years, from where, and how good."""
    from carbonaware_prefect.cli.output import out, print_document
    from carbonaware_prefect.cli.reports import typical
    from carbonaware_prefect.settings import Settings

    with reported():
        shown = typical.collect(Settings.read(), zone=zone)
        if as_json:
            print_document(typical.document(shown))
        elif zone is None:
            typical.show_all(shown, out())
        else:
            typical.show_zone(shown.rows, out())
