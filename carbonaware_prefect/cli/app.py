"""The application: what all commands share, and the commands themselves.

A command imports what it needs when it is called, so that ``--help`` stays fast.
"""

from __future__ import annotations

from typing import Annotated

import typer

from carbonaware_prefect._version import __version__
from carbonaware_prefect.cli.backtest import backtest
from carbonaware_prefect.cli.demo import demo
from carbonaware_prefect.cli.detect import detect
from carbonaware_prefect.cli.forecast import forecast
from carbonaware_prefect.cli.plan import plan
from carbonaware_prefect.cli.planner import app as planner_app
from carbonaware_prefect.cli.report import report
from carbonaware_prefect.cli.slot import slot
from carbonaware_prefect.cli.typical import app as typical_app
from carbonaware_prefect.cli.zones import zones

__all__ = ["app"]

app: typer.Typer = typer.Typer(
    help="Move Prefect flow runs to the hours when electricity is cleanest.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Else the lines of a docstring stay as long as they are in the source.
    rich_markup_mode="markdown",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    del version


for _command in (demo, forecast, slot, zones, detect, plan, backtest, report):
    app.command()(_command)
app.add_typer(planner_app, name="planner")
app.add_typer(typical_app, name="typical")
