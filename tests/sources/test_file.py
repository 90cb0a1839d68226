from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.errors import ForecastFileError, NoForecastError
from carbonaware_prefect.sources.base import Source
from carbonaware_prefect.sources.file import FileSource, parse_forecast

MIDNIGHT = datetime(2026, 11, 21, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
DAY = Interval(MIDNIGHT, MIDNIGHT + 24 * HOUR)
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
        ("start;gco2_per_kwh\n", ["line 1", "start;gco2_per_kwh", "needs one 'start'"]),
        ("start,intensity,gco2_per_kwh\n", ["line 1", "it needs one 'start', one of"]),
        ("start,intensity\n2026-11-21T00:00,1\n", ["line 2", "no time zone", "'Z'"]),
        ("start,intensity\n21.11.2026,1\n", ["line 2", "21.11.2026", "ISO 8601"]),
        ("start,intensity\n2026-13-21T00:00Z,1\n", ["line 2", "is no time"]),
        ("start,intensity\n0001-01-01T00:00+01:00,1\n", ["line 2", "out of range"]),
        ("start,intensity\n2026-11-21T00:00Z,nan\n", ["line 2", "'nan'", "gap"]),
        ("start,intensity\n2026-11-21T00:00Z,\n", ["line 2", "''", "gap"]),
        ("start,intensity\n2026-11-21T00:00Z,null\n", ["line 2", "'null'"]),
        ("start,intensity\n2026-11-21T00:00Z,1e999\n", ["line 2", "'1e999'"]),
        ("start,intensity\n2026-11-21T00:00Z,1_000\n", ["line 2", "'1_000'"]),
        ("start,intensity\n2026-11-21T00:00Z,1,5\n", ["line 2", "3 fields", "2"]),
        ("start,intensity\n2026-11-21T00:00Z,1\n", ["line 2", "only one", "'end'"]),
        (CSV + "2026-11-21T01:00Z,3\n", ["line 4", "duplicated", "increase"]),
        (CSV + "2026-11-20T01:00Z,3\n", ["line 4", "out of order", "increase"]),
        (
            "start,intensity,end\n2026-11-21T00:00Z,1,2026-11-21T03:00Z\n2026-11-21T01:00Z,1,\n",
            ["line 2", "after the next one starts"],
        ),
        (
            "start,end,intensity\n2026-11-21T00:00Z,2026-11-21T00:00Z,1\n",
            ["line 2", "must end after its start"],
        ),
        (
            "start,intensity\n9999-12-31T22:00Z,1\n9999-12-31T23:30Z,1\n",
            ["line 3", "calendar"],
        ),
        ('start,intensity\n"2026-11-21T00:00Z,1\n', ["no CSV"]),
        ("{", ["no JSON"]),
        ("[" * 100_000, ["no JSON"]),
        ("[]", ["list", "points"]),
        ("{}", ["no list 'points'", "nothing"]),
        ('{"points": []}', ["no points"]),
        ('{"points": [7]}', ["point 1", "7", "[start, value]"]),
        ('{"points": [{"start": "2026-11-21T00:00Z"}]}', ["point 1", "gco2_per_kwh"]),
        ('{"points": [["2026-11-21T00:00Z", null]]}', ["point 1", "None", "gap"]),
        ('{"points": [["2026-11-21T00:00Z", NaN]]}', ["point 1", "nan", "gap"]),
        ('{"points": [["2026-11-21T00:00Z", true]]}', ["point 1", "True"]),
        ('{"points": [[5, 1]]}', ["point 1", "5", "ISO 8601"]),
        (ZONED.replace('"DE"', "5"), ["zone 5"]),
        (ZONED.replace("marginal", "median"), ["median", "average, marginal"]),
    ],
)
def test_a_bad_file_is_explained(text: str, words: list[str]) -> None:
    """The message names the file and line, what was found and what is allowed."""
    with pytest.raises(ForecastFileError) as caught:
        parse_forecast(text, name="f")
    assert [word for word in ["file f", *words] if word not in str(caught.value)] == []


def test_the_file_is_read_anew(tmp_path: Path) -> None:
    """A file that is replaced while the process lives counts from the next fetch on."""
    path = tmp_path / "forecast"
    source = FileSource(path)
    path.write_text("\ufeff" + CSV, encoding="utf-8")
    before = source.fetch("DE", DAY)
    path.write_text(ZONED, encoding="utf-8")
    after = source.fetch(None, DAY)
    assert isinstance(source, Source)
    assert (len(before), before.zone) == (2, "DE")
    assert (len(after), after.zone, source.signal) == (2, "DE", "marginal")


def test_a_file_for_another_zone(tmp_path: Path) -> None:
    """A file that says its zone is no forecast for another one."""
    path = tmp_path / "forecast.json"
    path.write_text(ZONED, encoding="utf-8")
    with pytest.raises(NoForecastError, match="zone 'DE', asked was 'FR'"):
        FileSource(path).fetch("FR", DAY)


@pytest.mark.parametrize("hours", [-24, 2])
def test_a_file_for_another_time(tmp_path: Path, hours: int) -> None:
    """A forecast that touches nothing of the interval is none."""
    path = tmp_path / "forecast.csv"
    path.write_text(CSV, encoding="utf-8")
    start = MIDNIGHT + hours * HOUR
    with pytest.raises(NoForecastError, match="renew it"):
        FileSource(path).fetch("DE", Interval(start, start + 24 * HOUR))


def test_no_such_file(tmp_path: Path) -> None:
    """A missing file, a directory and an impossible path are forecast-file errors."""
    for path, words in (
        (tmp_path / "missing.csv", "cannot be read.*No such file"),
        (tmp_path, "no regular file"),
        (Path(str(tmp_path) + "/\0"), "cannot be read"),
    ):
        with pytest.raises(ForecastFileError, match=words):
            FileSource(path).fetch("DE", DAY)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """A named pipe is refused at once, where reading it would never end."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ForecastFileError, match="no regular file"):
        FileSource(path).fetch("DE", DAY)


def test_not_text(tmp_path: Path) -> None:
    """A file in another encoding says so, and what to do."""
    path = tmp_path / "forecast.csv"
    path.write_bytes(CSV.encode("utf-16"))
    with pytest.raises(ForecastFileError, match="is not UTF-8"):
        FileSource(path).fetch("DE", DAY)


def test_too_large(tmp_path: Path) -> None:
    """A huge file is refused before it is read into memory as a whole."""
    path = tmp_path / "forecast.csv"
    with path.open("wb") as file:
        file.truncate(60_000_000)
    with pytest.raises(ForecastFileError, match="larger than 50 MB"):
        FileSource(path).fetch("DE", DAY)
