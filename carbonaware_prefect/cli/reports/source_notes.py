"""Which source fetched, whom to credit, and which sources failed."""

from __future__ import annotations

from collections.abc import Iterator

from carbonaware_prefect.cli.fetching import FetchedForecast
from carbonaware_prefect.cli.output import iso, printable

__all__ = ["credit", "notes", "source_document"]


def credit(fetched: FetchedForecast) -> Iterator[str]:
    """The lines that a chart has to carry."""
    forecast, info = fetched.forecast, fetched.info
    issued = forecast.issued_at
    when = f", issued {issued:%Y-%m-%d %H:%M} UTC" if issued else ""
    title = f"{info.title} ({fetched.source})" if info else fetched.source
    yield f"Source: {title}, {forecast.signal} intensity{when}"
    if info is not None:
        yield f"Credit: {info.attribution}"
        yield f"Licence: {info.licence}"


def notes(fetched: FetchedForecast) -> Iterator[str]:
    """The credit, and what went wrong before a source fetched."""
    yield from credit(fetched)
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
        "attribution": info.attribution if info else None,
        "licence": info.licence if info else None,
        "url": info.url if info else None,
        "failed": [
            {"source": failure.source, "reason": failure.why}
            for failure in fetched.failures
        ],
    }
