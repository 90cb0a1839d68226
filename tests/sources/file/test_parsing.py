"""What a forecast file may say, and how it is told what is wrong with it."""

from __future__ import annotations

import json
import traceback
from datetime import datetime, timedelta, timezone

import pytest

from carbonaware_prefect.core import Forecast
from carbonaware_prefect.errors import ForecastFileError
from carbonaware_prefect.sources.file import parse_forecast

MIDNIGHT = datetime(2026, 11, 21, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
CSV = "start,gco2_per_kwh\n2026-11-21T00:00Z,212.5\n2026-11-21T01:00Z,198\n"
ZONED = (
    '{"zone": "DE", "signal": "marginal", "points": '
    '[["2026-11-21T00:00Z", 1], ["2026-11-21T01:00Z", 2]]}'
)


def pieces(forecast: Forecast) -> list[tuple[float, float, float]]:
    """Start and end in hours after midnight, and grams per kWh."""
    return [
        ((i.start - MIDNIGHT) / HOUR, (i.end - MIDNIGHT) / HOUR, grams)
        for i, grams in forecast
    ]


def test_csv_without_ends() -> None:
    """Each point holds until the next, the last as long as the one before it."""
    forecast = parse_forecast(CSV, name="f.csv", zone="DE")
    assert pieces(forecast) == [(0, 1, 212.5), (1, 2, 198)]
    assert (forecast.zone, forecast.source, forecast.signal) == ("DE", "file", "average")


@pytest.mark.parametrize(
    "column",
    [
        "gco2_per_kwh",
        "carbon_intensity_gco2_per_kwh",
        "forecast_gco2_per_kwh",
        "intensity",
        " GCO2_per_kWh ",
    ],
)
def test_csv_column_names(column: str) -> None:
    """The intensity column may have any of the usual names; others are ignored."""
    text = f"note,{column},start,end\r\n,-3,2026-11-21T00:00Z,2026-11-21T03:00Z\r\n\r\n"
    assert pieces(parse_forecast(text, name="f.csv")) == [(0, 3, -3)]


def test_csv_with_ends_may_have_gaps() -> None:
    """A point that ends early leaves a gap; an empty end lasts until the next start."""
    text = (
        "start,end,gco2_per_kwh\n2026-11-21T00:00Z,2026-11-21T01:00Z,1\n"
        "2026-11-21T02:00Z,,2\n2026-11-21T04:00Z,,3\n"
    )
    forecast = parse_forecast(text, name="f.csv")
    assert pieces(forecast) == [(0, 1, 1), (2, 4, 2), (4, 6, 3)]


def test_an_empty_intensity_is_a_gap() -> None:
    """Empty cells are gaps, in the middle and at the end; the point before ends there."""
    text = (
        "start,gco2_per_kwh\n2026-11-21T00:00Z,1\n2026-11-21T01:00Z,\n"
        "2026-11-21T02:00Z,3\n2026-11-21T03:00Z,n/a\n2026-11-21T04:00Z\n"
    )
    assert pieces(parse_forecast(text, name="f.csv")) == [(0, 1, 1), (2, 3, 3)]


def test_null_is_a_gap() -> None:
    """Null and NaN in JSON are gaps; a list of points needs no object around it."""
    text = (
        '[["2026-11-21T00:00Z", 1], ["2026-11-21T01:00Z", null],'
        ' ["2026-11-21T02:00Z", 3], ["2026-11-21T03:00Z", NaN]]'
    )
    assert pieces(parse_forecast(text, name="f.json")) == [(0, 1, 1), (2, 3, 3)]


def test_json_says_more() -> None:
    """JSON carries zone, signal, issue time and end; points are objects or pairs."""
    text = json.dumps(
        {
            "zone": "DE",
            "signal": "marginal",
            "issued_at": "2026-11-20T19:00+01:00",
            "end": "2026-11-21T05:00Z",
            "points": [
                {"start": "2026-11-21T00:00Z", "end": "2026-11-21T01:00Z", "intensity": 1},
                ["2026-11-21T02:00Z", 2.5],
            ],
        }
    )
    forecast = parse_forecast(text, name="f.json", zone="FR")
    assert pieces(forecast) == [(0, 1, 1), (2, 5, 2.5)]
    assert (forecast.zone, forecast.signal) == ("DE", "marginal")
    assert forecast.issued_at == MIDNIGHT - 6 * HOUR


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-21T00:00Z",
        "2026-11-21 00:00:00.0+00:00",
        "2026-11-21T01:00+0100",
        "2026-11-21T01:00+01",
        "2026-11-20T18:30:00,000000000-05:30",
        "2026-11-21t00:00z".upper(),
    ],
)
def test_times_with_an_offset(written: str) -> None:
    """All usual ways to write one time mean the same on every Python version."""
    text = f'start,end,intensity\n"{written}",2026-11-21T01:00Z,1\n'
    assert pieces(parse_forecast(text, name="f.csv")) == [(0, 1, 1)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["f is empty"]),
        (" \n", ["f is empty"]),
        ("start,gco2_per_kwh\n", ["no points"]),
        ("start|gco2_per_kwh\n", ["no header", "'start'", "'gco2_per_kwh'", "semicolons"]),
        ("start,intensity,gco2_per_kwh\n", ["line 1", "2 columns", "'gco2_per_kwh'"]),
        ("start,start,intensity\n", ["line 1", "2 columns", "the start", "'start'"]),
        ("start,intensity\n2026-11-21T00:00,1\n", ["line 2", "no time zone", "'Z'"]),
        ("start,intensity\n21.11.2026,1\n", ["line 2", "21.11.2026 01:00"]),
        ("start,intensity\n46353.5,1\n", ["line 2", "start has no time"]),
        ("start,intensity\n2026-13-21T00:00Z,1\n", ["line 2", "calendar"]),
        ("start,intensity\n29.02.2026 12:00,1\n", ["line 2", "calendar"]),
        ("start,intensity\n21.11.2026 13:00 PM,1\n", ["line 2", "calendar"]),
        ("start,intensity\n0001-01-01T00:00+01:00,1\n", ["line 2", "calendar"]),
        ("start,intensity\n2026-11-21T00:00+24,1\n", ["line 2", "offset"]),
        ("start,intensity\n2026-11-21T00:00Z,inf\n", ["line 2", "finite", "gap"]),
        ("start,intensity\n2026-11-21T00:00Z,#REF!\n", ["line 2", "finite", "gap"]),
        ("start,intensity\n2026-11-21T00:00Z,1e999\n", ["line 2", "finite"]),
        ("start,intensity\n2026-11-21T00:00Z,1_000\n", ["line 2", "finite"]),
        ("start,intensity\n2026-11-21T00:00Z,1.2.3\n", ["line 2", "finite"]),
        ("start,intensity\n2026-11-21T00:00Z,1.2 3\n", ["line 2", "finite"]),
        ("start,intensity\n2026-11-21T00:00Z,1,5\n", ["line 2", "3 fields", "2", "quotes"]),
        ("start,intensity\n2026-11-21T00:00Z,1\n", ["line 2", "only one", "'end'"]),
        ("start,intensity,unit\n2026-11-21T00:00Z,1,EUR\n", ["line 2", "unit"]),
        ("start,intensity\n2026-11-21T00:00Z,\n", ["no points with an intensity"]),
        (CSV + "2026-11-21T01:00Z,3\n", ["line 4", "duplicated", "increase"]),
        (CSV + "2026-11-20T01:00Z,3\n", ["line 4", "out of order", "increase"]),
        (
            "start,intensity,end\n2026-11-21T00:00Z,1,2026-11-21T03:00Z\n2026-11-21T01:00Z,1,\n",
            ["line 2", "after the next one starts"],
        ),
        (
            "start,end,intensity\n2026-11-21T00:00Z,2026-11-21T00:00Z,1\n",
            ["line 2", "ends no later than it starts"],
        ),
        (
            "start,intensity\n9999-12-31T22:00Z,1\n9999-12-31T23:30Z,1\n",
            ["line 3", "calendar"],
        ),
        ('start,intensity\n"2026-11-21T00:00Z,1\n', ["no CSV"]),
        ("{", ["line 1", "no JSON"]),
        ("[" * 100_000, ["no JSON"]),
        ("[]", ["no points"]),
        ("{}", ["no list 'points'"]),
        ('{"points": []}', ["no points"]),
        ('{"points": [7]}', ["point 1", "[start, intensity]"]),
        ('{"points": [{"start": "2026-11-21T00:00Z"}]}', ["point 1", "gco2_per_kwh"]),
        ('{"points": [["2026-11-21T00:00Z", null]]}', ["no points with an intensity"]),
        ('{"points": [["2026-11-21T00:00Z", true]]}', ["point 1", "finite"]),
        ('{"points": [["2026-11-21T00:00Z", "1_0"]]}', ["point 1", "finite"]),
        ('{"points": [[5, 1]]}', ["point 1", "no time"]),
        (ZONED.replace('"DE"', "5"), ["zone", "no text"]),
        (ZONED.replace('"DE"', '"\\u001b[2J"'), ["zone", "no key"]),
        (ZONED.replace("marginal", "median"), ["signal", "average, marginal"]),
        (ZONED.replace('"zone"', '"time_zone"'), ["time_zone", "Europe/Berlin"]),
    ],
)
def test_a_bad_file_is_explained(text: str, words: list[str]) -> None:
    """The message names the file and line, and what is allowed."""
    with pytest.raises(ForecastFileError) as caught:
        parse_forecast(text, name="f")
    assert [word for word in ["file f", *words] if word not in str(caught.value)] == []


