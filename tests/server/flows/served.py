"""Serves a flow of this folder without a work pool.

    python served.py FILE.py:FUNCTION NAME [--limit N] [--start MOMENT] [--tag TAG]
        [--parameters JSON] [--never-pause]

``--start`` gives the deployment a schedule that starts then, and a month later.
"""

from __future__ import annotations

import argparse
import importlib
import json
from datetime import datetime, timedelta
from typing import Any

from prefect.schedules import Interval


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("flow")
    parser.add_argument("name")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--start", type=datetime.fromisoformat)
    parser.add_argument("--tag", action="append")
    parser.add_argument("--parameters", type=json.loads)
    parser.add_argument("--never-pause", action="store_true")
    told = parser.parse_args()
    file, function = told.flow.split(".py:")
    options: dict[str, Any] = {}
    if told.start is not None:
        options["schedule"] = Interval(timedelta(days=30), anchor_date=told.start)
    getattr(importlib.import_module(file), function).serve(
        name=told.name,
        limit=told.limit,
        tags=told.tag,
        parameters=told.parameters,
        pause_on_shutdown=not told.never_pause,
        **options,
    )


if __name__ == "__main__":
    main()
