"""What came true, and what was forecast at the time: the files of a back-test.

A history (`parse_history`) has what a forecast file has, and its gaps stay gaps: rows that
are missing, empty values, and values that no grid comes near. Past forecasts
(`parse_issued`) are one table with a column ``issued_at``::

    issued_at,start,forecast_gco2_per_kwh
    2021-07-01T00:00Z,2021-07-01T00:00Z,355
    2021-07-01T00:00Z,2021-07-01T01:00Z,345.5
    2021-07-02T00:00Z,2021-07-02T00:00Z,340
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from carbonaware_prefect.core import Forecast
from carbonaware_prefect.core.basis import Basis
from carbonaware_prefect.sources.file.faults import refusal
from carbonaware_prefect.sources.file.gaps import unbridged, usual_step
from carbonaware_prefect.sources.file.parsing import (
    ReadAnswer,
    Said,
    clock_of,
    is_json,
    made,
    parse,
)
from carbonaware_prefect.sources.file.points import Point
from carbonaware_prefect.sources.file.table import read_table

__all__ = ["History", "Issued", "parse_history", "parse_issued", "parse_revised"]

# No grid and no power station comes near it; see sources.http.reading.
_BEYOND = 10_000
# Whoever knows what came true is never wrong, so that no saving is too small to trust.
_CERTAIN = Basis("", minimum_saving=0.0)


@dataclass(frozen=True, slots=True)
class History:
    """Intensities that came true.

    Attributes:
        actual: with its gaps; as a forecast, the one of perfect foresight.
        notes: what was assumed in reading it, sentences for a person.
    """

    actual: Forecast
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Issued:
    """Past forecasts.

    Attributes:
        forecasts: in order of their issue; one that does not say it comes first.
        notes: as of a history.
    """

    forecasts: tuple[Forecast, ...]
    notes: tuple[str, ...]


def parse_history(
    text: str,
    *,
    name: str,
    zone: str | None = None,
    time_zone: tzinfo | None = None,
    read_answer: ReadAnswer | None = None,
) -> History:
    """The history that a CSV or JSON text holds; arguments as of `parse`.

    Raises:
        ForecastFileError: (a ValueError) it is none, or of another zone; says where and
            why.
    """
    parsed = parse(text, name=name, zone=zone, time_zone=time_zone, read_answer=read_answer)
    return _history(parsed.forecast, parsed.points, parsed.notes, name, zone)


def parse_revised(
    text: str,
    *,
    name: str,
    zone: str | None = None,
    time_zone: tzinfo | None = None,
    read_answer: ReadAnswer | None = None,
) -> History:
    """The same; a table may say two things about one time, which is then a gap.

    Publishers revise what they measured, and nobody here knows which value was right.

    Raises:
        ForecastFileError: (a ValueError) as for `parse_history`.
    """
    if not text.strip() or is_json(text):
        return parse_history(
            text, name=name, zone=zone, time_zone=time_zone, read_answer=read_answer
        )
    notes: list[str] = []
    table = read_table(text, name, zone=zone, clock=clock_of(time_zone, notes))
    by_start: dict[datetime, list[Point]] = {}
    for point in table.points:
        by_start.setdefault(point.start, []).append(point)
    points, wrong = [], 0
    for start in sorted(by_start):
        same = {(each.end, each.grams_per_kwh) for each in by_start[start]}
        wrong += len(same) > 1
        first = by_start[start][0]
        points.append(first if len(same) == 1 else replace(first, grams_per_kwh=None))
    if wrong:
        notes.append(f"Times with several values were taken as unknown: {wrong}")
    said = made(points, Said(table.zone), name, zone)
    return _history(said, points, notes, name, zone)


def _history(
    said: Forecast,
    points: Sequence[Point],
    noted: Sequence[str],
    name: str,
    zone: str | None,
) -> History:
    _check_zone(said, zone, name)
    pieces = list(unbridged(said, usual_step(said, points)))
    known = [piece for piece in pieces if abs(piece[2]) <= _BEYOND]
    if not known:
        raise refusal(name, f"has no intensity of at most {_BEYOND:,} gCO2/kWh")
    notes = list(noted)
    if wrong := len(pieces) - len(known):
        notes.append(f"Values beyond {_BEYOND:,} gCO2/kWh were taken as unknown: {wrong}")
    actual = Forecast.from_intervals(
        known, zone=said.zone, source=said.source, signal=said.signal, basis=_CERTAIN
    )
    return History(actual, tuple(notes))


def parse_issued(
    text: str,
    *,
    name: str,
    zone: str | None = None,
    time_zone: tzinfo | None = None,
    read_answer: ReadAnswer | None = None,
) -> Issued:
    """The forecasts that a table with issue times holds, or any other forecast file.

    Raises:
        ForecastFileError: (a ValueError) it holds none, or of another zone.
    """
    if not text.strip() or is_json(text):
        one = parse(
            text, name=name, zone=zone, time_zone=time_zone, read_answer=read_answer
        )
        _check_zone(one.forecast, zone, name)
        return Issued((one.forecast,), one.notes)
    notes: list[str] = []
    table = read_table(text, name, zone=zone, clock=clock_of(time_zone, notes))
    issues: dict[datetime | None, list[Point]] = {}
    for point in table.points:
        issues.setdefault(point.issued_at, []).append(point)
    if not issues:
        raise refusal(name, "has no points; a forecast needs at least one")
    clear = {issued: points for issued, points in issues.items() if _is_clear(points)}
    if not clear:
        raise refusal(name, "has no forecast that says one thing about each time")
    if wrong := len(issues) - len(clear):
        notes.append(
            "Forecasts that say two things about one time were left out, as if never "
            f"issued: {wrong} of {len(issues)}"
        )
    forecasts = [
        _issue(points, Said(table.zone, issued_at=issued), name, zone)
        for issued, points in clear.items()
    ]
    _check_zone(forecasts[0], zone, name)
    ordered = sorted(forecasts, key=lambda each: each.issued_at or each.start)
    return Issued(tuple(ordered), tuple(notes))


def _is_clear(points: Sequence[Point]) -> bool:
    """Whether no two points of one issue are of the same time."""
    return len({point.start for point in points}) == len(points)


def _issue(points: Sequence[Point], said: Said, name: str, zone: str | None) -> Forecast:
    forecast = made(points, said, name, zone)
    return Forecast.from_intervals(
        unbridged(forecast, usual_step(forecast, points)),
        zone=forecast.zone,
        source=forecast.source,
        signal=forecast.signal,
        issued_at=forecast.issued_at,
    )


def _check_zone(forecast: Forecast, zone: str | None, name: str) -> None:
    if zone is not None and forecast.zone != zone:
        raise refusal(name, "is for another zone than the one that was asked for")
