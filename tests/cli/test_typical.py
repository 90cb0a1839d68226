"""``carbonaware-prefect typical``: tables shown, and learnt from files."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from carbonaware_prefect.core import Interval
from carbonaware_prefect.errors import NoForecastError
from carbonaware_prefect.sources.typical import TypicalSource, TypicalTables
from tests.cli.running import command
from tests.sources.typical.years import pieces, solar_day, write_csv

TRACES = Path(
    os.environ.get("CARBONAWARE_TRACES", Path(__file__).parents[3] / "shared" / "data")
)


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two years of solar days in London."""
    path = tmp_path_factory.mktemp("years") / "gb.csv"
    return write_csv(
        path, pieces(solar_day, first=2022, years=2, time_zone="Europe/London")
    )


def test_learn_and_use(years: Path, tmp_path: Path) -> None:
    """A table is learnt, says what it is worth, and answers before the shipped one."""
    here = {"CARBONAWARE_TYPICAL_DIR": str(tmp_path)}

    done = command("typical", "learn", years, "--zone", "GB", env=here)

    assert done.status == 0, done.err
    told = " ".join(done.out.split())
    assert "Learnt typical days of GB (Europe/London) from 17,520 hours of 2022" in told
    assert "twelve months to December 2023, by those before" in told
    for window in ("6 h", "12 h", "24 h"):
        assert window in told
    assert "Warning" not in told
    assert "CARBONAWARE_TYPICAL_DIR" not in told
    noon = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
    asked = Interval(noon, noon + timedelta(hours=1))
    mine = TypicalSource(TypicalTables(folder=tmp_path)).fetch("GB", asked)
    assert mine.basis is not None
    assert mine.basis.credit == "typical days of 2022-2023: own files, that of the files"
    shown = command("typical", "show", "--zone", "GB", "--json", env=here).json
    assert shown["zones"][0]["kind"] == "own"
    slot = command("slot", "--zone", "GB", "--window", "24h", "--json", env=here)
    assert "own files" in slot.json["decision"]["sentence"]


def test_learn_elsewhere(years: Path, tmp_path: Path) -> None:
    """With --out the message says how to use what was written."""
    done = command(
        "typical", "learn", years, "--zone", "GB", "--out", tmp_path / "new", "--json"
    )

    assert done.status == 0, done.err
    document = done.json
    assert document["path"] == str(tmp_path / "new" / "GB.json")
    assert document["used"] is False
    assert document["warnings"] == []
    assert set(document["trial"]) == {"6", "12", "24"}
    assert document["trial"]["24"]["kept"] > 0.99
    plain = command("typical", "learn", years, "--zone", "GB", "--out", tmp_path / "new")
    assert f"CARBONAWARE_TYPICAL_DIR={tmp_path / 'new'}" in plain.out.replace("\n", "")


def test_a_table_that_is_not_worth_using(tmp_path: Path) -> None:
    """A grid whose rhythm the next year turns around is warned of."""
    clean = {2022: 12, 2023: 3}
    path = write_csv(
        tmp_path / "gb.csv",
        pieces(lambda at: 300 - 100 * (at.hour == clean[at.year]), first=2022, years=2),
    )

    done = command("typical", "learn", path, "--zone", "GB", "--out", tmp_path)

    assert done.status == 0
    assert "Warning: This table is not worth using" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--zone", "gb"], "'gb' is no key of a zone"),
        (["--zone", "US-NOWHERE"], "say it with --time-zone, an IANA name: America/"),
        (["--zone", "GB", "--time-zone", "Mars"], "--time-zone: 'Mars' is none"),
    ],
)
def test_usage(years: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    """What cannot be asked for is refused with what to do."""
    done = command("typical", "learn", years, *arguments, "--out", tmp_path)

    assert (done.status, done.out) == (2, "")
    assert message in " ".join(done.err.split())


def test_nowhere_to_write(years: Path) -> None:
    """Where no folder is read, one has to be named."""
    done = command("typical", "learn", years, "--zone", "GB")

    assert done.status == 2
    assert "CARBONAWARE_TYPICAL_DIR is empty" in done.err


def test_clocks(years: Path, tmp_path: Path) -> None:
    """A country with one clock needs no word; where there are several, one is said."""
    for zone, arguments, clock in (
        ("IS", [], "Atlantic/Reykjavik"),
        ("US-NOWHERE", ["--time-zone", "America/Denver"], "America/Denver"),
        ("IN-WE", [], "Asia/Kolkata"),
    ):
        where = ["--zone", zone, *arguments, "--out", str(tmp_path)]
        done = command("typical", "learn", years, *where, "--json")
        assert done.status == 0, done.err
        assert done.json["time_zone"] == clock


def test_a_broken_file(years: Path, tmp_path: Path) -> None:
    """The line and the fault are named, and nothing is written."""
    lines = years.read_text().splitlines()
    lines[700] = "2022-01-30T03:00Z,lots"
    path = tmp_path / "broken.csv"
    path.write_text("\n".join(lines))

    done = command("typical", "learn", path, "--zone", "GB", "--out", tmp_path)

    assert done.status == 1
    assert "line 701" in done.err
    assert "lots" not in done.err
    assert not (tmp_path / "GB.json").exists()


def test_half_a_year_is_too_little(years: Path, tmp_path: Path) -> None:
    """The months that lack are named."""
    path = tmp_path / "half.csv"
    path.write_text("\n".join(years.read_text().splitlines()[: 24 * 181]))

    done = command("typical", "learn", path, "--zone", "GB", "--out", tmp_path)

    assert done.status == 2
    assert "too little data in month 7, 8, 9, 10, 11, 12" in " ".join(done.err.split())


def test_a_folder_that_cannot_be_written(years: Path, tmp_path: Path) -> None:
    """A file where the folder should be."""
    taken = tmp_path / "taken"
    taken.write_text("")

    done = command("typical", "learn", years, "--zone", "GB", "--out", taken)

    assert done.status == 1
    assert "cannot write" in done.err


def test_show_all() -> None:
    """Each zone with where its days are from, of which years, and how good."""
    done = command("typical", "show", "--json")
    zones = {row["zone"]: row for row in done.json["zones"]}

    assert len(zones) > 100
    assert zones["GB"]["kind"] == "odbl"
    assert zones["GB"]["licence"] == "ODbL 1.0"
    assert zones["AE"]["kind"] == "sun"
    assert zones["AE"]["trial"] == {}
    assert zones["SE-SE1"]["part_of"] == "SE"
    assert zones["SE-SE3"]["part_of"] is None
    plain = command("typical", "show", env={"COLUMNS": "120"}).out
    assert "sun, mix of United Arab Emirates" in plain
    assert "CarbonCast (SE)" in plain


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("GB", ["Electricity Maps", "ODbL 1.0", "Europe/London", "24 h", "7%"]),
        ("AE", ["modelled", "solar 4.5%", "CC BY 4.0"]),
        ("SE-SE1", ["those of SE", "Apache-2.0"]),
    ],
)
def test_show_a_zone(zone: str, words: list[str]) -> None:
    """All that is known of it."""
    told = " ".join(command("typical", "show", "--zone", zone).out.split()).lower()

    for word in words:
        assert word.lower() in told


