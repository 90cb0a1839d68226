"""``carbonaware-prefect backtest``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from carbonaware_prefect.cli.failing import reported
from carbonaware_prefect.cli.options import AsJson, SvgOption, ZoneOption

__all__ = ["backtest"]


def _option(name: str, metavar: str, text: str) -> typer.models.OptionInfo:
    found: typer.models.OptionInfo = typer.Option(name, metavar=metavar, help=text)
    return found


def backtest(
    *,
    trace: Annotated[
        Path,
        _option(
            "--trace", "FILE", "Intensities that came true: CSV or JSON, as for file:."
        ),
    ],
    schedule: Annotated[
        str,
        _option("--schedule", "CRON", "When runs are due, such as '0 1 * * mon-fri'."),
    ],
    forecasts: Annotated[
        Path | None,
        _option(
            "--forecasts",
            "FILE",
            "Forecasts as they were issued then: a table with a column issued_at.",
        ),
    ] = None,
    window: Annotated[
        str | None,
        _option("--window", "DURATION", "The longest wait; 6h where nothing says more."),
    ] = None,
    duration: Annotated[
        list[str] | None,
        _option(
            "--duration",
            "DURATION",
            "The run time; 30m where nothing says more. Given several times, one run of "
            "each is due every time.",
        ),
    ] = None,
    zone: ZoneOption = None,
    time_zone: Annotated[
        str | None,
        _option("--time-zone", "NAME", "Of schedule and times of day; else UTC."),
    ] = None,
    earlier: Annotated[
        str | None,
        _option("--earlier", "DURATION", "How long before its due time a run may start."),
    ] = None,
    latest_start: Annotated[
        str | None,
        _option("--latest-start", "BOUND", "Last allowed start: 05:00, or 5h after due."),
    ] = None,
    finish_by: Annotated[
        str | None,
        _option(
            "--finish-by",
            "BOUND",
            "When a run has to have ended: 07:00, or 8h after due; or 'mon-fri 09:00' and "
            "'mon-fri 09:00-17:00', the next of these from when it would end at once.",
        ),
    ] = None,
    not_between: Annotated[
        str | None,
        _option("--not-between", "HOURS", "Hours kept free every day: 08:00-18:00."),
    ] = None,
    minimum_saving: Annotated[
        str | None,
        _option(
            "--minimum-saving",
            "SHARE",
            "The least expected saving that is worth a move: 5% or 0.05.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        _option("--since", "TIME", "First due time: 2020-01-01, or with time and offset."),
    ] = None,
    until: Annotated[
        str | None,
        _option("--until", "TIME", "The due times end before it, written likewise."),
    ] = None,
    known_after: Annotated[
        str | None,
        _option(
            "--known-after",
            "DURATION",
            "How long after its issue time a forecast can be had; at once.",
        ),
    ] = None,
    interrupted: Annotated[
        bool,
        typer.Option(
            "--interrupted", help="Also split each run over several slots (made up)."
        ),
    ] = False,
    in_order: Annotated[
        bool,
        typer.Option(
            "--in-order",
            help="No run waits until the next one of the schedule is due, as deployments "
            "have it without CARBONAWARE_OVERTAKE.",
        ),
    ] = False,
    as_json: AsJson = False,
    svg: SvgOption = None,
) -> None:
    """Show what a policy would have saved on intensities that came true.

    Every run of the schedule starts at once, and where the policy would have sent it: by
    the forecasts given, by typical days of the zone, and with perfect foresight. Runs that
    the trace does not wholly cover are unknown and counted as such. Savings are estimates.
    """
    from carbonaware_prefect.cli.output import out, print_document
    from carbonaware_prefect.cli.reports import backtest_table
    from carbonaware_prefect.cli.reports.backtest import collect
    from carbonaware_prefect.cli.reports.backtest_chart import write_svg
    from carbonaware_prefect.cli.reports.backtest_document import as_document
    from carbonaware_prefect.cli.reports.backtest_input import Asked

    with reported():
        found = collect(
            Asked(
                trace=trace,
                forecasts=forecasts,
                schedule=schedule,
                zone=zone.strip() if zone else None,
                durations=tuple(duration or ()),
                finish_by=finish_by,
                since=since,
                until=until,
                known_after=known_after,
                interrupted=interrupted,
                in_order=in_order,
                words={
                    "window": window,
                    "earlier": earlier,
                    "latest_start": latest_start,
                    "not_between": not_between,
                    "minimum_saving": minimum_saving,
                    "time_zone": time_zone,
                },
            )
        )
        if svg is not None:
            write_svg(found, svg)
        if as_json:
            print_document(as_document(found))
        else:
            backtest_table.show(found, out(), svg)
