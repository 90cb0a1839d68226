"""``carbonaware-prefect zones``."""

from __future__ import annotations

from typing import Annotated

import typer

from carbonaware_prefect.cli.failing import reported
from carbonaware_prefect.cli.options import AsJson, ZoneOption

__all__ = ["zones"]


def zones(
    *,
    provider: Annotated[
        str | None,
        typer.Option(
            "--provider",
            metavar="NAME",
            help="Only zones with a region of this cloud provider: aws, azure or gcp.",
        ),
    ] = None,
    zone: ZoneOption = None,
    as_json: AsJson = False,
) -> None:
    """List the grid zones, their cloud regions, and the sources that cover them.

    A source in brackets lacks a credential or an address; the list below the table says
    which.
    """
    from carbonaware_prefect.cli.output import out, print_document
    from carbonaware_prefect.cli.reports import zones as zones_report
    from carbonaware_prefect.settings import Settings

    with reported():
        report = zones_report.collect(Settings.read(), provider=provider, zone=zone)
        if as_json:
            print_document(zones_report.as_document(report))
        else:
            zones_report.show(report, out())
