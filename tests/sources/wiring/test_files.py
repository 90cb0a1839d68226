"""Forecast files as the settings have them read: whose, how old, by which clock."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.core import Interval
from carbonaware_prefect.errors import (
    ForecastFileError,
    InvalidSettingError,
    NoForecastError,
)
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.wiring.catalogue import open_source
from carbonaware_prefect.sources.wiring.fetch import fetch

HOUR = timedelta(hours=1)
NOON = datetime(2026, 7, 1, 12, tzinfo=timezone.utc)
SPAN = Interval(NOON, NOON + 2 * HOUR)
ROWS = "2026-07-01T12:00Z,100\n2026-07-01T13:00Z,200\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of forecasts, beside a file that is none of its business."""
    (tmp_path / "forecasts" / "eu").mkdir(parents=True)
    (tmp_path / "secret.csv").write_text(f"start,gco2_per_kwh\n{ROWS}")
    (tmp_path / "forecasts" / "eu" / "de.csv").write_text(f"start,gco2_per_kwh\n{ROWS}")
    (tmp_path / "forecasts" / "way-out").symlink_to(tmp_path)
    (tmp_path / "forecasts" / "link.csv").symlink_to(tmp_path / "secret.csv")
    (tmp_path / "forecasts" / "loop.csv").symlink_to(tmp_path / "forecasts" / "loop.csv")
    (tmp_path / "forecasts" / "inner.csv").symlink_to("eu/de.csv")
    return tmp_path / "forecasts"


def settings(**given: object) -> Settings:
    """The settings that are given, and the defaults."""
    return Settings(**{"cache_dir": "", **given})  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["eu/de.csv", "./eu/../eu/de.csv", "inner.csv"])
@pytest.mark.parametrize("source", ["file:{}", "FILE: {} ", "typical,file:{}"])
def test_a_file_below_the_folder_is_read(folder: Path, path: str, source: str) -> None:
    """Who may name files below the folder names them relative to it, or in full."""
    for named in (path, str(folder / path)):
        found = open_source(
            source.format(named), settings(forecast_folder=str(folder)), confined=True
        )
        assert fetch(found, "DE", SPAN).forecast is not None


@pytest.mark.parametrize(
    "path",
    [
        "../secret.csv",
        "eu/../../secret.csv",
        "/proc/self/environ",
        "/etc/passwd",
        "/dev/zero",
        "way-out/secret.csv",
        "link.csv",
        "loop.csv",
        "\0",
        "eu/de.csv/../../../secret.csv",
    ],
)
@pytest.mark.parametrize("source", ["file:{}", "energy_charts,file:{},typical"])
def test_a_file_elsewhere_is_refused(folder: Path, path: str, source: str) -> None:
    """Dots, links, devices and what does not exist are refused in the same words."""
    given = settings(forecast_folder=str(folder))
    with pytest.raises(InvalidSettingError) as caught:
        open_source(source.format(path), given, confined=True)
    assert "CARBONAWARE_FORECAST_FOLDER" in str(caught.value)
    assert str(folder) not in str(caught.value)
    assert path[:20] not in str(caught.value)


def test_without_a_folder_nobody_else_names_a_file(folder: Path) -> None:
    """The way out is in the message."""
    with pytest.raises(InvalidSettingError, match="CARBONAWARE_FORECAST_FOLDER"):
        open_source(f"file:{folder}/eu/de.csv", settings(), confined=True)


def test_ones_own_process_names_any_file(folder: Path) -> None:
    """In a call, in its environment, on the command line."""
    found = open_source(f"file:{folder.parent}/secret.csv", settings())
    assert len(fetch(found, "DE", SPAN).forecast) == 2


def test_the_folder_is_not_told(folder: Path) -> None:
    """A message about a confined file names it as it was named."""
    given = settings(forecast_folder=str(folder))
    for path in ("eu/missing.csv", "~/.bashrc", "x" * 300):
        found = open_source(f"file:{path}", given, confined=True)
        with pytest.raises(ForecastFileError) as caught:
            found.fetch("DE", SPAN)
        assert f"forecast file {path} cannot be read" in str(caught.value)
        assert str(folder) not in str(caught.value)


