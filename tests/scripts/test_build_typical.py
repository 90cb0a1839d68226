from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from carbonaware_prefect.sources.typical import TypicalDays
from carbonaware_prefect.sources.typical.learning import learn_grams
from carbonaware_prefect.sources.typical.table_file import parse, zones_in
from scripts.build_typical import FILES, build, derive
from scripts.report_typical import coverage_table, report, zones_table
from scripts.traces import (
    CARBONCAST,
    EIA,
    EM_2022,
    EM_YEARS,
    OPEN_ZONES,
    Supplier,
    Zone,
    read_trace,
)
from tests.sources.typical.years import HOUR, pieces, write_csv

ROOT = Path(__file__).parents[2]
TRACES = Path(os.environ.get("CARBONAWARE_TRACES", ROOT.parent / "shared" / "data"))
SHIPPED = resources.files("carbonaware_prefect.sources.typical")
needs_traces = pytest.mark.skipif(
    not TRACES.is_dir(), reason="no traces; set CARBONAWARE_TRACES to their folder"
)

UTC = timezone.utc
Told = Callable[[datetime], float | None]


def trace(folder: Path, supplier: Supplier, key: str, grams: Told, **span: int) -> None:
    """A trace as its supplier writes it, by UTC; None leaves the hour out."""
    name = supplier.file_name.format(key)
    known = [
        (start, end, value)
        for start, end, _ in pieces(lambda _: 0.0, **span)  # type: ignore[arg-type]
        if (value := grams(start)) is not None
    ]
    write_csv(folder / name, known)


def sunny(start: datetime) -> float:
    """Clean about noon, a little less so every other day."""
    return 300 - 100 * (10 <= start.hour < 15) + start.toordinal() % 2


def shipped(name: str) -> dict[str, TypicalDays]:
    """All tables of a file in the package."""
    text = SHIPPED.joinpath(name).read_text(encoding="utf-8")
    return {
        zone: days
        for zone in zones_in(text)
        if (days := parse(text, zone, name=name)) is not None
    }


@pytest.fixture
def files(tmp_path: Path) -> dict[str, dict[str, Zone]]:
    """Two files of one and two zones, with their traces."""
    trace(tmp_path, CARBONCAST, "DE", sunny, first=2020, years=2)
    trace(tmp_path, EM_YEARS, "GB", sunny, first=2021, years=3)
    trace(tmp_path, EM_2022, "FR", sunny)
    return {
        "typical.json": {"DE": Zone("DE", "UTC", (CARBONCAST,))},
        "typical_odbl.json": {
            "GB": Zone("GB", "UTC", (EM_YEARS,)),
            "FR": Zone("FR", "UTC", (EM_2022,)),
        },
    }


def test_a_second_run_writes_the_same_bytes(
    tmp_path: Path, files: dict[str, dict[str, Zone]]
) -> None:
    """Nothing but the traces counts; a zone that did not change keeps its date."""
    build(tmp_path, tmp_path, files=files)
    first = (tmp_path / "typical_odbl.json").read_text()
    today = first.partition('"built": "')[2][:10]
    (tmp_path / "typical_odbl.json").write_text(first.replace(today, "2020-02-02"))

    build(tmp_path, tmp_path, files=files)

    assert (tmp_path / "typical_odbl.json").read_text() == first.replace(
        today, "2020-02-02"
    )


def test_another_folder_gets_the_same_bytes(
    tmp_path: Path, files: dict[str, dict[str, Zone]]
) -> None:
    """What is rebuilt elsewhere on another day can be compared with what is shipped."""
    for name in ("shipped", "elsewhere"):
        (tmp_path / name).mkdir()
    build(tmp_path, tmp_path / "shipped", files=files)
    for name in files:
        path = tmp_path / "shipped" / name
        first = path.read_text()
        path.write_text(first.replace(first.partition('"built": "')[2][:10], "2020-02-02"))

    build(tmp_path, tmp_path / "elsewhere", files=files, shipped=tmp_path / "shipped")

    for name in files:
        expected = (tmp_path / "shipped" / name).read_bytes()
        assert (tmp_path / "elsewhere" / name).read_bytes() == expected


def test_each_zone_says_where_it_is_from(
    tmp_path: Path, files: dict[str, dict[str, Zone]]
) -> None:
    """Source, licence, years, boundary, number of hours, and what it kept."""
    tables = build(tmp_path, tmp_path, files=files)
    text = (tmp_path / "typical_odbl.json").read_text()

    found = parse(text, "GB", name="x")

    assert found == tables["typical_odbl.json"]["GB"]
    assert found is not None
    assert (found.publisher, found.licence) == ("Electricity Maps", "ODbL 1.0")
    assert "HewlettPackard/sustain-cluster @ 293fbd1" in found.source
    assert (found.years, found.boundary) == ((2021, 2022, 2023), "lifecycle")
    assert found.hours == 3 * 8760
    assert found.trial[24].kept > 0.9
    assert "Open Database License" in text.partition("\n")[0]


def test_inferred_licences_can_be_taken_out(
    tmp_path: Path, files: dict[str, dict[str, Zone]]
) -> None:
    """The zones of that supplier, and no others."""
    tables = build(tmp_path, tmp_path, inferred=False, files=files)

    assert set(tables["typical_odbl.json"]) == {"GB"}
    assert zones_in((tmp_path / "typical_odbl.json").read_text()) == ("GB",)


def test_a_table_that_is_not_worth_it_stops_the_build(
    tmp_path: Path, files: dict[str, dict[str, Zone]]
) -> None:
    """Nothing is written where one zone does no better than starting at once."""
    clean = {2021: 12, 2022: 12, 2023: 3}
    trace(
        tmp_path,
        EM_YEARS,
        "GB",
        lambda at: 300 - 100 * (at.hour == clean[at.year]),
        first=2021,
        years=3,
    )

    with pytest.raises(SystemExit, match="GB: on hours that it has not seen"):
        build(tmp_path, tmp_path, files=files)
    assert not (tmp_path / "typical.json").exists()


