"""Years of made-up hours: what a local clock and a season say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from carbonaware_prefect.sources.typical.learning import Piece

__all__ = ["HOUR", "UTC", "pieces", "solar_day", "write_csv"]

UTC = timezone.utc
HOUR = timedelta(hours=1)


def pieces(
    grams: Callable[[datetime], float],
    *,
    first: int = 2022,
    years: int = 1,
    time_zone: str = "UTC",
    step: timedelta = HOUR,
) -> Iterator[Piece]:
    """Values from the first hour (UTC) of a year on, told by the local time."""
    zone = ZoneInfo(time_zone)
    start, end = (
        datetime(first, 1, 1, tzinfo=UTC),
        datetime(first + years, 1, 1, tzinfo=UTC),
    )
    while start < end:
        yield start, start + step, grams(start.astimezone(zone))
        start += step


def solar_day(local: datetime) -> float:
    """Clean from 10 to 15 h, cleanest at 13 h, and a day that differs from the next."""
    sun = max(0, 4 - abs(local.hour - 13)) * 40
    return 400 + 3 * (local.toordinal() % 7) - sun


def write_csv(path: Path, history: Iterator[Piece] | list[Piece]) -> Path:
    """A history as the traces are written."""
    lines = ["start,carbon_intensity_gco2_per_kwh"]
    lines += [f"{start:%Y-%m-%dT%H:%MZ},{grams:.2f}" for start, _, grams in history]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