@pytest.mark.parametrize(
    ("zone", "given", "offset"),
    [
        ("DE", {}, 2),
        ("GB", {}, 1),
        ("GB-13", {}, 1),
        ("DE", {"forecast_time_zone": "UTC"}, 0),
        ("DE", {"forecast_time_zone": "Asia/Tokyo"}, 9),
        (None, {"forecast_time_zone": "Asia/Tokyo"}, 9),
    ],
)
def test_the_clock_of_times_without_a_zone(
    tmp_path: Path, zone: str | None, given: dict[str, str], offset: int
) -> None:
    """As the settings say, else as in the zone; and the answer says so."""
    path = tmp_path / "export.csv"
    path.write_text("Datum;CO2\n01.07.2026 14:00;1\n01.07.2026 15:00;2\n")
    start = datetime(2026, 7, 1, 14 - offset, tzinfo=timezone.utc)
    source = open_source(f"file:{path}", settings(**given))
    answer = fetch(source, zone, Interval(start, start + HOUR))
    assert answer.forecast.start == start
    assert "Times without a time zone were read as" in answer.notes[0]


def test_no_clock_is_guessed_where_none_is_known(tmp_path: Path) -> None:
    """A zone without typical days tells no time zone."""
    path = tmp_path / "export.csv"
    path.write_text("Datum;CO2\n01.07.2026 14:00;1\n01.07.2026 15:00;2\n")
    with pytest.raises(ValueError, match="CARBONAWARE_FORECAST_TIME_ZONE"):
        fetch(open_source(f"file:{path}", settings()), "XX-NOWHERE", SPAN)


def _issued(path: Path, issued: datetime, begin: datetime) -> Path:
    points = [[(begin + i * HOUR).isoformat(), 100 + i] for i in range(200)]
    document = {"issued_at": issued.isoformat(), "points": points}
    path.write_text(str(document).replace("'", '"'))
    return path


@pytest.mark.parametrize(
    ("age", "given", "good"),
    [
        (47, {}, True),
        (49, {}, False),
        (49, {"forecast_max_age": "3d"}, True),
        (2, {"forecast_max_age": "1h"}, False),
    ],
)
def test_an_old_forecast_is_used_no_more(
    tmp_path: Path, age: int, given: dict[str, str], good: bool
) -> None:
    """After 48 h, or what the setting says."""
    now = utc_now()
    path = _issued(tmp_path / "old.json", now - age * HOUR, now - 50 * HOUR)
    found = open_source(f"file:{path}", settings(**given))
    ahead = Interval(now, now + HOUR)
    if good:
        assert fetch(found, "DE", ahead).forecast.issued_at is not None
    else:
        with pytest.raises(NoForecastError, match=rf"issued {age} h ago.*MAX_AGE"):
            fetch(found, "DE", ahead)


def test_a_chain_passes_an_old_forecast_over(tmp_path: Path) -> None:
    """And says so; what comes after it answers."""
    now = utc_now()
    path = _issued(tmp_path / "old.json", now - 49 * HOUR, now)
    dead = settings(source_timeout="1s", energy_charts_url="http://127.0.0.1:9")
    source = open_source(f"energy-charts,file:{path},typical", dead)
    answer = fetch(source, "DE", Interval(now, now + HOUR))
    assert answer.source_name == "typical"
    assert "issued 49 h ago" in dict(answer.failures)["file"]


def test_who_asks_about_the_past_gets_what_was_known_then(tmp_path: Path) -> None:
    """The age counts to the moment that is asked about, where that has passed."""
    then = utc_now() - 300 * HOUR
    path = _issued(tmp_path / "then.json", then - HOUR, then)
    found = open_source(f"file:{path}", settings())
    assert fetch(found, "DE", Interval(then, then + HOUR)).forecast.start == then
