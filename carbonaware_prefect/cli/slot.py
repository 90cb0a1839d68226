"""``carbonaware-prefect slot``."""

from __future__ import annotations

from typing import Annotated

import typer

from carbonaware_prefect.cli.failing import duration_of, moment_of, reported
from carbonaware_prefect.cli.options import (
    AsJson,
    ProviderOption,
    RegionOption,
    SourceOption,
    ZoneOption,
)

__all__ = ["slot"]


def slot(
    *,
    window: Annotated[
        str | None,
        typer.Option(
            "--window",
            metavar="DURATION",
            help="The longest wait, such as 6h, 90m or PT6H; 6h where nothing says more.",
        ),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(
            "--duration",
            metavar="DURATION",
            help="The expected run time, in the same forms; 30m where nothing says more.",
        ),
    ] = None,
    zone: ZoneOption = None,
    provider: ProviderOption = None,
    region: RegionOption = None,
    source: SourceOption = None,
    count: Annotated[
        int, typer.Option("--count", min=1, max=50, help="How many slots to list.")
    ] = 3,
    nominal: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="When the run would start without us, in ISO 8601 with an offset; now.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show which slot a run would choose now, and what the next best would be.

    It decides as the delay task does. Each saving is against a start at the nominal
    time, so that a run which starts at once saves nothing.
    """
    from carbonaware_prefect.cli.fetching import Wanted
    from carbonaware_prefect.cli.output import out, print_document
    from carbonaware_prefect.cli.reports import slot as slot_report
    from carbonaware_prefect.clock import utc_now
    from carbonaware_prefect.settings import DEFAULT_DURATION, DEFAULT_WINDOW

    with reported():
        report = slot_report.collect(
            Wanted(zone=zone, provider=provider, region=region, source=source),
            window=duration_of(window, "--window", DEFAULT_WINDOW),
            duration=duration_of(duration, "--duration", DEFAULT_DURATION),
            count=count,
            nominal_start=moment_of(nominal, "--from", utc_now()),
        )
        if as_json:
            print_document(slot_report.as_document(report))
        else:
            slot_report.show(report, out())
