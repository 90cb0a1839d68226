"""How long it takes to decide for many runs, without the API.

Twenty zones with forecasts of 864 points (72 h of 5 min), windows of 6 h, durations from
15 minutes to 2 hours, no limits. Each size in a process of its own, which tells its memory.
"""

from __future__ import annotations

import json
import math
import random
import resource
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from benchmarks import render
from carbonaware_prefect.core import Forecast
from carbonaware_prefect.core.capacity.demands import Demand
from carbonaware_prefect.core.capacity.place import place

__all__ = ["headlines", "main", "run"]

SIZES = (100, 1_000, 10_000, 100_000)
ZONES, POINTS = 20, 864
STEP, WINDOW = timedelta(minutes=5), timedelta(hours=6)
MIDNIGHT = datetime(2026, 1, 1, tzinfo=timezone.utc)
MINUTES = (15, 30, 60, 120)
SECTION = "runs over 20 zones with 864-point forecasts, one core"


def demands(count: int) -> list[Demand]:
    """The runs; the same each time."""
    dice = random.Random(count)
    forecasts = [
        Forecast.from_points(
            [
                (MIDNIGHT + i * STEP, 300 + 100 * math.sin(i / 46) + 40 * dice.random())
                for i in range(POINTS)
            ],
            end=MIDNIGHT + POINTS * STEP,
            zone=str(zone),
        )
        for zone in range(ZONES)
    ]
    runs = []
    for i in range(count):
        nominal = MIDNIGHT + timedelta(minutes=dice.randrange(60 * 60))
        runs.append(
            Demand(
                key=str(i),
                forecast=forecasts[i % ZONES],
                duration=timedelta(minutes=dice.choice(MINUTES)),
                ranges=((nominal, nominal + WINDOW),),
                nominal=nominal,
                minimum_saving=0.02,
            )
        )
    return runs


def measure(count: int) -> dict[str, object]:
    """CPU seconds of one plan, and what memory it adds, in this process."""
    runs = demands(count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    placements = place(runs, {})
    seconds = time.process_time() - begun
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    moved = sum(p.start != run.nominal for p, run in zip(placements, runs, strict=True))
    return {
        "runs": count,
        "moved": moved,
        "seconds": seconds,
        "microseconds/run": 1e6 * seconds / count,
        "added MB": (after - before) / 1024,
        "process MB": after / 1024,
    }


def run() -> dict[str, object]:
    """Each size, and how the time grows with it."""
    rows = []
    for size in SIZES:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.planning", str(size)],
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            check=True,
        )
        rows.append(json.loads(done.stdout))
    largest, smaller = rows[-1], rows[-2]
    growth = math.log10(largest["seconds"] / smaller["seconds"])
    ten_thousand = rows[SIZES.index(10_000)]
    return {
        SECTION: rows,
        "growth from 10,000 to 100,000, exponent (1 is linear)": growth,
        "10,000 runs under 2 s and 200 MB": ten_thousand["seconds"] < 2  # noqa: PLR2004
        and ten_thousand["process MB"] < 200,  # noqa: PLR2004
    }


def headlines(results: dict[str, list[dict[str, float]]]) -> dict[str, str]:
    """What the README says."""
    row = results[SECTION][SIZES.index(10_000)]
    return {
        "Deciding for 10,000 runs over 20 zones, without the API": (
            f"{row['seconds']:.2f} s, {row['process MB']:.0f} MB"
        )
    }


def main() -> None:
    """Measure one size and print JSON, or all and print tables."""
    if sys.argv[1:]:
        print(json.dumps(measure(int(sys.argv[1]))))
    else:
        print(render(run()))


if __name__ == "__main__":
    main()
