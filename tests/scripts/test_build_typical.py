from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "build_typical.py"
TABLE = ROOT / "carbonaware_prefect" / "sources" / "typical.json"
TRACES = Path(os.environ.get("CARBONAWARE_TRACES", ROOT.parent / "shared" / "data"))

UTC = timezone.utc
HOUR = timedelta(hours=1)
EIA = ("BPAT", "AZPS", "MISO", "PJM", "CISO", "ERCO")
CARBONCAST = ("AUS_QLD", "DE", "ES", "NL", "PL", "SE", "CISO", "ERCO")


def write(
    path: Path, start: datetime, end: datetime, grams: Callable[[datetime], float | None]
) -> None:
    """Write a trace of hourly values; None leaves the hour out."""
    lines = ["start,carbon_intensity_gco2_per_kwh"]
    while start < end:
        value = grams(start)
        if value is not None:
            lines.append(f"{start:%Y-%m-%dT%H:%MZ},{value:.2f}")
        start += HOUR
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def eia(folder: Path, key: str, grams: Callable[[datetime], float | None]) -> None:
    """Write one year the way the EIA traces are."""
    start = datetime(2021, 12, 31, 23, tzinfo=UTC)
    write(folder / f"eia_{key}_2022.csv", start, start + 8760 * HOUR, grams)


def carboncast(folder: Path, key: str, grams: Callable[[datetime], float | None]) -> None:
    """Write two years the way the CarbonCast traces are."""
    start, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)
    write(folder / f"cc_{key}_lifecycle_2020_2021.csv", start, end, grams)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Traces of all zones, all flat at 100 g/kWh."""
    for key in EIA:
        eia(tmp_path, key, lambda _: 100)
    for key in CARBONCAST:
        carboncast(tmp_path, key, lambda _: 100)
    return tmp_path


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script on a folder, into a file beside the traces."""
    return subprocess.run(
        [sys.executable, SCRIPT, folder, "--output", folder / "out.json"],
        capture_output=True,
        text=True,
        check=False,
    )


def grams_of(folder: Path, zone: str) -> list[list[list[float]]]:
    """The table of a zone by month, day type and hour, freshly built."""
    done = build(folder)
    assert done.returncode == 0, done.stderr
    table = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    grams: list[list[list[float]]] = table["zones"][zone]["grams"]
    return grams


def test_a_second_run_writes_the_same_bytes(folder: Path) -> None:
    """The table depends on nothing but the traces."""
    build(folder)
    first = (folder / "out.json").read_bytes()
    build(folder)
    assert first == (folder / "out.json").read_bytes()


def test_cells_are_local_means(folder: Path) -> None:
    """A trace that tells its local hour and day type comes back as it is."""
    berlin = ZoneInfo("Europe/Berlin")

    def grams(start: datetime) -> float:
        local = start.astimezone(berlin)
        return 200 + local.hour + 100 * (local.weekday() >= 5)

    carboncast(folder, "DE", grams)
    expected = [[200 + h for h in range(24)], [300 + h for h in range(24)]]
    assert [expected] * 12 == grams_of(folder, "DE")


def test_each_zone_says_where_it_is_from(folder: Path) -> None:
    """Source, licence, years, boundary, time zone and number of hours are in the file."""
    build(folder)
    table = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    texas = table["zones"]["US-TEX-ERCO"]
    del texas["grams"]
    assert "EIA-930" in texas.pop("source")
    assert texas == {
        "time_zone": "America/Chicago",
        "licence": "MIT; underlying data US public domain + Apache-2.0",
        "years": [2020, 2021, 2022],
        "boundary": "lifecycle",
        "hours": 8760 + 17544,
    }
    assert len(table["zones"]) == 12


def test_grams_of_two_sources_never_mix(folder: Path) -> None:
    """Another source adds its shape, and none of its level."""
    carboncast(folder, "CISO", lambda _: 900)
    assert grams_of(folder, "US-CAL-CISO") == [[[100.0] * 24] * 2] * 12


def test_shapes_of_two_sources_meet(folder: Path) -> None:
    """The sun comes up at the same hour in all traces, once their labels are put right."""
    eia_ends = datetime(2022, 6, 16, 7, tzinfo=UTC)

    def sun(true_start: datetime) -> float:
        hour = true_start.astimezone(ZoneInfo("America/Los_Angeles")).hour
        return 50 if 9 <= hour < 17 else 100

    def texas(true_start: datetime) -> float:
        hour = true_start.astimezone(ZoneInfo("America/Chicago")).hour
        return 50 if 9 <= hour < 17 else 100

    eia(folder, "CISO", lambda s: sun(s + HOUR if s + HOUR < eia_ends else s))
    carboncast(folder, "CISO", lambda s: 3 * sun(s))
    eia(folder, "ERCO", texas)
    carboncast(folder, "ERCO", lambda s: 3 * texas(s - HOUR))
    for zone in ("US-CAL-CISO", "US-TEX-ERCO"):
        for month in grams_of(folder, zone):
            for day in month:
                assert max(day[9:17]) < 51
                assert min(*day[:9], *day[17:]) > 99


def test_implausible_lows_are_left_out(folder: Path) -> None:
    """Values far below all others are faults of the data, not clean hours."""
    fault = datetime(2022, 10, 1, 3, tzinfo=UTC)
    eia(folder, "PJM", lambda s: 13 if fault <= s < fault + 5 * HOUR else 100)
    assert grams_of(folder, "US-MIDA-PJM") == [[[100.0] * 24] * 2] * 12


def test_small_holes_do_no_harm(folder: Path) -> None:
    """A missing day leaves enough others; nothing is read as zero."""
    hole = datetime(2022, 3, 13, 5, tzinfo=UTC)
    eia(folder, "PJM", lambda s: None if hole <= s < hole + 23 * HOUR else 100)
    assert grams_of(folder, "US-MIDA-PJM") == [[[100.0] * 24] * 2] * 12


def test_large_holes_stop_the_build(folder: Path) -> None:
    """A month without data has no typical days, and no table is written."""
    eia(folder, "MISO", lambda s: None if s.month == 5 else 100)
    done = build(folder)
    assert done.returncode == 1
    assert "only 0 samples for month 5, weekday, 0:00 America/Chicago" in done.stderr
    assert not (folder / "out.json").exists()


def test_the_committed_table_is_whole() -> None:
    """Every zone has a positive number for each month, day type and hour."""
    zones = json.loads(TABLE.read_text(encoding="utf-8"))["zones"]
    for table in zones.values():
        assert [[len(day) for day in month] for month in table["grams"]] == [[24, 24]] * 12
        assert all(
            math.isfinite(grams) and grams > 0
            for month in table["grams"]
            for day in month
            for grams in day
        )


@pytest.mark.skipif(
    not TRACES.is_dir(), reason="no traces; set CARBONAWARE_TRACES to their folder"
)
def test_the_committed_table_is_what_the_traces_say(tmp_path: Path) -> None:
    """Nobody changed the table by hand."""
    out = tmp_path / "out.json"
    subprocess.run([sys.executable, SCRIPT, TRACES, "--output", out], check=True)
    assert out.read_bytes() == TABLE.read_bytes()
