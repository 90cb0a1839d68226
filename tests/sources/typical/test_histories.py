from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from carbonaware_prefect.errors import ForecastFileError
from carbonaware_prefect.sources.typical.histories import read_histories, read_history
from tests.sources.typical.years import HOUR, UTC, write_csv

START = datetime(2023, 1, 1, tzinfo=UTC)
PORTAL = (
    "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO\u2082eq/kWh (direct),"
    "Carbon intensity gCO\u2082eq/kWh (Life cycle),Carbon-free energy percentage (CFE%),"
    "Renewable energy percentage (RE%),Data source,Data estimated,Data estimation method"
)
OLDER = (
    "Datetime (UTC),Country,Zone Name,Zone Id,Carbon Intensity gCO\u2082eq/kWh (direct),"
    "Carbon Intensity gCO\u2082eq/kWh (LCA),Low Carbon Percentage,Renewable Percentage,"
    "Data Source,Data Estimated,Data Estimation Method"
)


def row(hour: int, lifecycle: object, *, zone: str = "GB", estimated: str = "false") -> str:
    """A line of the portal's."""
    at = START + hour * HOUR
    return (
        f"{at:%Y-%m-%d %H:%M:%S},Great Britain,Great Britain,{zone},100.1,{lifecycle},"
        f'50.1,40.2,"nationalgrid.com, elexon.com",{estimated},'
    )


def portal(path: Path, *rows: str, head: str = PORTAL) -> Path:
    """A file as the portal gives it."""
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("head", [PORTAL, OLDER])
def test_the_portal_s_own_columns(tmp_path: Path, head: str) -> None:
    """Lifecycle values by their name of today and of before; times are in UTC."""
    path = portal(tmp_path / "gb.csv", row(0, 150.5), row(1, 160), row(2, 170), head=head)

    found = read_history(path, "GB")

    assert found.boundary == "lifecycle"
    assert found.pieces == (
        (START, START + HOUR, 150.5),
        (START + HOUR, START + 2 * HOUR, 160),
        (START + 2 * HOUR, START + 3 * HOUR, 170),
    )


LINES = [row(0, 150.5), row(1, ""), row(2, 170.5)]
KNOWN = ((START, START + HOUR, 150.5), (START + 2 * HOUR, START + 3 * HOUR, 170.5))


def resaved(separator: str, written: str, decimal: str = ".") -> str:
    """The portal's file as a spreadsheet saves it."""
    lines = [PORTAL, *LINES]
    cells = [next(csv.reader([line])) for line in lines]
    for line, hour in zip(cells[1:], (0, 1, 2), strict=True):
        line[0] = f"{START + hour * HOUR:{written}}"
        line[4:8] = [each.replace(".", decimal) for each in line[4:8]]
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(cells)
    return text.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        resaved(",", "%Y-%m-%d %H:%M:%S").encode("utf-16"),
        resaved("\t", "%Y-%m-%d %H:%M").encode("utf-16-le"),
        resaved(";", "%d.%m.%Y %H:%M", ",").encode("utf-8-sig"),
        resaved(";", "%Y-%m-%d %H:%M:%S", ",").replace("\u2082", "2").encode("cp1252"),
        ("sep=;\r\n" + resaved(";", "%Y-%m-%d %H:%M")).encode(),
        ("\n" + resaved(",", "%Y-%m-%dT%H:%M:%S.000Z")).encode(),
    ],
)
def test_the_portal_s_file_saved_by_a_spreadsheet(tmp_path: Path, content: bytes) -> None:
    """Its separators, encodings, dates and decimal commas are read as in a forecast."""
    path = tmp_path / "gb.csv"
    path.write_bytes(content)

    found = read_history(path, "GB")

    assert (found.pieces, found.boundary) == (KNOWN, "lifecycle")


@pytest.mark.parametrize(
    ("columns", "boundary"),
    [
        ("carbon_intensity_direct_avg,carbon_intensity_avg", "as given"),
        ("carbon_intensity_production_avg,carbon_intensity_avg", "as given"),
        ("carbonIntensity (direct),carbonIntensity (lifecycle)", "lifecycle"),
        ("CO2 intensity direct [g/kWh],CO2 intensity LCA [g/kWh]", "lifecycle"),
    ],
)
def test_other_exports_with_two_intensities(
    tmp_path: Path, columns: str, boundary: str
) -> None:
    """Of two boundaries the wider one counts, by the names of older exports too."""
    path = tmp_path / "gb.csv"
    path.write_text(
        f"datetime,zone_id,{columns}\n"
        "2023-01-01T00:00:00Z,GB,1,100\n2023-01-01T01:00:00Z,GB,2,90\n"
    )

    found = read_history(path, "GB")

    assert [grams for _, _, grams in found.pieces] == [100, 90]
    assert found.boundary == boundary


