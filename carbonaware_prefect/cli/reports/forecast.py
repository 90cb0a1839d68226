"""What ``carbonaware-prefect forecast`` finds out, and how it looks."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.text import Text

from carbonaware_prefect.charts.scale import floor_to, steps
from carbonaware_prefect.charts.svg import draw_svg
from carbonaware_prefect.charts.terminal import AXIS, draw, step_for, time_axis
from carbonaware_prefect.cli.fetching import FetchedForecast, Wanted, fetch_wanted
from carbonaware_prefect.cli.output import Times, grams, is_narrow, iso, new_table
from carbonaware_prefect.cli.reports.source_notes import (
    credit,
    intensity_document,
    notes,
    source_document,
    unit,
)
from carbonaware_prefect.core import Interval
from carbonaware_prefect.errors import CarbonAwareError

__all__ = ["as_document", "collect", "show", "write_svg"]

_HOUR = timedelta(hours=1)
_WIDEST = 120
_ROWS = 6


def collect(wanted: Wanted, *, hours: int, now: datetime) -> FetchedForecast:
    """The forecast of the wanted place from the present hour on.

    Raises:
        InvalidInputError: (a ValueError) no such place or source, or none given.
        NoForecastError: (a LookupError) nobody knows.
        SourceError: the source did not deliver.
    """
    start = floor_to(now, _HOUR)
    return fetch_wanted(wanted, Interval(start, start + hours * _HOUR))


def as_document(fetched: FetchedForecast) -> dict[str, object]:
    """All of it, as JSON would have it."""
    asked = fetched.interval
    intervals = [
        {
            "start": iso(interval.start),
            "end": iso(interval.end),
            **intensity_document(fetched.forecast, value),
        }
        for interval, value in fetched.forecast
        if interval.start < asked.end and interval.end > asked.start
    ]
    return {
        **fetched.where.document(),
        "unit": fetched.forecast.unit,
        "asked": {"start": iso(asked.start), "end": iso(asked.end)},
        "source": source_document(fetched),
        "intervals": intervals,
    }


def write_svg(fetched: FetchedForecast, path: Path) -> None:
    """Write the chart.

    Raises:
        CarbonAwareError: the file cannot be written.
    """
    asked, forecast = fetched.interval, fetched.forecast
    picture = draw_svg(
        forecast,
        start=asked.start,
        end=asked.end,
        title=f"Carbon intensity forecast, {fetched.where.name}",
        subtitle=(
            f"{forecast.signal.capitalize()} intensity, "
            f"{asked.start:%d %b %H:%M} to {asked.end:%d %b %H:%M} UTC"
        ),
        notes=tuple(credit(fetched)),
    )
    try:
        path.write_text(picture, encoding="utf-8")
    except OSError as error:
        msg = f"cannot write the chart to {path}: {error.strerror or error}"
        raise CarbonAwareError(msg) from None


def show(fetched: FetchedForecast, console: Console, svg: Path | None = None) -> None:
    """Chart, table, and whom to credit."""
    title = f"Carbon intensity forecast, {fetched.where.name}"
    console.print(Text(title, style="bold"))
    console.print()
    _chart(fetched, console)
    console.print()
    _table(fetched, console)
    console.print()
    for note in notes(fetched):
        console.print(Text(note))
    if svg is not None:
        console.print(Text(f"Chart written to {svg}"))


def _chart(fetched: FetchedForecast, console: Console) -> None:
    asked = fetched.interval
    plain = console.options.ascii_only
    width = max(8, min(console.width, _WIDEST) - AXIS - 1)
    step = step_for(asked.duration, width)
    columns = round(asked.duration / step)
    chart = draw(
        fetched.forecast,
        None,
        now=asked.start,
        step=step,
        columns=columns,
        rows=_ROWS,
        ascii_only=plain,
        from_zero=False,
    )
    for line in chart.lines:
        console.print(Text(line, style="green"), crop=True, no_wrap=True)
    for line in time_axis(asked.start, step, columns, ascii_only=plain):
        console.print(Text(line, style="dim"), crop=True, no_wrap=True)


def _table(fetched: FetchedForecast, console: Console) -> None:
    asked = fetched.interval
    hours = steps(fetched.forecast, asked.start, asked.end, _HOUR)
    means = [hour.mean for hour in hours if hour.mean is not None]
    narrow = is_narrow(console)
    times = Times((hour.start for hour in hours), narrow=narrow)
    titles = [(title, False) for title in ("UTC", *times.local)]
    table = new_table(*titles, (unit(fetched.forecast, narrow=narrow), True), ("", False))
    for hour in hours:
        note = _note(hour.mean, hour.covered, means)
        style = {"lowest": "bold green", "highest": "yellow"}.get(note, "")
        table.add_row(*times.cells(hour.start), grams(hour.mean), note, style=style)
    console.print(table)


def _note(mean: float | None, covered: float, means: list[float]) -> str:
    if mean is None:
        return "not known"
    if min(means) < max(means) and mean == min(means):
        return "lowest"
    if min(means) < max(means) and mean == max(means):
        return "highest"
    return "" if covered == 1 else f"{covered:.0%} known"
