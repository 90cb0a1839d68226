"""What Excel, LibreOffice and Google Sheets write in the settings of several countries."""

from __future__ import annotations

from contextlib import suppress
from datetime import timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonaware_prefect.errors import ForecastFileError
from carbonaware_prefect.sources.file.parsing import Parsed, parse

BERLIN = ZoneInfo("Europe/Berlin")


def read(text: str, **more: Any) -> Parsed:
    """What the text says; times without a zone are Berlin's."""
    given_by_default = {"name": "f.csv", "zone": None, "time_zone": BERLIN}
    return parse(text, **(given_by_default | more))


def pieces(parsed: Parsed) -> list[tuple[str, float]]:
    """Day, start and end in UTC, and grams per kWh."""
    return [
        (f"{span.start:%d %H:%M}-{span.end:%H:%M}", grams)
        for span, grams in parsed.forecast
    ]


TWO = [("27 11:00-12:00", 300.5), ("27 12:00-13:00", 290.0)]
UTC = [("27 12:00-13:00", 300.5), ("27 13:00-14:00", 290.0)]


EXPORTS = {
    "Excel, German": (
        ["Datum;CO2-Intensit\u00e4t (g/kWh)", "27.11.2026 12:00;300,5",
         "27.11.2026 13:00;290", ";"],
        TWO,
    ),
    "LibreOffice, German, date and time apart": (
        ["Datum;Uhrzeit;Prognose in gCO\u2082/kWh", "27.11.26;12:00;300,50",
         "27.11.26;13:00;290,00"],
        TWO,
    ),
    "Google Sheets, French": (
        ['"Date et heure","Intensit\u00e9 carbone (gCO2eq/kWh)"',
         '"27/11/2026 12:00","300,5"', '"27/11/2026 13:00","290"'],
        TWO,
    ),
    "a French table": (
        ["Date;Heure;Taux de CO2 (g/kWh)", "27/11/2026;12h00;300,5",
         "27/11/2026;13h00;290"],
        TWO,
    ),
    "Excel, US, tabs": (
        ["Time\tCarbon intensity", "11/27/2026 12:00 PM\t300.5",
         "11/27/2026 1:00 PM\t290"],
        TWO,
    ),
    "Excel's own first line": (
        ["sep=;\r", "start;gco2_per_kwh\r", "2026-11-27T12:00Z;300,5\r",
         "2026-11-27T13:00Z;290"],
        UTC,
    ),
    "a title above, more columns": (
        ["Exported from our grid tool;;", "", "start;gco2_per_kwh;remark",
         "2026-11-27 12:00 UTC;300,5;", "2026/11/27 13:00 GMT;290;clean;;;"],
        UTC,
    ),
    "measured and forecast": (
        ["Datetime (UTC),Actual intensity (g/kWh),Forecast intensity (g/kWh),Index",
         "2026-11-27 12:00,280,300.5,high", "2026-11-27 13:00,,290,low"],
        UTC,
    ),
    "shares and prices beside": (
        ["Datetime (UTC),Zone id,Carbon intensity gCO\u2082eq/kWh (LCA),CFE%,EUR/MWh",
         "2026-11-27 12:00:00,DE,300.5,44,80", "2026-11-27 13:00:00,DE,290,44,81"],
        UTC,
    ),
    "UTF-8 that Excel took for its own code page": (
        ["Datetime (UTC);Carbon intensity gCO\u00e2\u201a\u201aeq/kWh (Life cycle)",
         "27.11.2026 12:00;300,5", "27.11.2026 13:00;290"],
        UTC,
    ),
    "an offset in the header": (
        ["Date (GMT+1);intensity", "27.11.2026 13:00;300,5", "27.11.2026 14:00;290"],
        UTC,
    ),
    "a time zone in the header, dots in times": (
        ["Zeit (Europe/Paris);Wert", "27.11.2026 13.00;300,5", "27.11.2026 14.00;290"],
        UTC,
    ),
    "the clocks' time in the header": (
        ["Zeit (MEZ/MESZ);intensity", "27-11-2026 12:00:00;300,5", "27-11-2026 13:00;290"],
        TWO,
    ),
    "local time and UTC": (
        ["utc;local time;intensity", "2026-11-27 12:00;;300,5", "2026-11-27 13:00;;290"],
        UTC,
    ),
    "names of zones with each time": (
        ["start;intensity", "27.11.2026 13:00 MEZ;300,5", "27.11.2026 15:00 CEST;290"],
        UTC,
    ),
    "with ends": (
        ["von;bis;intensity", "27.11.2026 12:00;27.11.2026 13:00;300,5",
         "27.11.2026 13:00;27.11.2026 14:00;290"],
        TWO,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
def test_exports(name: str) -> None:
    """Separators, decimal commas, dates and headers of the usual programs are read."""
    lines, expected = EXPORTS[name]
    assert pieces(read("\n".join(lines))) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("27.11.2026 12:00 Uhr", "27.11.2026 13:00Uhr"),
        ("Fr 27.11.2026 12:00", "Fr. 27.11.2026 13:00"),
        ("27-Nov-2026 12:00", "27-Nov-2026 13:00:00"),
        ("27 November 2026 12:00", "27 nov. 2026 1:00 PM"),
        ("Nov 27, 2026 12:00 PM", "November 27, 2026, 1:00 PM"),
        ("27. Nov. 2026 12:00", "27. November 2026 13:00"),
        ("Fri, 27 Nov 2026 11:00:00 GMT", "Fri, 27 Nov 2026 12:00:00 GMT"),
        ("20261127T1200", "20261127T120000Z"),
        ("202611271200", "20261127130000"),
        ("2026. 11. 27. 12:00", "2026.11.27. 13:00"),
        ("1795777200", "1795780800000"),
        ("27.11.2026 12:00", "2026-11-27 13:00"),
    ],
)
def test_spellings_of_a_time(first: str, second: str) -> None:
    """Whatever can mean one time only is read as that, by the clock or with its offset."""
    parsed = read(f"start;intensity\n{first};300,5\n{second};290\n")

    assert pieces(parsed) == TWO