def test_times_by_the_zone_s_clock(tmp_path: Path) -> None:
    """A table of local times has a night of 25 hours, and says by which clock it was."""
    path = tmp_path / "gb.csv"
    clock = ["00:00", "01:00", "01:00", "02:00"]
    rows = [f"29.10.2023 {each};{i}" for i, each in enumerate(clock)]
    path.write_text("\n".join(["start;intensity", *rows]))

    found = read_history(path, "GB", time_zone=ZoneInfo("Europe/London"))

    first = datetime(2023, 10, 28, 23, tzinfo=UTC)
    assert [start for start, _, _ in found.pieces] == [first + i * HOUR for i in range(4)]
    assert "were read as Europe/London" in found.notes[0]
    with pytest.raises(ForecastFileError, match=r"line 2, start names no time zone"):
        read_history(path, "GB")


def test_rows_of_other_zones(tmp_path: Path) -> None:
    """A file of several zones is one of each."""
    path = portal(
        tmp_path / "all.csv",
        row(0, 9, zone="FR"),
        row(0, 1),
        row(1, 2),
        row(1, 9, zone="FR"),
    )

    assert [grams for _, _, grams in read_history(path, "GB").pieces] == [1, 2]


def test_direct_values_where_there_are_no_others(tmp_path: Path) -> None:
    """A file of direct intensities says so."""
    path = tmp_path / "gb.csv"
    path.write_text(
        "Datetime (UTC),Zone id,Carbon intensity gCO2eq/kWh (direct)\n"
        "2023-01-01 00:00:00,GB,100\n2023-01-01T01:00:00Z,GB,90\n"
    )

    found = read_history(path, "GB")

    assert found.boundary == "direct"
    assert [grams for _, _, grams in found.pieces] == [100, 90]


def test_an_empty_cell_is_a_gap(tmp_path: Path) -> None:
    """What is not known is left out, and no other value stretches over it."""
    path = portal(tmp_path / "gb.csv", row(0, 1), row(1, ""), row(2, 3), row(5, 4))

    pieces = read_history(path, "GB").pieces

    assert [(start, end) for start, end, _ in pieces] == [
        (START, START + HOUR),
        (START + 2 * HOUR, START + 3 * HOUR),
        (START + 5 * HOUR, START + 6 * HOUR),
    ]


def test_estimates_are_counted(tmp_path: Path) -> None:
    """Half of these values are the publisher's guess."""
    path = portal(tmp_path / "gb.csv", row(0, 1, estimated="true"), row(1, 2))

    assert read_history(path, "GB").estimated == 0.5


def test_traces_with_holes(tmp_path: Path) -> None:
    """A file of starts bridges no hole: each value holds for an hour."""
    at = [START + i * HOUR for i in (0, 1, 2, 26, 27)]
    path = write_csv(tmp_path / "gb.csv", [(start, start + HOUR, 5.0) for start in at])

    pieces = read_history(path, "GB").pieces

    assert pieces == tuple((start, start + HOUR, 5.0) for start in at)


def test_several_years_at_once(tmp_path: Path) -> None:
    """In whichever order they are named; an hour in two files counts once."""
    one = portal(tmp_path / "one.csv", row(2, 3), row(3, 4))
    other = portal(tmp_path / "other.csv", row(0, 1), row(1, 2), row(2, 3))

    pieces = read_histories([one, other], "GB").pieces

    assert [grams for _, _, grams in pieces] == [1, 2, 3, 4]


def test_files_that_contradict_each_other(tmp_path: Path) -> None:
    """Nobody can tell which of two values for an hour is right."""
    one = portal(tmp_path / "one.csv", row(0, 1), row(1, 2))
    other = portal(tmp_path / "other.csv", row(1, 9), row(2, 3))

    with pytest.raises(ForecastFileError, match=r"contradicts .* at 2023-01-01 01:00 UTC"):
        read_histories([one, other], "GB")


def test_two_kinds_of_intensity_do_not_mix(tmp_path: Path) -> None:
    """Direct and lifecycle values have other levels and other shapes."""
    one = portal(tmp_path / "one.csv", row(0, 1), row(1, 2))
    other = tmp_path / "b.csv"
    other.write_text("start,CO2 direct\n2023-01-01T05:00Z,1\n2023-01-01T06:00Z,2\n")

    with pytest.raises(ForecastFileError, match="do not mix lifecycle and direct"):
        read_histories([one, other], "GB")


