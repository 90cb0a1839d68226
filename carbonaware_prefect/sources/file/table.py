"""A table of text: what spreadsheets export, with whichever separator they use."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from carbonaware_prefect.sources.file.columns import (
    INTENSITY,
    Columns,
    factor_in,
    find_columns,
)
from carbonaware_prefect.sources.file.dates import Times, read_times
from carbonaware_prefect.sources.file.faults import refusal
from carbonaware_prefect.sources.file.numbers import Cell, read_numbers
from carbonaware_prefect.sources.file.points import Point

__all__ = ["Table", "read_table"]

_SEPARATORS = (";", "\t", ",")
# Titles and notes above the header.
_PREAMBLE = 20
# Excel's own way to say which separator follows.
_SAID = re.compile(r"\s*\"?sep=([;,\t])\"?\s*?\r?\n", re.IGNORECASE)
_YES = frozenset({"true", "yes", "1"})
_UNIT_AFTER = re.compile(r"(?<=\d)\s*[a-zA-Z].*")


@dataclass(frozen=True, slots=True)
class Table:
    """What a table says.

    Attributes:
        points: of the zone, in the file's order.
        zone: what its column of zones says, None where there is no such column.
        times: as they were read.
        boundary: ``lifecycle`` or ``direct`` where the header says so.
        estimated: share of the values that are estimates by their own word.
    """

    points: list[Point]
    zone: str | None
    times: Times
    boundary: str | None
    estimated: float


@dataclass(frozen=True, slots=True)
class _Row:
    where: str
    cells: list[str]

    def cell(self, i: int | None) -> str:
        return "" if i is None else self.cells[i]


def read_table(
    text: str, name: str, *, zone: str | None, clock: Callable[[str], tzinfo]
) -> Table:
    """The points of a table.

    Args:
        text: with a header that names the columns.
        name: of the file, for messages.
        zone: whose rows are wanted, where a column tells zones apart.
        clock: gives the time zone of times that name none, where the header names none.

    Raises:
        ForecastFileError: (a ValueError) it is no such table; says where and why.
    """
    separator, columns, header = _layout(text, name)
    rows = list(_rows(text, separator, header, name))
    found = None
    if columns.zone is not None:
        found = _zone_of(rows, columns.zone, zone, name)
        rows = [row for row in rows if row.cell(columns.zone) == found]
    said = columns.time_zone
    times = read_times(
        [_start(row, columns) for row in rows],
        [_end(row, columns) for row in rows],
        clock if said is None else lambda _: said,
    )
    numbers = _numbers(rows, columns, plain=separator == ",")
    issued = _issued(rows, columns, clock)
    points = [
        Point(row.where, start, end, number, at)
        for row, start, end, number, at in zip(
            rows, times.starts, times.ends, numbers, issued, strict=True
        )
    ]
    return Table(
        points=points,
        zone=found,
        times=times,
        boundary=columns.boundary,
        estimated=_share_estimated(rows, columns, numbers),
    )


def _layout(text: str, name: str) -> tuple[str, Columns, int]:
    """The separator, the columns, and the number of lines down to the header."""
    said = _SAID.match(text)
    for separator in (said[1],) if said else _SEPARATORS:
        reader = _reader(text, separator)
        try:
            for _, cells in zip(range(_PREAMBLE), reader, strict=False):
                where = f"{name}, line {reader.line_num},"
                columns = find_columns(cells, where)
                if columns is not None:
                    return separator, columns, reader.line_num
        except csv.Error:
            continue
    fault = (
        "has no header that names a start and an intensity; it needs the columns 'start' "
        f"and '{INTENSITY[0]}', with commas, semicolons or tabs between them"
    )
    raise refusal(name, fault)


def _reader(text: str, separator: str) -> csv._reader:  # type: ignore[name-defined]
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)


def _rows(text: str, separator: str, header: int, name: str) -> Iterator[_Row]:
    reader = _reader(text, separator)
    width = 0
    try:
        for cells in reader:
            where = f"{name}, line {reader.line_num},"
            if reader.line_num <= header:
                width = len(cells)
                continue
            stripped = [cell.strip() for cell in cells]
            if not any(stripped):
                continue
            if any(stripped[width:]):
                fault = (
                    f"has {len(cells)} fields, the header has {width}; numbers with a "
                    "decimal comma need quotes, or semicolons between the columns"
                )
                raise refusal(where, fault)
            # Some programs leave out what is empty at the end of a line.
            yield _Row(where, (stripped + [""] * width)[:width])
    except csv.Error:
        where = f"{name}, line {reader.line_num},"
        raise refusal(where, "is no CSV: its quotes do not match") from None


def _zone_of(rows: Sequence[_Row], column: int, wanted: str | None, name: str) -> str:
    """The zone whose rows count."""
    for row in rows:
        if not row.cell(column):
            raise refusal(row.where, "names no zone, though the table has a column of them")
    zones = {row.cell(column) for row in rows}
    if wanted in zones and wanted is not None:
        return wanted
    if len(zones) > 1:
        raise refusal(
            name, "has rows of several zones, none of them the one that was asked for"
        )
    return next(iter(zones), "")


def _share_estimated(
    rows: Sequence[_Row], columns: Columns, numbers: Sequence[float | None]
) -> float:
    known = [row for row, number in zip(rows, numbers, strict=True) if number is not None]
    marked = sum(row.cell(columns.estimated).lower() in _YES for row in known)
    return marked / len(known) if known else 0.0


def _issued(
    rows: Sequence[_Row], columns: Columns, clock: Callable[[str], tzinfo]
) -> Sequence[datetime | None]:
    """When each row was published; None for all where no column says it."""
    if columns.issued is None:
        return [None] * len(rows)
    cells = [Cell(f"{row.where} issue time", row.cell(columns.issued)) for row in rows]
    return read_times(cells, [None] * len(rows), clock).starts


def _start(row: _Row, columns: Columns) -> Cell:
    parts = [row.cell(columns.start)]
    if columns.clock is not None:
        parts.append(row.cell(columns.clock))
    return Cell(f"{row.where} start", " ".join(parts))


def _end(row: _Row, columns: Columns) -> Cell | None:
    end = row.cell(columns.end)
    return Cell(f"{row.where} end", end) if end else None


def _numbers(rows: Sequence[_Row], columns: Columns, *, plain: bool) -> list[float | None]:
    cells, factors = [], []
    for row in rows:
        text, factor = row.cell(columns.value), columns.factor
        unit = row.cell(columns.unit)
        if after := _UNIT_AFTER.search(text):
            # An exponent is part of the number.
            number = factor_in(after[0])
            if number is not None:
                text, factor = text[: after.start()], number
        elif unit:
            number = factor_in(unit)
            if number is None:
                raise refusal(row.where, "has a unit that is no gCO2/kWh, kg/MWh or lb/MWh")
            factor = number
        cells.append(Cell(row.where, text))
        factors.append(factor)
    return read_numbers(cells, factors=factors, plain=plain)
