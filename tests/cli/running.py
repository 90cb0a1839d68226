"""Commands run within the test's process, and forecast files around the present."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from carbonaware_prefect.charts.scale import floor_to
from carbonaware_prefect.cli.app import app
from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.clouds.detection import Detector, Surroundings

__all__ = ["HOUR", "Done", "command", "forecast_file", "on_lambda", "this_hour"]

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Done:
    """An ended command."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


def command(*arguments: str | Path, env: Mapping[str, str | None] | None = None) -> Done:
    """The command with these arguments, on no terminal, 80 columns wide, in UTC."""
    around = {"COLUMNS": "80", "TZ": "UTC", **(env or {})}
    with _local_time(around["TZ"] or "UTC"):
        done = CliRunner().invoke(app, [str(part) for part in arguments], env=around)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


@contextmanager
def _local_time(zone: str) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def on_lambda(folder: Path) -> Detector:
    """Detection on AWS Lambda in Frankfurt, whatever this machine is."""
    environment = {
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "AWS_REGION": "eu-central-1",
    }
    return Detector(Surroundings(environment=environment, dmi_root=folder))


def this_hour() -> datetime:
    """When the present hour began."""
    return floor_to(utc_now(), HOUR)


def forecast_file(path: Path, *, zone: str | None = "DE", **about: object) -> Path:
    """A file of hours from the present one on: 300, 200, a gap, 100, 400, ... of DE."""
    grams = {0: 300, 1: 200, 3: 100, **dict.fromkeys(range(4, 30), 400)}
    start = this_hour()
    points = [
        {
            "start": (start + i * HOUR).isoformat(),
            "end": (start + (i + 1) * HOUR).isoformat(),
            "gco2_per_kwh": value,
        }
        for i, value in grams.items()
    ]
    path.write_text(json.dumps({"zone": zone, "points": points, **about}))
    return path
