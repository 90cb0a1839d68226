"""The application: what all commands share, and the commands themselves.

A command imports what it needs when it is called, so that ``--help`` stays fast.
"""

from __future__ import annotations

from typing import Annotated

import typer

from carbonaware_prefect._version import __version__
from carbonaware_prefect.cli.demo import demo

__all__ = ["app"]

app = typer.Typer(
    help="Move Prefect flow runs to the hours when electricity is cleanest.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
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


app.command()(demo)
