"""Forecasts from a CSV or JSON file that somebody else keeps up to date.

CSV has a header with ``start``, an intensity column and, if wanted, ``end``::

    start,gco2_per_kwh
    2026-11-21T00:00Z,212.5
    2026-11-21T01:00Z,198

JSON may say more about itself; a point is an object or a pair::

    {"zone": "DE", "signal": "average", "issued_at": "2026-11-20T18:00Z",
     "end": "2026-11-21T02:00Z",
     "points": [{"start": "2026-11-21T00:00Z", "gco2_per_kwh": 212.5},
                ["2026-11-21T01:00Z", 198]]}

Times are ISO 8601 with an offset or ``Z``. A point without ``end`` holds until the next
starts, the last one as long as the one before it. Left-out times are gaps.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NoReturn, cast

from carbonaware_prefect.core import Forecast, Interval, Signal
from carbonaware_prefect.core.intervals import to_utc
from carbonaware_prefect.errors import ForecastFileError, InvalidInputError, NoForecastError

__all__ = ["FileSource", "parse_forecast"]

_LARGEST = 50_000_000  # bytes; twenty years of 5-minute values are about 60 MB
_INTENSITY = (
    "gco2_per_kwh",
    "carbon_intensity_gco2_per_kwh",
    "forecast_gco2_per_kwh",
    "intensity",
)
# Python 3.10 reads neither "Z" nor "+0100" nor ".5"; one pattern serves all versions.
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(?:[.,](\d{1,9}))?"
    r" ?(?:([Zz])|([+-]\d\d)(?::?(\d\d))?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class _Point:
    """One line or list element, and where it stands (for messages)."""

    where: str
    start: datetime
    end: datetime | None
    grams_per_kwh: float


class FileSource:
    """Forecasts from one file, read anew at each fetch.

    A file knows its own place, so no zone need be asked for.
    """

    name = "file"
    needs_zone = False

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._signal: Signal = "average"

    @property
    def signal(self) -> Signal:
        """What the file said when it was last fetched; ``average`` before that."""
        return self._signal

    def fetch(self, zone: str | None, interval: Interval) -> Forecast:
        """All that the file knows, if it knows anything about that zone and time.

        Raises:
            ForecastFileError: (a ValueError) missing, unreadable or malformed.
            NoForecastError: it is for another zone, or lies outside ``interval``.
        """
        forecast = parse_forecast(_read(self._path), name=str(self._path), zone=zone)
        self._signal = forecast.signal
        if zone is not None and forecast.zone != zone:
            msg = (
                f"forecast file {self._path} is for zone {forecast.zone!r}, asked was "
                f"{zone!r}; ask for that zone or give a file for this one"
            )
            raise NoForecastError(msg)
        if forecast.end <= interval.start or interval.end <= forecast.start:
            msg = (
                f"forecast file {self._path} covers {forecast.start.isoformat()} to "
                f"{forecast.end.isoformat()}, nothing between "
                f"{interval.start.isoformat()} and {interval.end.isoformat()}; renew it"
            )
            raise NoForecastError(msg)
        return forecast


def parse_forecast(text: str, *, name: str, zone: str | None = None) -> Forecast:
    """The forecast that a CSV or JSON text describes.

    Args:
        text: the file's content; JSON if it starts with a brace or bracket, else CSV.
        name: of the file, for messages.
        zone: what the forecast is of where the text does not say.

    Raises:
        ForecastFileError: (a ValueError) it is no forecast; says where and why.
    """
    if not text.strip():
        _fail(name, "is empty; it must be CSV with a header, or JSON with 'points'")
    about: Mapping[str, object] = {}
    if text.lstrip()[0] in "{[":
        about = _json_object(text, name)
        points = list(_json_points(about, name))
    else:
        points = list(_csv_points(text, name))
    end, issued = about.get("end"), about.get("issued_at")
    said = about.get("zone")
    if said is not None and not (isinstance(said, str) and said.strip()):
        _fail(name, f"has zone {said!r}; it must be a zone key such as 'DE', or left out")
    try:
        return Forecast.from_intervals(
            _intervals(points, None if end is None else _time(end, f"{name}: end"), name),
            zone=said.strip() if isinstance(said, str) else zone,
            source=FileSource.name,
            # The forecast refuses what is no signal.
            signal=cast("Signal", about.get("signal") or "average"),
            issued_at=None if issued is None else _time(issued, f"{name}: issued_at"),
        )
    except ForecastFileError:
        raise
    except InvalidInputError as error:
        _fail(name, f"is no forecast: {error}", error)


def _fail(where: str, fault: str, cause: Exception | None = None) -> NoReturn:
    msg = f"forecast file {where} {fault}"
    raise ForecastFileError(msg) from cause


def _read(path: Path) -> str:
    """The file's text, if it is a regular file of reasonable size in UTF-8."""
    try:
        path = path.expanduser()
        # Reading a pipe or a device could wait or go on for ever.
        if path.exists() and not path.is_file():
            _fail(str(path), "is no regular file but a directory or device; name a file")
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            _fail(str(path), f"is larger than {_LARGEST // 10**6} MB; give fewer points")
        return content.decode("utf-8-sig")
    except ForecastFileError:
        raise
    except UnicodeDecodeError as error:
        _fail(str(path), f"is not UTF-8 (byte {error.start}); save it as such", error)
    except (OSError, RuntimeError, ValueError) as error:
        _fail(str(path), f"cannot be read: {error}; check path and permissions", error)