CANARY = "canary7351"


@pytest.mark.parametrize(
    "text",
    [
        CANARY,
        f"start,{CANARY}\n",
        f"start,gco2_per_kwh\n{CANARY},1\n",
        f"start,gco2_per_kwh\n2026-11-21T00:00Z,{CANARY}\n",
        f"start,gco2_per_kwh\n2026-11-21T00:00Z,1,{CANARY}\n",
        f'start,gco2_per_kwh\n2026-11-21T00:00Z,"{CANARY}\n',
        f"start,gco2_per_kwh,zone\n2026-11-21T00:00Z,1,!{CANARY}\n",
        f"start,gco2_per_kwh,zone\n2026-11-21T00:00Z,1,{CANARY}\n2026-11-21T01:00Z,1,DE\n",
        f"start,gco2_per_kwh,unit\n2026-11-21T00:00Z,1,{CANARY}\n",
        f"start ({CANARY}),gco2_per_kwh\n2026-11-21T00:00,1\n",
        f'{{"{CANARY}": ',
        f'{{"{CANARY}": 1}}',
        f'["{CANARY}"]',
        f'{{"points": [["{CANARY}", 1]]}}',
        f'{{"points": [{{"{CANARY}": 1}}]}}',
        f'{{"points": [["2026-11-21T00:00Z", "{CANARY}"]]}}',
        f'{{"points": [], "zone": "!{CANARY}"}}',
        f'{{"points": [], "signal": "{CANARY}"}}',
        f'{{"points": [], "time_zone": "{CANARY}"}}',
        f'{{"points": [], "issued_at": "{CANARY}"}}',
        f'{{"points": [], "end": "{CANARY}"}}',
    ],
)
def test_a_file_is_never_quoted(text: str) -> None:
    """No error holds what the file does, not even in what led to it."""
    with pytest.raises(ForecastFileError) as caught:
        parse_forecast(text, name="f")
    told = "".join(traceback.format_exception(caught.value)).split("Traceback")
    assert CANARY not in str(caught.value)
    assert [part for part in told if CANARY in part.rpartition("Error: ")[2]] == []
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
