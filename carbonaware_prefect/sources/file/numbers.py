"""Numbers as spreadsheets write them: ``300.5``, ``300,5``, ``1.234,5``, ``1 234,5``.

Which of ``.`` and ``,`` is the decimal sign is settled by the whole column. Where
nothing settles it (``1.234`` may be 1234), the file is refused: wrong by a thousand is
worse than no forecast.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from carbonaware_prefect.errors import ForecastFileError
from carbonaware_prefect.sources.file.faults import refusal

__all__ = ["Cell", "read_numbers"]

# What people and programs write for "not known". Zero is never meant by them.
_ABSENT = frozenset({
    "", "-", "--", "---", "\u2013", "\u2014", "?", ".", "..", "...", "\u2026", "n/a",
    "n.a.", "na", "n/d", "k.a.", "n.v.", "none", "nan", "null", "missing", "#n/a", "#na",
    "#nv",
})  # fmt: skip
_BLANKS = str.maketrans(dict.fromkeys("\u00a0\u202f\u2009\u2007\u2019", " ") | {"'": " "})
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?P<digits>[\d., ]*\d[.,]?)(?P<power>e[+-]?\d+)?", re.ASCII
)
_WHOLE = re.compile(r"\d+|\d{1,3}([., ])\d{3}(\1\d{3})*", re.ASCII)
_GROUPED = re.compile(r"[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
# No grid and no power station comes near it; see sources.http.reading.
_BEYOND = 10_000


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one cell, and where it is (for messages)."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class _Written:
    """A number taken apart: ``head`` and ``tail`` around its last ``.`` or ``,``."""

    where: str
    sign: str
    head: str
    mark: str
    tail: str
    power: str

    @property
    def decimal(self) -> str | None:
        """The decimal sign that this number must have; None where it can be either."""
        other = {".": ",", ",": "."}.get(self.mark)
        if other is None:
            return None
        if other in self.head or " " in self.head or self.power:
            return self.mark
        if self.mark in self.head:
            return other
        return None if _GROUPED.fullmatch(self.head + self.mark + self.tail) else self.mark

    def value(self, decimal: str) -> float:
        """The number, or NaN where it is none with that decimal sign."""
        head, tail = self.head, self.tail
        if self.mark and self.mark != decimal:
            head, tail = f"{head}{self.mark}{tail}", ""
        digits = re.sub(r"\D", "", head)
        whole = not head or _WHOLE.fullmatch(head)
        if not whole or not (digits + tail).isdecimal():
            return math.nan
        return float(f"{self.sign}{digits or '0'}.{tail or '0'}{self.power}")


def read_numbers(
    cells: Sequence[Cell], *, factors: Sequence[float], plain: bool
) -> list[float | None]:
    """The numbers of a column; None for those that are absent.

    Args:
        cells: the column.
        factors: what converts each number to gCO2/kWh.
        plain: whether commas separate the columns, so that a point is a decimal point
            where nothing speaks against it.

    Raises:
        ForecastFileError: (a ValueError) one is no number, or may be two numbers.
    """
    written = [_take_apart(cell) for cell in cells]
    decimal = _decimal(written, factors, plain=plain)
    return [
        None if each is None else _finite(each.where, each.value(decimal) * factor)
        for each, factor in zip(written, factors, strict=True)
    ]


def _take_apart(cell: Cell) -> _Written | None:
    text = cell.text.translate(_BLANKS).strip().lower().replace("\u2212", "-")
    if text in _ABSENT:
        return None
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise _no_number(cell.where)
    head, mark, tail = _split(found["digits"])
    return _Written(
        cell.where, found["sign"], head.strip(), mark, tail, found["power"] or ""
    )


def _split(digits: str) -> tuple[str, str, str]:
    at = max(digits.rfind("."), digits.rfind(","))
    if at < 0:
        return digits, "", ""
    return digits[:at], digits[at], digits[at + 1 :]


def _decimal(
    written: Sequence[_Written | None], factors: Sequence[float], *, plain: bool
) -> str:
    settled: dict[str, str] = {}
    open_ones: list[tuple[_Written, float]] = []
    for each, factor in zip(written, factors, strict=True):
        if each is None or not each.mark:
            continue
        if each.decimal is None:
            open_ones.append((each, factor))
        else:
            settled.setdefault(each.decimal, each.where)
    if len(settled) > 1:
        fault = "writes decimals in another way than the lines before; use one for all"
        raise refusal(list(settled.values())[1], fault)
    if settled:
        return next(iter(settled))
    for each, factor in open_ones:
        if int(each.head + each.tail) * factor >= _BEYOND or (plain and each.mark == "."):
            return each.mark
    if open_ones:
        each = open_ones[0][0]
        fault = (
            "has a number with a point or comma before its last three digits, which may be "
            "a decimal sign or stand for thousands; write no thousands separators, and "
            "another number of decimals"
        )
        raise refusal(each.where, fault)
    return "."


def _finite(where: str, number: float) -> float:
    if not math.isfinite(number):
        raise _no_number(where)
    return number


def _no_number(where: str) -> ForecastFileError:
    fault = (
        "has no finite number of gCO2/kWh as its intensity. Leave the cell empty where it "
        "is not known: a gap is allowed"
    )
    return refusal(where, fault)
