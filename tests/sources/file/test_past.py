"""Histories keep their gaps, and past forecasts are told apart by their issue."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from carbonaware_prefect.core import Forecast
from carbonaware_prefect.errors import ForecastFileError
from carbonaware_prefect.sources.file.past import (
    History,
    Issued,
    parse_history,
    parse_issued,
)

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def known(forecast: Forecast) -> list[tuple[float, float, float]]:
    """Start and length in hours, and grams."""
    return [
        ((piece.start - START) / HOUR, piece.duration / HOUR, grams)
        for piece, grams in forecast
    ]


def history(*lines: str) -> History:
    """A table of starts and intensities."""
    return parse_history("\n".join(["start,gco2_per_kwh", *lines]), name="t.csv")


def test_a_missing_row_is_a_gap() -> None:
    """A value holds for as long as values usually do, not until the next row."""
    found = history(
        "2026-01-01T00:00Z,300", "2026-01-01T00:30Z,200", "2026-01-01T02:00Z,100",
        "2026-01-01T02:30Z,50",
    )  # fmt: skip

    assert known(found.actual) == [
        (0, 0.5, 300), (0.5, 0.5, 200), (2, 0.5, 100), (2.5, 0.5, 50),
    ]  # fmt: skip
    assert found.notes == ()


def test_wrong_values_are_unknown() -> None:
    """What no grid comes near is left out and counted, like an empty cell."""
    found = history(
        "2026-01-01T00:00Z,300", "2026-01-01T01:00Z,", "2026-01-01T02:00Z,98765.4",
        "2026-01-01T03:00Z,50",
    )  # fmt: skip

    assert known(found.actual) == [(0, 1, 300), (3, 1, 50)]
    assert found.notes == ("Values beyond 10,000 gCO2/kWh were taken as unknown: 1",)


def test_nothing_but_wrong_values_is_no_history() -> None:
    """The file is refused."""
    with pytest.raises(ForecastFileError, match="no intensity of at most 10,000"):
        history("2026-01-01T00:00Z,30000", "2026-01-01T01:00Z,30000")


def issued(*lines: str, header: str = "issued_at,start,forecast_gco2_per_kwh") -> Issued:
    """A table of forecasts."""
    return parse_issued("\n".join([header, *lines]), name="f.csv")


def test_forecasts_are_told_apart_by_their_issue() -> None:
    """In order of issue, whatever the order of the rows; their gaps stay gaps."""
    found = issued(
        "2026-01-01T06:00Z,2026-01-01T00:00Z,30", "2026-01-01T06:00Z,2026-01-01T01:00Z,31",
        "2026-01-01T06:00Z,2026-01-01T02:00Z,32", "2026-01-01T06:00Z,2026-01-01T04:00Z,34",
        "2026-01-01T00:00Z,2026-01-01T00:00Z,20", "2026-01-01T00:00Z,2026-01-01T01:00Z,21",
    )  # fmt: skip
    first, second = found.forecasts

    assert (first.issued_at, second.issued_at) == (START, START + 6 * HOUR)
    assert known(first) == [(0, 1, 20), (1, 1, 21)]
    assert known(second) == [(0, 1, 30), (1, 1, 31), (2, 1, 32), (4, 1, 34)]
    assert found.notes == ()


def test_a_forecast_that_contradicts_itself_is_left_out() -> None:
    """As if it had never been issued; it is counted."""
    lines = [
        "2026-01-01T00:00Z,2026-01-01T00:00Z,20", "2026-01-01T00:00Z,2026-01-01T01:00Z,21",
        "2026-01-01T06:00Z,2026-01-01T00:00Z,30", "2026-01-01T06:00Z,2026-01-01T01:00Z,31",
        "2026-01-01T06:00Z,2026-01-01T00:00Z,40", "2026-01-01T06:00Z,2026-01-01T01:00Z,41",
    ]  # fmt: skip
    found = issued(*lines)

    assert [each.issued_at for each in found.forecasts] == [START]
    (note,) = found.notes
    assert note.endswith("were left out, as if never issued: 1 of 2")
    with pytest.raises(ForecastFileError, match="no forecast that says one thing"):
        issued(*lines[2:])


def test_one_forecast_needs_no_issue_time() -> None:
    """A plain table, and a JSON document, which may say it."""
    table = issued("2026-01-01T00:00Z,20", "2026-01-01T01:00Z,21", header="start,intensity")
    document = parse_issued(
        '{"issued_at": "2026-01-01T00:00Z", "end": "2026-01-01T01:00Z", '
        '"points": [["2026-01-01T00:00Z", 20]]}',
        name="f.json",
    )

    assert [each.issued_at for each in table.forecasts] == [None]
    assert [each.issued_at for each in document.forecasts] == [START]


@pytest.mark.parametrize("parse", [parse_history, parse_issued])
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is empty"),
        (
            "zone,start,gco2_per_kwh\nFR,2026-01-01T00:00Z,1\nFR,2026-01-01T01:00Z,1",
            "another",
        ),
        ("start,gco2_per_kwh\n2026-01-01T00:00Z,x", "line 2, has no finite number"),
        ("issued_at,start,gco2_per_kwh\nnow,2026-01-01T00:00Z,1", "issue time has no time"),
        ("issued_at,start,gco2_per_kwh", "point"),
    ],
)
def test_other_files_are_refused(
    parse: Callable[..., object], text: str, fault: str
) -> None:
    """With the line, and what is wrong with it."""
    with pytest.raises(ForecastFileError, match=fault):
        parse(text, name="x.csv", zone="DE")
