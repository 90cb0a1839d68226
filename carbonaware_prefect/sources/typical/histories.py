"""Histories to learn typical days from: hourly or finer values, often of several years.

Read are the CSV that the portal of Electricity Maps gives, by its own column names, and
whatever the source ``file:`` reads. A history says what was, so unlike a forecast it
never fills a gap: a value holds for as long as the values of its file usually do.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

from carbonaware_prefect.errors import ForecastFileError
from carbonaware_prefect.sources.file import parse_forecast
from carbonaware_prefect.sources.typical.learning import Piece

__all__ = ["HistoryFile", "read_histories", "read_history"]

_LARGEST = 200_000_000  # bytes; a year of 5-minute values from the portal is about 20 MB
_HOUR = timedelta(hours=1)
_TIME = "datetime (utc)"
# What the portal has called the column of lifecycle values over the years.
_LIFECYCLE = ("life cycle", "lifecycle", "lca")


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """What one file says.

    Attributes:
        pieces: in order of time, possibly with gaps.
        boundary: ``lifecycle`` or ``direct``, of the emission factors; ``as given`` where
            the file does not say.
        estimated: share of the values that their publisher had to estimate.
    """

    pieces: tuple[Piece, ...]
    boundary: str = "as given"
    estimated: float = 0.0


def read_histories(paths: Sequence[Path], zone: str) -> HistoryFile:
    """All files together, as one history.

    Raises:
        ForecastFileError: (a ValueError) a file that is missing or no history, two that
            contradict each other, or say different things.
    """
    files = [(path, read_history(path, zone)) for path in paths]
    boundaries = {file.boundary for _, file in files}
    if len(boundaries) > 1:
        told = ", ".join(f"{path} is {file.boundary}" for path, file in files)
        _fail("", f"do not mix lifecycle and direct intensities: {told}")
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
    return HistoryFile(tuple(pieces), boundaries.pop(), estimated)


def read_history(path: Path, zone: str) -> HistoryFile:
    """What one file says about a zone.

    Raises:
        ForecastFileError: (a ValueError) it is missing, no history, or of another zone;
            says which line and why.
    """
    text = _read(path)
    head = _plain(text.lstrip().partition("\n")[0])
    if _TIME in head:
        return _of_the_portal(text, str(path), zone)
    forecast = parse_forecast(text, name=str(path), zone=zone)
    if forecast.zone != zone:
        _fail(str(path), f"is of zone {forecast.zone}, asked was {zone}")
    pieces = [(each.start, each.end, grams) for each, grams in forecast]
    return HistoryFile(_without_bridges(pieces, str(path)))


def _read(path: Path) -> str:
    try:
        if not path.is_file():
            _fail(str(path), "is no file; name a CSV or JSON file of hourly intensities")
        if path.stat().st_size > _LARGEST:
            _fail(str(path), f"is larger than {_LARGEST // 10**6} MB; give hourly values")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        _fail(str(path), f"is no UTF-8 (byte {error.start}); save it as CSV in UTF-8")
    except OSError as error:
        _fail(str(path), f"cannot be read: {error.strerror}; check path and permissions")


def _plain(text: str) -> str:
    # The portal writes CO₂ with a small two.
    return text.strip().lower().replace("\u2082", "2")


def _of_the_portal(text: str, name: str, zone: str) -> HistoryFile:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = _columns([_plain(cell) for cell in next(rows)], name)
        found = list(_portal_points(rows, columns, name, zone))
    except csv.Error as error:
        _fail(f"{name}, line {rows.line_num},", f"is no CSV: {error}")
    for one, other in pairwise(found):
        if other.start <= one.start:
            fault = "again" if other.start == one.start else "out of order"
            at = f"{other.start:%Y-%m-%d %H:%M}"
            _fail(f"{name}, line {other.line},", f"names {at} {fault}; sort by time")
    known = [point for point in found if point.grams is not None]
    if not known:
        _fail(name, "has no values")
    ends = [point.start for point in found[1:]]
    step = _usual(
        [end - point.start for point, end in zip(found, ends, strict=False)], name
    )
    pieces = [(p.start, p.start + step, p.grams) for p in known if p.grams is not None]
    estimated = sum(point.estimated for point in known) / len(known)
    return HistoryFile(tuple(pieces), columns.boundary, estimated)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where in a row of the portal's is what."""

    width: int
    time: int
    grams: int
    zone: int | None
    estimated: int | None
    boundary: str


@dataclass(frozen=True, slots=True)
class _Point:
    line: int
    start: datetime
    grams: float | None
    estimated: bool


def _columns(names: list[str], name: str) -> _Columns:
    intensities = [i for i, each in enumerate(names) if each.startswith("carbon intensity")]
    lifecycle = [i for i in intensities if any(word in names[i] for word in _LIFECYCLE)]
    direct = [i for i in intensities if "direct" in names[i]]
    chosen = lifecycle or direct
    if len(chosen) != 1:
        fault = f"has columns {', '.join(names)}; it needs one 'Carbon intensity ... "
        _fail(f"{name}, line 1,", fault + "(Life cycle)', or one '(direct)'")
    return _Columns(
        len(names),
        names.index(_TIME),
        chosen[0],
        names.index("zone id") if "zone id" in names else None,
        names.index("data estimated") if "data estimated" in names else None,
        "lifecycle" if lifecycle else "direct",
    )


def _portal_points(
    rows: Iterator[list[str]], columns: _Columns, name: str, zone: str
) -> Iterator[_Point]:
    for line, row in enumerate(rows, 2):
        where = f"{name}, line {line},"
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != columns.width:
            _fail(where, f"has {len(row)} fields, the header has {columns.width}")
        if columns.zone is not None and row[columns.zone].strip() != zone:
            of = row[columns.zone].strip()
            _fail(where, f"is of zone {of}, asked was {zone}; give files of one zone")
        estimated = columns.estimated is not None and row[columns.estimated].strip()
        yield _Point(
            line,
            _moment(row[columns.time], where),
            _number(row[columns.grams], where),
            str(estimated).lower() == "true",
        )


def _moment(text: str, where: str) -> datetime:
    # The column is in UTC by its name; Python 3.10 does not read "Z".
    plain = text.strip().removesuffix("Z")
    try:
        moment = datetime.fromisoformat(plain)
    except ValueError:
        _fail(where, f"has time {text!r}; it must be ISO 8601, e.g. 2023-01-01 00:00:00")
    if moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc)


def _number(text: str, where: str) -> float | None:
    """The intensity; None where the cell is empty: a gap."""
    if not text.strip():
        return None
    try:
        number = math.nan if "_" in text else float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        fault = f"has intensity {text!r}; it must be a number of gCO2/kWh"
        _fail(where, f"{fault}, or empty where it is not known")
    return number


def _without_bridges(pieces: Sequence[Piece], name: str) -> tuple[Piece, ...]:
    """The pieces, none longer than they usually are: a forecast file bridges its gaps."""
    step = _usual([end - start for start, end, _ in pieces], name)
    return tuple((start, min(end, start + step), grams) for start, end, grams in pieces)


def _usual(lengths: Sequence[timedelta], name: str) -> timedelta:
    """How long a value usually holds."""
    if not lengths:
        _fail(name, "has a single value; give at least a year of hourly ones")
    step = Counter(lengths).most_common(1)[0][0]
    if step > _HOUR:
        _fail(name, f"has a value for each {step}; it must have one an hour, or more")
    return step


def _fail(where: str, fault: str) -> NoReturn:
    msg = f"history {where} {fault}".replace("  ", " ")
    raise ForecastFileError(msg)
