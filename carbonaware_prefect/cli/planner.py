"""``carbonaware-prefect planner start``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from carbonaware_prefect.cli.failing import duration_of, reported

__all__ = ["app"]

app: typer.Typer = typer.Typer(
    help="Keep planning.", no_args_is_help=True, pretty_exceptions_enable=False
)


@app.callback()
def _group() -> None:
    """The planner as a process of its own."""


@app.command()
def start(
    *,
    interval: Annotated[
        str | None,
        typer.Option(
            "--interval",
            metavar="DURATION",
            help="Time between two passes, such as 5m or PT5M; else what "
            "CARBONAWARE_PLANNER_INTERVAL says, else 5m.",
        ),
    ] = None,
    health_file: Annotated[
        Path | None,
        typer.Option(
            "--health-file",
            metavar="PATH",
            help="Written after each pass, with its time and how it went.",
        ),
    ] = None,
) -> None:
    """Plan again and again, until SIGTERM or Ctrl-C; see the command `plan`.

    A planner that is down costs nothing but the saving: runs start at the times they have.
    Several planners do no harm.
    """
    import asyncio
    import sys

    from carbonaware_prefect.cli.output import printable
    from carbonaware_prefect.cli.reports.plan import summary
    from carbonaware_prefect.clock import utc_now
    from carbonaware_prefect.errors import InvalidSettingError
    from carbonaware_prefect.planner.loop import Health, repeat
    from carbonaware_prefect.settings import Settings

    health = Health(health_file)
    with reported():
        every = duration_of(interval, "--interval", Settings.read().planner_interval)
        try:
            health.write(status="starting")
        except OSError as error:
            msg = f"--health-file: {error}; name a file in a folder that can be written"
            raise InvalidSettingError(msg) from None

    def fail(what: str) -> None:
        told = printable(what)
        said = f"{utc_now():%H:%M:%S} The pass failed, trying again: {told}"
        print(said, file=sys.stderr, flush=True)

    asyncio.run(
        repeat(
            interval=every,
            health=health,
            tell=lambda report: print(
                f"{report.at:%H:%M:%S} {summary(report)}", flush=True
            ),
            fail=fail,
        )
    )