def test_the_end_of_a_day() -> None:
    """24:00 is midnight; one minute later is no time."""
    text = "von;bis;intensity\n26.11.2026 23:00;26.11.2026 24:00;1\n"
    assert pieces(read(text)) == [("26 22:00-23:00", 1.0)]
    with pytest.raises(ForecastFileError, match=r"line 2, end .* calendar"):
        read(text.replace("24:00", "24:01"))


@pytest.mark.parametrize(
    "time",
    [
        "27.11.2026", "12:00", "46353,5", "27 Foo 2026 12:00", "Foo 27, 2026 12:00",
        "99999999999", "20261327T1200", "31-Feb-2026 12:00", "9999-12-31 24:00", "Uhr",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(time: str) -> None:
    """With the line; a date alone may be a whole day."""
    with pytest.raises(ForecastFileError, match=r"line 2, start has .*such as 2026-11-21"):
        read(f"start;intensity\n{time};1\n{time};2\n")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("1.234,5", "300", [1234.5, 300]),
        ("1,234.5", "300", [1234.5, 300]),
        ("1\u00a0234,5", "1\u202f000", [1234.5, 1000]),
        ("1'234.5", "300", [1234.5, 300]),
        ("1.234", "912,5", [1234, 912.5]),
        ("1.234", "912.5", [1.234, 912.5]),
        ("212,125", "198,250", [212.125, 198.25]),
        ("0,212", "0,198", [0.212, 0.198]),
        ("1.234.567,5", "300", [1234567.5, 300]),
        ("\u22123,5", "+4", [-3.5, 4]),
        ("1,2E+02", "9,9e1", [120, 99]),
        ("500 g/kWh", "0,5 kg/kWh", [500, 500]),
        ("1000 lb/MWh", "1 t CO2eq/MWh", [453.59237, 1000]),
    ],
)
def test_numbers(first: str, second: str, expected: list[float]) -> None:
    """What is a decimal sign and what a thousands separator is settled by the column."""
    text = f"start;intensity\n2026-11-27T12:00Z;{first}\n2026-11-27T13:00Z;{second}\n"
    assert [grams for _, grams in read(text).forecast] == pytest.approx(expected)


