"""``carbonaware-prefect demo``."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    *,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the measurements as JSON; progress to standard error."
        ),
    ] = False,
) -> None:
    """Watch a flow run wait for cleaner electricity without holding a worker.

    Takes about a minute, needs no account, no key and no network. It starts a Prefect
    server and a worker of its own, in a temporary folder, and removes them at the end;
    your Prefect profile is not touched.
    """
    from carbonaware_prefect.demo.perform import perform

    outcome = perform(sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(outcome.facts, indent=2))
    elif outcome.exit_status > 1:
        print(f"The demo was {outcome.facts['failed']}; nothing is left behind.")
    raise typer.Exit(outcome.exit_status)
