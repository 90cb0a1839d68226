"""From the text of a file to a forecast."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from carbonaware_prefect.core import Forecast, Signal
from carbonaware_prefect.errors import InvalidInputError, NoForecastError, SourceError
from carbonaware_prefect.sources.base import SourceInfo
from carbonaware_prefect.sources.file.dates import Times
from carbonaware_prefect.sources.file.document import read_document
from carbonaware_prefect.sources.file.faults import refusal
from carbonaware_prefect.sources.file.points import Point, intervals
from carbonaware_prefect.sources.file.table import read_table

__all__ = [
    "Parsed",
    "ReadAnswer",
    "Said",
    "SavedAnswer",
    "clock_of",
    "is_json",
    "made",
    "parse",
    "parse_forecast",
]

_NAME = "file"
_ZONE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedAnswer:
    """The saved answer of a forecast service.

    Attributes:
        forecast: what it says.
        info: whom to credit.
        assumed: in reading it, in sentences for a person.
    """

    forecast: Forecast
    info: SourceInfo
    assumed: tuple[str, ...] = ()


ReadAnswer = Callable[[object, str | None], SavedAnswer | None]
"""Reads the saved answer of a forecast service for the zone that is asked for; None where
the JSON is none. May raise what a source may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A forecast, and what was assumed in reading it.

    Attributes:
        forecast: what the text says.
        notes: sentences for a person.
        points: what the forecast was made of; none of a saved answer.
        boundary: ``lifecycle`` or ``direct`` where the text says so.
        estimated: share of the values that are estimates by their own word.
    """

    forecast: Forecast
    notes: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()
    boundary: str | None = None
    estimated: float = 0.0


def parse_forecast(
    text: str,
    *,
    name: str,
    zone: str | None = None,
    time_zone: tzinfo | None = None,
) -> Forecast:
    """The forecast that a CSV or JSON text describes.

    Args:
        text: the file's content; JSON if it starts with a brace or bracket, else a table.
        name: of the file, for messages.
        zone: what the forecast is of where the text does not say.
        time_zone: of times that name none.

    Raises:
        ForecastFileError: (a ValueError) it is no forecast; says where and why.
    """
    return parse(text, name=name, zone=zone, time_zone=time_zone).forecast


def parse(
    text: str,
    *,
    name: str,
    zone: str | None,
    time_zone: tzinfo | None,
    read_answer: ReadAnswer | None = None,
) -> Parsed:
    """As `parse_forecast`, with what was assumed, and saved answers of services too."""
    if not text.strip():
        raise refusal(name, "is empty; it must be CSV with a header, or JSON with 'points'")

    notes: list[str] = []
    clock = clock_of(time_zone, notes)
    if not is_json(text):
        table = read_table(text, name, zone=zone, clock=clock)
        forecast = made(table.points, Said(table.zone), name, zone)
        parsed = _parsed(forecast, notes, table.times, table.points)
        return replace(parsed, boundary=table.boundary, estimated=table.estimated)
    payload = _json(text, name)
    saved = None if read_answer is None else _saved(payload, zone, name, read_answer)
    if saved is not None:
        _check_zone(saved.forecast.zone, name)
        credit = f"{saved.info.attribution}; {saved.info.licence}"
        note = f"The file holds an answer of {saved.info.title}; credit {credit}"
        return Parsed(forecast=saved.forecast, notes=(note, *saved.assumed))
    found = read_document(payload, name, clock)
    said = Said(found.zone, found.signal, found.issued_at, found.end)
    forecast = made(found.points, said, name, zone)
    return _parsed(forecast, notes, found.times, found.points)


def is_json(text: str) -> bool:
    """Whether a text that is not empty is meant as JSON, and no table."""
    return text.lstrip()[0] in "{["


def clock_of(time_zone: tzinfo | None, notes: list[str]) -> Callable[[str], tzinfo]:
    """Gives the time zone of times that name none, and notes it when it is asked.

    What it gives raises `ForecastFileError` where nobody said one.
    """

    def clock(where: str) -> tzinfo:
        if time_zone is None:
            fault = (
                "names no time zone; add 'Z' or an offset such as +01:00 to the times, "
                "UTC or Europe/Berlin to the header of their column, or set "
                "CARBONAWARE_FORECAST_TIME_ZONE"
            )
            raise refusal(where, fault)
        if not notes:
            notes.append(
                f"Times without a time zone were read as {time_zone}; "
                "CARBONAWARE_FORECAST_TIME_ZONE says another"
            )
        return time_zone

    return clock


@dataclass(frozen=True, slots=True)
class Said:
    """What a file says of itself."""

    zone: str | None = None
    signal: Signal = "average"
    issued_at: datetime | None = None
    end: datetime | None = None


def made(points: Sequence[Point], said: Said, name: str, zone: str | None) -> Forecast:
    """The forecast that points make.

    Raises:
        ForecastFileError: (a ValueError) they make none; says where and why.
    """
    _check_zone(said.zone, name)
    pieces = list(intervals(points, said.end, name))
    try:
        return Forecast.from_intervals(
            pieces,
            zone=said.zone or zone,
            source=_NAME,
            signal=said.signal,
            issued_at=said.issued_at,
        )
    except InvalidInputError:
        raise refusal(name, "holds numbers or times that make no forecast") from None


def _parsed(
    forecast: Forecast, notes: list[str], times: Times, points: Sequence[Point]
) -> Parsed:
    if times.order is not None:
        notes.append(f"Dates were read as {times.order}")
    return Parsed(forecast=forecast, notes=tuple(notes), points=tuple(points))


def _check_zone(zone: str | None, name: str) -> None:
    """Refuse what is no key of a zone: it will stand in messages and records."""
    if zone and not _ZONE_KEY.fullmatch(zone):
        fault = "has a zone that is no key of a zone; write e.g. DE, or leave it out"
        raise refusal(name, fault)


def _json(text: str, name: str) -> object:
    try:
        payload: object = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{name}, line {error.lineno},"
        raise refusal(where, "is no JSON") from None
    except (ValueError, RecursionError):
        raise refusal(name, "is no JSON") from None
    return payload


def _saved(
    payload: object, zone: str | None, name: str, read_answer: ReadAnswer
) -> SavedAnswer | None:
    try:
        return read_answer(payload, zone)
    except (SourceError, NoForecastError) as error:
        raise refusal(name, f"holds an answer that cannot be used: {error}") from None