@pytest.mark.parametrize(
    "mark", ["", "-", "--", "?", "n/a", "N.A.", "k.A.", "#NV", "NaN", "none", "\u2026"]
)
def test_what_stands_for_not_known(mark: str) -> None:
    """It is a gap; a cell that says what it may not say is refused (`test_parsing`)."""
    rows = "2026-11-27T12:00Z;1\n2026-11-27T13:00Z;{}\n2026-11-27T14:00Z;2\n"

    found = pieces(read(f"start;intensity\n{rows.format(mark)}"))

    assert found == [("27 12:00-13:00", 1.0), ("27 14:00-15:00", 2.0)]


def test_units() -> None:
    """A unit in the header, or one in each row, is converted."""
    first, second = "2026-11-27T12:00Z", "2026-11-27T13:00Z"
    by_row = f"start;CO2;Einheit\n{first};1000;lb/MWh\n{second};0,5;kg/kWh"
    by_header = f"start;CO2 [kg/kWh]\n{first};0,45359237\n{second};0,5"
    for text in (by_row, by_header):
        found = [grams for _, grams in read(text).forecast]
        assert found == pytest.approx([453.59237, 500])


def test_points_with_three_decimals_in_plain_csv() -> None:
    """Where commas separate the columns, a point is a decimal point."""
    text = "start,intensity\n2026-11-27T12:00Z,1.234\n2026-11-27T13:00Z,1.250\n"
    assert [grams for _, grams in read(text).forecast] == [1.234, 1.25]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["03/04/2026 12:00;1", "03/04/2026 13:00;2"], "line 2,.*2026-04-03"),
        (["03/04/2026 12:00;1", "05/07/2026 13:00;2"], "line 2,.*2026-04-03"),
        (["13/04/2026 12:00;1", "04/14/2026 13:00;2"], "line 2,.*another order"),
        (["2026-11-27T12:00Z;1.234", "2026-11-27T13:00Z;1.25"], None),
        (["2026-11-27T12:00Z;1.234", "2026-11-27T13:00Z;1.250"], "line 2,.*thousands"),
        (["2026-11-27T12:00Z;1,234", "2026-11-27T13:00Z;1"], "line 2,.*thousands"),
        (["2026-11-27T12:00Z;1,5", "2026-11-27T13:00Z;1.5"], "line 3,.*decimals"),
        (
            ["25.10.2026 02:00;1", "25.10.2026 03:00;2"],
            "line 2,.*comes twice.*01:00.*TIME_ZONE=UTC",
        ),
        (
            ["29.03.2026 01:00;1", "29.03.2026 02:00;2"],
            "line 3,.*does not exist.*TIME_ZONE=UTC",
        ),
    ],
)
def test_what_may_mean_two_things_is_refused(lines: list[str], words: str | None) -> None:
    """The message names the line and how to write it so that it means one thing."""
    text = "\n".join(["start;intensity", *lines])
    if words is None:
        assert len(read(text).forecast) == len(lines)
    else:
        with pytest.raises(ForecastFileError, match=words):
            read(text)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Zeit (MEZ);intensity;zone", "line 1,.*UTC.1 or Europe/Berlin"),
        ("Datum;Beginn;intensity", "line 1,.*2 columns.*'start'"),
        ("start;intensity;zone", "several zones"),
        ("start;intensity;remark;zone", "line 2, names no zone"),
    ],
)
def test_a_header_that_may_mean_two_things_is_refused(header: str, words: str) -> None:
    """So is a table of several zones, when none of them is asked for."""
    rows = "2026-11-27T12:00Z;1;DE\n2026-11-27T12:00Z;1;FR\n"
    with pytest.raises(ForecastFileError, match=words):
        read(f"{header}\n{rows}")


