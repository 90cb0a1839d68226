"""Reading a forecast file from a folder."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from carbonaware_prefect.core import Interval
from carbonaware_prefect.errors import ForecastFileError, NoForecastError
from carbonaware_prefect.sources.base import Source
from carbonaware_prefect.sources.file import FileSource

MIDNIGHT = datetime(2026, 11, 21, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
DAY = Interval(MIDNIGHT, MIDNIGHT + 24 * HOUR)
CSV = "start,gco2_per_kwh\n2026-11-21T00:00Z,212.5\n2026-11-21T01:00Z,198\n"
ZONED = (
    '{"zone": "DE", "signal": "marginal", "points": '
    '[["2026-11-21T00:00Z", 1], ["2026-11-21T01:00Z", 2]]}'
)


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
    with pytest.raises(NoForecastError, match="another zone than 'FR'"):
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


@pytest.mark.parametrize(
    "content",
    [
        CSV.encode(),
        CSV.encode("utf-8-sig"),
        CSV.encode("utf-16"),
        CSV.encode("utf-16-le"),
        CSV.encode("utf-16-be"),
        b"\xfe\xff" + CSV.encode("utf-16-be"),
        CSV.replace("gco2_per_kwh", "Intensit\u00e4t").encode("cp1252"),
    ],
)
def test_encodings(tmp_path: Path, content: bytes) -> None:
    """UTF-8, UTF-16 and Windows' western code page, with a byte order mark or without."""
    path = tmp_path / "forecast.csv"
    path.write_bytes(content)
    assert [grams for _, grams in FileSource(path).fetch("DE", DAY)] == [212.5, 198]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04 and more", "is a workbook.*save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0 and more", "is a workbook"),
        (b"start,\x81\xff\n", "is no text in UTF-8 or UTF-16"),
        (b"\0\xd8\0\xd8s", "is no text"),
        (b"\xff\xfe\0\0x", "is no text"),
    ],
)
def test_not_text(tmp_path: Path, content: bytes, words: str) -> None:
    """A workbook or another file that is no text says so, and what to do."""
    path = tmp_path / "forecast.csv"
    path.write_bytes(content)
    with pytest.raises(ForecastFileError, match=words):
        FileSource(path).fetch("DE", DAY)


def test_too_large(tmp_path: Path) -> None:
    """A huge file is refused before it is read into memory as a whole."""
    path = tmp_path / "forecast.csv"
    with path.open("wb") as file:
        file.truncate(60_000_000)
    with pytest.raises(ForecastFileError, match="larger than 50 MB"):
        FileSource(path).fetch("DE", DAY)
