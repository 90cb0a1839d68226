"""A JSON document with points, as this package describes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import cast

from carbonaware_prefect.core import Signal
from carbonaware_prefect.sources.file.columns import INTENSITY, time_zone_named
from carbonaware_prefect.sources.file.dates import Times, read_times
from carbonaware_prefect.sources.file.faults import refusal
from carbonaware_prefect.sources.file.numbers import Cell
from carbonaware_prefect.sources.file.points import Point

__all__ = ["Document", "read_document"]

_SIGNALS = ("average", "marginal")
_PAIR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a JSON document says.

    Attributes:
        points: in the document's order.
        times: as they were read.
        zone, issued_at, end: what it says of itself; None where it does not.
        signal: ``average`` where it does not say.
    """

    points: list[Point]
    times: Times
    zone: str | None
    signal: Signal
    issued_at: datetime | None
    end: datetime | None


def read_document(payload: object, name: str, clock: Callable[[str], tzinfo]) -> Document:
    """The points of an object with ``points``, or of a list of points.

    Args:
        payload: the JSON.
        name: of the file, for messages.
        clock: gives the time zone of times that name none, where the document does not.

    Raises:
        ForecastFileError: (a ValueError) it is no such document; says where and why.
    """
    about: Mapping[str, object] = {"points": payload}
    if isinstance(payload, dict):
        about = payload
    clock = _own_clock(about, name) or clock
    rows = list(_rows(about.get("points"), name))
    times = read_times([row[1] for row in rows], [row[2] for row in rows], clock)
    return Document(
        points=[
            Point(where, start, end, grams)
            for (where, _, _, grams), start, end in zip(
                rows, times.starts, times.ends, strict=True
            )
        ],
        times=times,
        zone=_text(about, "zone", name),
        signal=_signal(about, name),
        issued_at=_moment(about, "issued_at", name, clock),
        end=_moment(about, "end", name, clock),
    )


def _own_clock(about: Mapping[str, object], name: str) -> Callable[[str], tzinfo] | None:
    said = _text(about, "time_zone", name)
    if said is None:
        return None
    zone = time_zone_named(said, f"{name}: time_zone")
    if zone is None:
        raise refusal(name, "has a time_zone that is none; write e.g. Europe/Berlin or UTC")
    named: tzinfo = zone
    return lambda _: named


_Row = tuple[str, Cell, Cell | None, float | None]
"""Where it stands, start, end, and the intensity."""


def _rows(points: object, name: str) -> Iterator[_Row]:
    if not isinstance(points, list):
        fault = (
            "has no list 'points', and is no answer of a forecast service either that "
            "this package reads"
        )
        raise refusal(name, fault)
    for number, point in enumerate(points, 1):
        where = f"{name}, point {number},"
        if isinstance(point, list) and len(point) == _PAIR:
            start, end, value = point[0], None, point[1]
        elif isinstance(point, dict):
            keys = [key for key in INTENSITY if key in point]
            if len(keys) != 1:
                raise refusal(where, f"needs one of the keys {', '.join(INTENSITY)}")
            start, end, value = point.get("start"), point.get("end"), point[keys[0]]
        else:
            raise refusal(where, "is neither an object nor [start, intensity]")
        yield (
            where,
            _cell(start, f"{where} start"),
            None if end is None else _cell(end, f"{where} end"),
            _number(value, where),
        )


def _cell(value: object, where: str) -> Cell:
    # What is no text is refused by the reading of times.
    return Cell(where, value if isinstance(value, str) else "")


def _number(value: object, where: str) -> float | None:
    """The intensity; None for null and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    number = math.inf
    # float() would read "1_000" as a thousand, and True as one.
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = math.inf if "_" in str(value) else float(value)
        except (ValueError, OverflowError):
            number = math.inf
    if not math.isfinite(number):
        fault = (
            "has no finite number of gCO2/kWh as its intensity. Write null where it is not "
            "known: a gap is allowed"
        )
        raise refusal(where, fault)
    return number


def _text(about: Mapping[str, object], key: str, name: str) -> str | None:
    said = about.get(key)
    if said is None:
        return None
    if not (isinstance(said, str) and said.strip()):
        raise refusal(name, f"has a {key} that is no text; correct it or leave it out")
    return said.strip()


def _signal(about: Mapping[str, object], name: str) -> Signal:
    said = about.get("signal") or "average"
    if said not in _SIGNALS:
        raise refusal(name, f"has a signal that is none; allowed are {', '.join(_SIGNALS)}")
    return cast("Signal", said)


def _moment(
    about: Mapping[str, object], key: str, name: str, clock: Callable[[str], tzinfo]
) -> datetime | None:
    said = about.get(key)
    if said is None:
        return None
    return read_times([_cell(said, f"{name}: {key}")], [None], clock).starts[0]