def test_a_file_that_does_not_say_its_kind(tmp_path: Path) -> None:
    """It goes with either, and a note says so."""
    one = portal(tmp_path / "one.csv", row(0, 1), row(1, 2))
    hours = [START + i * HOUR for i in (5, 6, 7)]
    other = write_csv(tmp_path / "b.csv", [(at, at + HOUR, 5.0) for at in hours])

    both = read_histories([one, other], "GB")

    assert (both.boundary, len(both.pieces)) == ("lifecycle", 5)
    assert both.notes == ("Taken to be lifecycle as the others, without saying it: b.csv",)
    alone = read_histories([other], "GB")
    assert (alone.boundary, alone.notes) == ("as given", ())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(0, 1), row(1, "lots")], r"line 3, has no finite number of gCO2/kWh"),
        ([row(0, 1), row(1, "inf")], r"line 3, has no finite number"),
        ([row(0, 1), row(1, "1_0")], r"line 3, has no finite number"),
        ([row(0, 1), row(1, -5)], r"line 3, has an intensity that is not from 0 to 10,000"),
        ([row(0, 1), row(1, 90_000)], r"line 3, has an intensity that is not from 0"),
        ([row(0, 1), "2023-01-01"], r"line 3, names no zone"),
        ([row(0, 1), "2023-01-01,,,GB"], r"line 3, start has no time"),
        (
            [row(0, 1), row(1, 2).replace("2023-01-01", "the first")],
            r"line 3, start has no time; it must be a date and time such as 2026-",
        ),
        (
            [row(0, 1), row(1, 2).replace("2023-01-01", "0001-01-01")],
            r"line 3, is out of order",
        ),
        (
            [row(i, 1).replace("2023-01-01", "0001-01-01") for i in range(3)],
            r"has a time in the year 1; give hours that were",
        ),
        ([row(1, 1), row(0, 2)], r"line 3, is out of order"),
        ([row(1, 1), row(1, 2)], r"line 3, is duplicated"),
        (
            [row(0, 1, zone="FR"), row(1, 2, zone="FR")],
            r"is of zone FR, asked was GB; give files of one zone",
        ),
        ([row(0, 1)], "line 2, is the only one"),
        ([row(0, ""), row(1, "")], "has no points with an intensity"),
        ([row(0, 1), row(3, 2), row(6, 2)], "has a value for each 3:00:00"),
        ([row(0, 1), '"2023'], "is no CSV"),
    ],
)
def test_a_broken_file_says_which_line(
    tmp_path: Path, rows: list[str], message: str
) -> None:
    """And what is wrong with it."""
    path = portal(tmp_path / "gb.csv", *rows)

    with pytest.raises(ForecastFileError, match=message) as caught:
        read_history(path, "GB")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\x00", "is no text in UTF-8 or UTF-16"),
        (b"PK\x03\x04", "is a workbook"),
        (bytes(range(256)), "has no header|is no text"),
        (b'{"points": [', "line 1, is no JSON"),
        (
            b"""{"zone": "GB", "signal": "marginal",
            "end": "2023-01-01T01:00Z", "points": [["2023-01-01T00:00Z", 1]]}""",
            "holds marginal intensities; typical days are of average ones",
        ),
        (b"a,b\n1,2\n", "has no header"),
        (b"start,intensity\n2023-01-01T00:00Z,1\n2023-01-01T01:00Z,x\n", "line 3"),
        (
            b"Datetime (UTC),Zone id,Price\n2023-01-01 00:00:00,GB,1\n",
            "has no header that names a start and an intensity",
        ),
    ],
)
def test_a_file_that_is_no_history(tmp_path: Path, content: bytes, message: str) -> None:
    """A typed error, whatever it is."""
    path = tmp_path / "gb.csv"
    path.write_bytes(content)

    with pytest.raises(ForecastFileError, match=message):
        read_history(path, "GB")


def test_no_file(tmp_path: Path) -> None:
    """A missing file and a folder are named."""
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(ForecastFileError, match=r"cannot be read|is no regular file"):
            read_history(path, "GB")


def test_a_forecast_file_of_another_zone(tmp_path: Path) -> None:
    """JSON that names its zone is taken at its word."""
    path = tmp_path / "fr.json"
    path.write_text(
        '{"zone": "FR", "points": [["2023-01-01T00:00Z", 1], ["2023-01-01T01:00Z", 2]]}'
    )

    with pytest.raises(ForecastFileError, match="is of zone FR, asked was GB"):
        read_history(path, "GB")
    assert read_history(path, "FR").pieces[1] == (
        START + HOUR,
        START + timedelta(hours=2),
        2,
    )