@pytest.mark.parametrize(
    ("text", "day", "order"),
    [
        ("03/04/2026 12:00;1\n13/04/2026 12:00;2\n", "2026-04-03", "day/month"),
        ("03/04/2026 12:00;1\n03/14/2026 12:00;2\n", "2026-03-04", "month/day"),
        ("03/04/2026 23:00;1\n04/04/2026 00:00;2\n", "2026-04-03", "day/month"),
        ("03/04/2026 23:00;1\n03/05/2026 00:00;2\n", "2026-03-04", "month/day"),
        ("03/04/2026 23:00;1;13/04/2026 23:00\n", "2026-04-03", "day/month"),
        ("04/04/2026 12:00;1\n04/04/2026 13:00;2\n", "2026-04-04", "day/month"),
    ],
)
def test_other_rows_settle_a_date(text: str, day: str, order: str) -> None:
    """A number above twelve, or times in order under one reading alone, settle it."""
    parsed = read(f"start;intensity;end\n{text}")
    assert f"{parsed.forecast.start.astimezone(BERLIN).date()}" == day
    assert parsed.notes[-1] == f"Dates were read as {order}"


def test_the_hour_that_comes_twice() -> None:
    """The order of the rows tells the two hours apart, also where each says its end."""
    expected = [
        ("24 23:00-00:00", 1.0), ("25 00:00-01:00", 2.0),
        ("25 01:00-02:00", 3.0), ("25 02:00-03:00", 4.0),
    ]  # fmt: skip
    starts = ["01", "02", "02", "03"]
    plain = "".join(f"25.10.2026 {h}:00;{i}\n" for i, h in enumerate(starts, 1))
    ended = "".join(
        f"25.10.2026 {h}:00;25.10.2026 {int(h) + 1:02}:00;{i}\n"
        for i, h in enumerate(starts, 1)
    )
    assert pieces(read(f"start;intensity\n{plain}")) == expected
    assert pieces(read(f"start;end;intensity\n{ended}")) == expected


def test_rows_of_several_zones() -> None:
    """Where a column tells zones apart, the rows of the zone asked for count."""
    rows = ["2026-11-27T12:00Z;1;DE", "2026-11-27T12:00Z;9;FR", "2026-11-27T13:00Z;2;DE"]
    parsed = read("\n".join(["start;intensity;Zone Id", *rows]), zone="DE")
    expected = [("27 12:00-13:00", 1.0), ("27 13:00-14:00", 2.0)]
    assert (pieces(parsed), parsed.forecast.zone) == (expected, "DE")


def test_the_assumed_time_zone_is_told() -> None:
    """A note says in which time zone times were read, unless the file names one."""
    rows = "27.11.2026 12:00;1\n27.11.2026 13:00;2\n"
    assumed = read(f"start;intensity\n{rows}").notes
    (note,) = assumed
    assert note.startswith("Times without a time zone were read as Europe/Berlin; ")
    assert note.endswith("CARBONAWARE_FORECAST_TIME_ZONE says another")
    assert read(f"start (UTC);intensity\n{rows}").notes == ()
    assert read(f"start;intensity\n{rows}", time_zone=timezone.utc).notes != ()


WORDS = [
    "start", "intensity", "end", "zone", "unit", "03/04/2026 12:00", "1.234", ";", "1,5",
    "27.11.2026 02:30", "25.10.2026 02:30", "\n", ",", "\t", '"', " ", "{", "[", "Datum",
    "2026-11-27T12:00Z", "g/kWh", "UTC", "-", "\x00", "9999-12-31T23:59",
]  # fmt: skip


@pytest.mark.parametrize(
    "start", ["", "start;intensity\n", "start,end,intensity\n", '{"points": [']
)
@given(st.lists(st.sampled_from(WORDS), max_size=25).map("".join) | st.text(max_size=60))
def test_any_text_is_read_or_refused(start: str, text: str) -> None:
    """Whatever a file holds, it is a forecast or a typed error."""
    with suppress(ForecastFileError):
        assert len(read(start + text).forecast) > 0
