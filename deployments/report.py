"""A report for whoever asks: the cleanest hours of the coming day, zone by zone.

    python deployments/report.py

The decorator lets its task wait a little for cleaner electricity, in the process.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from prefect import flow, get_run_logger, task

from carbonaware_prefect import carbonaware_delay_decorator
from carbonaware_prefect.core import Interval, rank_slots
from carbonaware_prefect.sources.typical import TypicalSource, known_zones

DAY = timedelta(days=1)


@task
@carbonaware_delay_decorator()
def best_starts(start: datetime, duration: timedelta) -> dict[str, str]:
    """The three cleanest starts within a day for each zone that has typical days."""
    source = TypicalSource()
    lines = {}
    for zone in known_zones():
        slots = rank_slots(
            source.fetch(zone, Interval(start, start + DAY + duration)),
            earliest=start,
            latest_start=start + DAY,
            duration=duration,
        )
        lines[zone] = ", ".join(
            f"{slot.start:%a %H:%M} UTC ({slot.mean_intensity:.0f} g/kWh)" for slot in slots
        )
    return lines


@flow
def report(hours: float = 2.0) -> dict[str, str]:
    """Log the cleanest starts of the coming day for work that takes ``hours``."""
    start = datetime.now(timezone.utc)  # noqa: TID251  a flow is where time comes from
    lines = best_starts(start, timedelta(hours=hours))
    for zone, line in lines.items():
        get_run_logger().info("%s: %s", zone, line)
    return lines


if __name__ == "__main__":
    report()
