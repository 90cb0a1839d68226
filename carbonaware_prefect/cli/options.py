"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "AsJson",
    "ProviderOption",
    "RegionOption",
    "SourceOption",
    "SvgOption",
    "ZoneOption",
]

ZoneOption = Annotated[
    str | None,
    typer.Option(
        "--zone",
        metavar="ZONE",
        help="The grid zone by its Electricity Maps key, such as DE or US-CAL-CISO.",
    ),
]
ProviderOption = Annotated[
    str | None,
    typer.Option(
        "--provider",
        metavar="NAME",
        help="The cloud provider: aws, azure or gcp.",
    ),
]
RegionOption = Annotated[
    str | None,
    typer.Option(
        "--region", metavar="NAME", help="The cloud region, such as eu-central-1."
    ),
]
SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="NAME",
        help=(
            "The forecast source: auto, typical, file:PATH or any other that "
            "`carbonaware-prefect zones` names."
        ),
    ),
]
SvgOption = Annotated[
    Path | None,
    typer.Option(
        "--svg", metavar="FILE", dir_okay=False, help="Write a chart to this SVG file."
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document and nothing else."),
]