def _csv_points(text: str, name: str) -> Iterator[_Point]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [column.strip().lower() for column in next(rows)]
        intensity = [column for column in names if column in _INTENSITY]
        if names.count("start") != 1 or len(intensity) != 1 or names.count("end") > 1:
            fault = f"has columns {', '.join(names)}; it needs one 'start', one of "
            fault += f"{', '.join(_INTENSITY)}, and at most one 'end'"
            _fail(f"{name}, line 1,", fault)
        for row in rows:
            where = f"{name}, line {rows.line_num},"
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(names):
                _fail(where, f"has {len(row)} fields, the header has {len(names)}")
            cells = dict(zip(names, (cell.strip() for cell in row), strict=True))
            yield _Point(
                where,
                _time(cells["start"], f"{where} start"),
                _time(cells["end"], f"{where} end") if cells.get("end") else None,
                _number(cells[intensity[0]], where),
            )
    except csv.Error as error:
        _fail(f"{name}, line {rows.line_num},", f"is no CSV: {error}", error)


def _number(value: object, where: str) -> float:
    number = math.nan
    # float() would read "1_000" as a thousand, and True as one.
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = math.nan if "_" in str(value) else float(value)
        except (ValueError, OverflowError):
            number = math.nan
    if not math.isfinite(number):
        fault = f"has intensity {value!r}; it must be a finite number of gCO2/kWh. "
        _fail(where, fault + "Leave out what is not known: a gap is allowed")
    return number


def _json_object(text: str, name: str) -> Mapping[str, object]:
    try:
        about = json.loads(text)
    except (ValueError, RecursionError) as error:
        _fail(name, f"is no JSON: {error}", error)
    if not isinstance(about, dict):
        _fail(name, "is a JSON list; it must be an object with a list 'points'")
    return about


def _json_points(about: Mapping[str, object], name: str) -> Iterator[_Point]:
    points = about.get("points")
    if not isinstance(points, list):
        _fail(name, f"has no list 'points', only {', '.join(about) or 'nothing'}")
    for number, point in enumerate(points, 1):
        where = f"{name}, point {number},"
        if isinstance(point, list) and len(point) == 2:  # noqa: PLR2004
            start, end, value = point[0], None, point[1]
        elif isinstance(point, dict):
            keys = [key for key in _INTENSITY if key in point]
            if len(keys) != 1:
                allowed = ", ".join(_INTENSITY)
                _fail(where, f"has keys {', '.join(point)}; it needs one of {allowed}")
            start, end, value = point.get("start"), point.get("end"), point[keys[0]]
        else:
            _fail(where, f"is {point!r}; it must be an object or [start, value]")
        yield _Point(
            where,
            _time(start, f"{where} start"),
            None if end is None else _time(end, f"{where} end"),
            _number(value, where),
        )


def _time(given: object, where: str) -> datetime:
    """The UTC time that an ISO 8601 text with an offset names."""
    found = _TIME.fullmatch(given.strip()) if isinstance(given, str) else None
    if found is None:
        _fail(where, f"is {given!r}; it must be ISO 8601, e.g. '2026-11-21T00:00Z'")
    date, minute, second, fraction, utc, hours, minutes = found.groups()
    if utc is None and hours is None:
        _fail(where, f"{given!r} names no time zone; add 'Z' or an offset, e.g. '+01:00'")
    offset = f"{hours}:{minutes or '00'}" if hours else "+00:00"
    micros = (fraction or "").ljust(6, "0")[:6]
    try:
        moment = datetime.fromisoformat(
            f"{date}T{minute}{second or ':00'}.{micros}{offset}"
        )
        return to_utc(moment, "it")
    except ValueError as error:
        _fail(where, f"is {given!r}, which is no time: {error}", error)


def _intervals(
    points: list[_Point], end: datetime | None, name: str
) -> Iterator[tuple[datetime, datetime, float]]:
    """Points with their ends filled in, checked so that messages can name the line."""
    if not points:
        _fail(name, "has no points; a forecast needs at least one")
    for one, other in pairwise(points):
        if other.start <= one.start:
            fault = "duplicated" if other.start == one.start else "out of order"
            fault += f": {other.start.isoformat()} after {one.start.isoformat()}"
            _fail(other.where, f"is {fault}; starts must strictly increase")
    for i, point in enumerate(points):
        until = point.end or _until(points, i, end)
        if until <= point.start:
            _fail(point.where, f"must end after its start {point.start.isoformat()}")
        if i + 1 < len(points) and until > points[i + 1].start:
            _fail(point.where, f"ends {until.isoformat()}, after the next one starts")
        yield point.start, until, point.grams_per_kwh


def _until(points: list[_Point], i: int, end: datetime | None) -> datetime:
    """Where a point ends that does not say so itself."""
    if i + 1 < len(points):
        return points[i + 1].start
    if end is not None:
        return end
    if i == 0:
        _fail(points[0].where, "is the only one and has no end; say when it ends ('end')")
    previous = points[i - 1]
    try:
        return points[i].start + ((previous.end or points[i].start) - previous.start)
    except OverflowError as error:
        _fail(points[i].where, "lies at the end of the calendar; give its 'end'", error)
