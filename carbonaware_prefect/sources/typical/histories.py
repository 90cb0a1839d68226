"""Histories to learn typical days from: hourly or finer values, often of several years.

Read is whatever the source ``file:`` reads, and among that the CSV that the portal of
Electricity Maps gives, by the names that its columns have had. A history says what was,
so unlike a forecast it never fills a gap: a value holds for as long as the values of its
file usually do. And it is learnt from unseen, so values that cannot be are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import NoReturn

from carbonaware_prefect.errors import ForecastFileError
from carbonaware_prefect.sources.file.gaps import unbridged, usual_step
from carbonaware_prefect.sources.file.parsing import Parsed, ReadAnswer, parse
from carbonaware_prefect.sources.file.text import decode, read_bytes
from carbonaware_prefect.sources.http.reading import GRAMS_PER_KWH_LIMIT
from carbonaware_prefect.sources.typical.learning import Piece

__all__ = ["HistoryFile", "read_histories", "read_history"]

_LARGEST = 200_000_000  # bytes; a year of 5-minute values from the portal is about 20 MB
_HOUR = timedelta(hours=1)
_UNSAID = "as given"
# Nobody measured a grid's hours before, and who gives later ones gives no history.
_FIRST_YEAR, _LAST_YEAR = 1970, 2199


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """What one file says, or several.

    Attributes:
        pieces: in order of time, possibly with gaps.
        boundary: ``lifecycle`` or ``direct``, of the emission factors; ``as given`` where
            the file does not say.
        estimated: share of the values that their publisher had to estimate.
        notes: what was assumed in reading it, sentences for a person.
    """

    pieces: tuple[Piece, ...]
    boundary: str = _UNSAID
    estimated: float = 0.0
    notes: tuple[str, ...] = ()


def read_histories(
    paths: Sequence[Path],
    zone: str,
    *,
    time_zone: tzinfo | None = None,
    read_answer: ReadAnswer | None = None,
) -> HistoryFile:
    """All files together, as one history.

    Args:
        paths: of the files.
        zone: grid zone key.
        time_zone: of times that name none.
        read_answer: reads the saved answer of a service.

    Raises:
        ForecastFileError: (a ValueError) a file that is missing or no history, two that
            contradict each other, or say different things.
    """
    files = [
        (path, read_history(path, zone, time_zone=time_zone, read_answer=read_answer))
        for path in paths
    ]
    boundary, noted = _boundary(files)
    known = sorted((*piece, str(path)) for path, file in files for piece in file.pieces)
    pieces: list[Piece] = []
    for i, (start, end, grams, name) in enumerate(known):
        before = known[i - 1]
        if i and start < before[1]:
            if (start, end, grams) == before[:3]:
                continue
            _fail(name, f"contradicts {before[3]} at {start:%Y-%m-%d %H:%M} UTC")
        pieces.append((start, end, grams))
    count = sum(len(file.pieces) for _, file in files)
    estimated = sum(file.estimated * len(file.pieces) for _, file in files) / count
    notes = dict.fromkeys([*(note for _, file in files for note in file.notes), *noted])
    return HistoryFile(tuple(pieces), boundary, estimated, tuple(notes))


def _boundary(files: Sequence[tuple[Path, HistoryFile]]) -> tuple[str, list[str]]:
    """What all files are of, and a note on those that do not say it themselves."""
    said = {file.boundary for _, file in files} - {_UNSAID}
    if len(said) > 1:
        told = ", ".join(f"{path} is {file.boundary}" for path, file in files)
        _fail("", f"do not mix lifecycle and direct intensities: {told}")
    if not said:
        return _UNSAID, []
    (boundary,) = said
    silent = [path.name for path, file in files if file.boundary == _UNSAID]
    note = f"Taken to be {boundary} as the others, without saying it: {', '.join(silent)}"
    return boundary, [note] if silent else []


def read_history(
    path: Path,
    zone: str,
    *,
    time_zone: tzinfo | None = None,
    read_answer: ReadAnswer | None = None,
) -> HistoryFile:
    """What one file says about a zone; arguments as of `read_histories`.

    Raises:
        ForecastFileError: (a ValueError) it is missing, no history, or of another zone;
            says which line and why.
    """
    name = str(path)
    parsed = parse(
        decode(read_bytes(path, name, largest=_LARGEST), name),
        name=name,
        zone=zone,
        time_zone=time_zone,
        read_answer=read_answer,
    )
    _check(parsed, name, zone)
    return HistoryFile(
        _without_bridges(parsed, name),
        parsed.boundary or _UNSAID,
        parsed.estimated,
        parsed.notes,
    )


def _check(parsed: Parsed, name: str, zone: str) -> None:
    forecast = parsed.forecast
    if forecast.zone != zone:
        _fail(name, f"is of zone {forecast.zone}, asked was {zone}; give files of one zone")
    if forecast.signal != "average":
        _fail(
            name, f"holds {forecast.signal} intensities; typical days are of average ones"
        )
    _check_years((forecast.start, forecast.end), name)
    for point in parsed.points:
        grams = point.grams_per_kwh
        _check_years((point.start,), point.where)
        if grams is not None and not 0 <= grams <= GRAMS_PER_KWH_LIMIT:
            fault = (
                f"has an intensity that is not from 0 to {GRAMS_PER_KWH_LIMIT:,} gCO2/kWh"
            )
            _fail(point.where, f"{fault}; correct it, or leave the cell empty")


def _check_years(moments: Iterable[datetime], where: str) -> None:
    for moment in moments:
        if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            _fail(where, f"has a time in the year {moment.year}; give hours that were")


def _without_bridges(parsed: Parsed, name: str) -> tuple[Piece, ...]:
    """The pieces, none longer than they usually are: a forecast file bridges its gaps."""
    step = usual_step(parsed.forecast, parsed.points)
    if step > _HOUR:
        _fail(name, f"has a value for each {step}; it must have one an hour, or more")
    return tuple(unbridged(parsed.forecast, step))


def _fail(where: str, fault: str) -> NoReturn:
    msg = f"history {where} {fault}".replace("  ", " ")
    raise ForecastFileError(msg)
