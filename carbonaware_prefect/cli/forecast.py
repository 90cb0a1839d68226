"""``carbonaware-prefect forecast``."""

from __future__ import annotations

from typing import Annotated

import typer

from carbonaware_prefect.cli.failing import reported
from carbonaware_prefect.cli.options import (
    AsJson,
    ProviderOption,
    RegionOption,
    SourceOption,
    SvgOption,
    ZoneOption,
)

__all__ = ["forecast"]


def forecast(
    *,
    zone: ZoneOption = None,
    provider: ProviderOption = None,
    region: RegionOption = None,
    source: SourceOption = None,
    hours: Annotated[
        int, typer.Option("--hours", min=1, max=336, help="How many hours to look ahead.")
    ] = 24,
    as_json: AsJson = False,
    svg: SvgOption = None,
) -> None:
    """Show how clean electricity will be, and which source says so.

    Without a place it takes the one that CARBONAWARE_* names, or else the cloud region
    that this process runs in. The table holds hourly means; --json holds every value.
    """
    from carbonaware_prefect.cli.fetching import Wanted
    from carbonaware_prefect.cli.output import out, print_document
    from carbonaware_prefect.cli.reports import forecast as forecast_report
    from carbonaware_prefect.clock import utc_now

    with reported():
        wanted = Wanted(zone=zone, provider=provider, region=region, source=source)
        report = forecast_report.collect(wanted, hours=hours, now=utc_now())
        if svg is not None:
            forecast_report.write_svg(report, svg)
        if as_json:
            print_document(forecast_report.as_document(report))
        else:
            forecast_report.show(report, out(), svg)
