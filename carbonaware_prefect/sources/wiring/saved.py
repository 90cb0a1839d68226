"""Answers of forecast services, saved to a file, read by the parsers of the sources.

A saved answer is known by its shape (see `shapes`). What it says of its zone counts;
Energy-Charts, Great Britain's national answers and some servers of the Carbon Aware SDK
don't say it, and then it is the zone asked for. Programs that save answers wrap them: an
answer may stand in an envelope, or in a list with those of other zones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone

from carbonaware_prefect.core import Forecast, Interval, Signal
from carbonaware_prefect.errors import NoForecastError
from carbonaware_prefect.sources.file import SavedAnswer
from carbonaware_prefect.sources.wiring.shapes import UNSAID, Recognised, recogniser

__all__ = ["answer_reader"]

_EVER = Interval(
    datetime(1, 1, 1, tzinfo=timezone.utc), datetime(9999, 12, 31, tzinfo=timezone.utc)
)
_ENVELOPES = (
    "data", "response", "result", "results", "body", "payload", "content", "answer",
    "json", "forecasts",
)  # fmt: skip
_DEEPEST = 4
# The mark of this package's own documents: they are never opened.
_OWN = "points"


def answer_reader(
    *, signal: Signal, locations: Mapping[str, str] | None
) -> Callable[[object, str | None], SavedAnswer | None]:
    """What reads a saved answer for the zone that is asked for; None where it is none.

    Args:
        signal: what the backend of the Carbon Aware SDK measures.
        locations: the SDK's location names by zone; None when they are named like zones.
    """
    recognise = recogniser(signal=signal, locations=locations)

    def read(payload: object, zone: str | None) -> SavedAnswer | None:
        for part in _opened(payload, _DEEPEST):
            known = recognise(part, zone) or _one_of(part, zone)
            if known is not None:
                return _read(known)
        return None

    def _one_of(part: object, zone: str | None) -> Recognised | None:
        """The answer for the zone, of a list of answers."""
        if not isinstance(part, list) or not all(isinstance(each, dict) for each in part):
            return None
        found = [known for each in part if (known := recognise(each, zone)) is not None]
        if not found or len(found) < len(part):
            return None
        fitting = [known for known in found if zone in (None, known.zone)]
        # One that can only be taken for the zone is not needed where another one is of it.
        own = [known for known in fitting if known.own in (None, known.zone)]
        fitting = own or fitting
        if len(fitting) != 1:
            msg = (
                "it has several answers of services, and not one for the zone asked for; "
                "save that one alone"
            )
            raise NoForecastError(msg)
        return fitting[0]

    return read


def _opened(payload: object, depth: int) -> Iterator[object]:
    """The payload, and what stands in its envelopes, from outside inwards."""
    yield payload
    if depth and isinstance(payload, dict) and _OWN not in payload:
        for name in _ENVELOPES:
            if isinstance(payload.get(name), (dict, list)):
                yield from _opened(payload[name], depth - 1)


def _read(known: Recognised) -> SavedAnswer:
    zone = known.own or known.zone or UNSAID
    forecast = known.source.parse(known.payload, zone, _EVER)
    return SavedAnswer(
        forecast=Forecast.from_intervals(
            [(piece.start, piece.end, value) for piece, value in forecast],
            zone=known.zone,
            source="file",
            signal=forecast.signal,
            issued_at=forecast.issued_at,
        ),
        info=known.source.info,
        assumed=known.assumed,
    )