def test_a_damaged_table_spoils_no_other(tmp_path: Path) -> None:
    """Where all are listed it is named with its fault; alone, it is the answer."""
    (tmp_path / "GB.json").write_text('{"zones": {\n"GB": {"time_zone": [')
    (tmp_path / "settings.json").write_text("{}")
    here = {"CARBONAWARE_TYPICAL_DIR": str(tmp_path)}
    fault = f"typical days {tmp_path}/GB.json: zone GB is no JSON"

    shown = command("typical", "show", "--json", env=here)
    zones = {row["zone"]: row for row in command("zones", "--json", env=here).json["zones"]}

    assert shown.status == 0, shown.err
    assert "DE" in {row["zone"] for row in shown.json["zones"]}
    (told,) = shown.json["faults"]
    assert fault in told
    assert fault in zones["GB"]["typical"]["why_not"]
    assert zones["DE"]["typical"] == {"kind": "odbl", "why_not": None}
    plain = command("typical", "show", env=here | {"COLUMNS": "400"}).out
    assert f"Warning: {fault}" in plain
    for alone in (["typical", "show"], ["slot", "--window", "8h"]):
        done = command(*alone, "--zone", "GB", env=here)
        assert (done.status, fault in done.err.replace("\n", "")) == (1, True)


def test_show_what_there_is_not() -> None:
    """A zone without typical days is said to have none."""
    done = command("typical", "show", "--zone", "CN")

    assert done.status == 1
    assert "no typical days of zone 'CN'" in done.err


def test_without_the_odbl() -> None:
    """One setting leaves its tables out, everywhere."""
    free = {"CARBONAWARE_TYPICAL_ODBL": "0"}

    zones = {
        row["zone"]: row["kind"]
        for row in command("typical", "show", "--json", env=free).json["zones"]
    }

    assert zones["DE"] == "open"
    assert "GB" not in zones
    assert "odbl" not in zones.values()
    with pytest.raises(NoForecastError):
        TypicalSource(TypicalTables(odbl=False)).fetch(
            "GB", Interval(*(datetime(2026, 1, d, tzinfo=timezone.utc) for d in (1, 2)))
        )


@pytest.mark.skipif(
    not TRACES.is_dir(), reason="no traces; set CARBONAWARE_TRACES to their folder"
)
def test_learning_gives_the_shipped_table(tmp_path: Path) -> None:
    """From the same history a user learns what the package ships."""
    path = TRACES / "em_GB_lifecycle_2021_2023.csv"

    done = command("typical", "learn", path, "--zone", "GB", "--out", tmp_path, "--json")

    assert done.status == 0, done.err
    mine = json.loads((tmp_path / "GB.json").read_text())["zones"]["GB"]
    shipped = TypicalTables().shipped("GB")
    assert shipped is not None
    assert mine["grams"] == [[list(day) for day in month] for month in shipped.grams]
    assert mine["minimum_saving"] == shipped.minimum_saving