def test_shapes_of_two_sources_meet(tmp_path: Path) -> None:
    """The sun comes up at the same hour in all traces, once their labels are put right."""
    ends_from = datetime(2022, 6, 16, 7, tzinfo=UTC)

    def day(true_start: datetime, zone: str) -> float:
        hour = true_start.astimezone(ZoneInfo(zone)).hour
        return 50 if 9 <= hour < 17 else 100

    pacific, central = "America/Los_Angeles", "America/Chicago"
    trace(
        tmp_path,
        EIA,
        "CISO",
        lambda s: day(s + HOUR if s + HOUR < ends_from else s, pacific),
    )
    trace(tmp_path, CARBONCAST, "CISO", lambda s: 3 * day(s, pacific), first=2020, years=2)
    trace(tmp_path, EIA, "ERCO", lambda s: day(s, central))
    trace(
        tmp_path,
        CARBONCAST,
        "ERCO",
        lambda s: 3 * day(s - HOUR, central),
        first=2020,
        years=2,
    )
    for zone in ("US-CAL-CISO", "US-TEX-ERCO"):
        made = OPEN_ZONES[zone]
        traces = [read_trace(tmp_path, made, supplier) for supplier in made.suppliers]
        for month in learn_grams(traces, made.time_zone):
            for hours in month:
                assert max(hours[9:17]) < 51
                assert min(*hours[:9], *hours[17:]) > 99


def test_what_is_known_to_be_wrong_is_left_out(tmp_path: Path) -> None:
    """Lows that no other hour explains, and values that stay the same for a day."""
    low = datetime(2022, 10, 1, 3, tzinfo=UTC)
    still = datetime(2022, 3, 1, tzinfo=UTC)

    def grams(start: datetime) -> float:
        if low <= start < low + 5 * HOUR:
            return 13
        return 140 if still <= start < still + 30 * HOUR else sunny(start)

    trace(tmp_path, EIA, "PJM", grams)

    known = {start for start, _, _ in read_trace(tmp_path, OPEN_ZONES["US-MIDA-PJM"], EIA)}

    assert low not in known
    assert not any(still + i * HOUR in known for i in range(30))
    assert len(known) == 8760 - 5 - 30


def test_years_that_contradict_another_copy_are_left_out(tmp_path: Path) -> None:
    """Of such a zone only the years that are sound are read."""
    trace(tmp_path, EM_YEARS, "KR", sunny, first=2021, years=3)
    made = Zone("KR", "Asia/Seoul", (EM_YEARS,), since=2023)

    history = read_trace(tmp_path, made, EM_YEARS)

    assert history[0][0] == datetime(2023, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_zone_that_is_built_is_shipped(name: str) -> None:
    """In the order of the list."""
    assert tuple(shipped(name)) == tuple(FILES[name])


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Under the ODbL: `typical_odbl.json`", "typical_odbl.json"),
        ("Without conditions: `typical.json`", "typical.json"),
    ],
)
def test_the_document_says_what_the_files_say(title: str, name: str) -> None:
    """Each row of its tables is that of the shipped zone."""
    document = (ROOT / "docs" / "typical.md").read_text(encoding="utf-8")

    for line in "\n".join(zones_table(title, shipped(name))).splitlines():
        assert line in document


def test_the_document_says_how_many_regions_decide() -> None:
    """By tables and with the sun, with the ODbL and without."""
    document = (ROOT / "docs" / "typical.md").read_text(encoding="utf-8")

    for line in coverage_table({name: shipped(name) for name in FILES}):
        assert line in document


@needs_traces
def test_the_document_has_all_that_the_command_prints() -> None:
    """The sun, the years and the parts of countries too, as the traces say."""
    document = (ROOT / "docs" / "typical.md").read_text(encoding="utf-8")

    assert report(TRACES, {name: shipped(name) for name in FILES}) in document


@needs_traces
@pytest.mark.parametrize("name", sorted(FILES))
def test_the_committed_grams_are_what_the_traces_say(name: str) -> None:
    """Nobody changed a table by hand."""
    for zone, days in shipped(name).items():
        made = FILES[name][zone]
        traces = [read_trace(TRACES, made, supplier) for supplier in made.suppliers]
        assert days.grams == learn_grams(traces, made.time_zone), zone


@needs_traces
@pytest.mark.parametrize(
    ("name", "zone"), [("typical.json", "US-TEX-ERCO"), ("typical_odbl.json", "NL")]
)
def test_the_committed_shares_are_what_the_traces_say(name: str, zone: str) -> None:
    """Nor what a table kept."""
    days = shipped(name)[zone]

    assert derive(TRACES, zone, FILES[name][zone], days.built) == days


@needs_traces
def test_a_source_that_is_blind_to_the_sun_is_refused() -> None:
    """Tried on sound data, a Dutch table of it loses; the build would not ship it."""
    blind = Zone("NL", "Europe/Amsterdam", (CARBONCAST,))
    sound = Zone("NL", "Europe/Amsterdam", (EM_2022,))
    learnt = learn_grams([read_trace(TRACES, blind, CARBONCAST)], "Europe/Amsterdam")
    of_sound = learn_grams([read_trace(TRACES, sound, EM_2022)], "Europe/Amsterdam")

    july = 6
    assert learnt[july][0][13] > learnt[july][0][3]
    assert of_sound[july][0][13] < of_sound[july][0][3]
    assert "NL" not in OPEN_ZONES
