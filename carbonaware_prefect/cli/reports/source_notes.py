"""Which source fetched, whom to credit, and which sources failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from carbonaware_prefect.cli.fetching import FetchedForecast
from carbonaware_prefect.cli.output import iso, printable
from carbonaware_prefect.core import Forecast

__all__ = ["credit", "intensity_document", "notes", "source_document", "unit"]


def unit(forecast: Forecast, *, narrow: bool) -> str:
    """Of a forecast's values, for the head of a column."""
    if forecast.modelled:
        return "%" if narrow else "% of day"
    return "g/kWh" if narrow else forecast.unit


def intensity_document(forecast: Forecast, value: float | None) -> dict[str, object]:
    """A value of a forecast for JSON; what is modelled knows no grams."""
    if forecast.modelled:
        return {"gco2_per_kwh": None, "percent_of_modelled_day": value}
    return {"gco2_per_kwh": value}


_TWO_HOURS, _THREE_DAYS = 120, 72  # in minutes, in hours


def credit(fetched: FetchedForecast) -> Iterator[str]:
    """The lines that a chart has to carry."""
    forecast, info = fetched.forecast, fetched.info
    issued = forecast.issued_at
    when = f", issued {issued:%Y-%m-%d %H:%M} UTC" if issued else ""
    when += f" ({_ago(fetched.age)})" if fetched.age is not None else ""
    name = forecast.source or fetched.source if forecast.modelled else fetched.source
    title = f"{info.title} ({name})" if info else name
    yield f"Source: {title}, {forecast.signal} intensity{when}"
    if info is not None:
        yield f"Credit: {info.attribution}"
        yield f"Licence: {info.licence}"


def _ago(age: timedelta) -> str:
    """How long ago, as a person would say it."""
    if age < timedelta(0):
        return "in the future"
    minutes = age // timedelta(minutes=1)
    if minutes < _TWO_HOURS:
        return f"{minutes} min ago"
    hours = round(minutes / 60)
    return f"{hours} h ago" if hours < _THREE_DAYS else f"{round(hours / 24)} days ago"


def notes(fetched: FetchedForecast) -> Iterator[str]:
    """The credit, what was assumed, and what went wrong before a source fetched."""
    yield from credit(fetched)
    yield from map(printable, fetched.notes)
    for failure in fetched.failures:
        yield printable(f"Failed: {failure.source}: {failure.why}")


def source_document(fetched: FetchedForecast) -> dict[str, object]:
    """The same for JSON."""
    forecast, info = fetched.forecast, fetched.info
    issued = forecast.issued_at
    return {
        "name": fetched.source,
        "title": info.title if info else None,
        "signal": forecast.signal,
        "issued_at": iso(issued) if issued else None,
        "age_seconds": None if fetched.age is None else fetched.age.total_seconds(),
        "attribution": info.attribution if info else None,
        "licence": info.licence if info else None,
        "url": info.url if info else None,
        "notes": list(fetched.notes),
        "failed": [
            {"source": failure.source, "reason": failure.why}
            for failure in fetched.failures
        ],
    }
