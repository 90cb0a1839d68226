from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

import carbonaware_prefect
from carbonaware_prefect.errors import ForecastFileError
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.typical import (
    Kept,
    TypicalDays,
    TypicalTables,
    describe,
)
from carbonaware_prefect.sources.typical import tables as module
from carbonaware_prefect.sources.typical.table_file import parse, render, zones_in

FOLDER = resources.files("carbonaware_prefect.sources.typical")


def table(zone: str = "GB", grams: float = 200.0, **said: object) -> TypicalDays:
    """A table that says the same for all hours."""
    whole = TypicalDays(
        zone=zone,
        time_zone="Europe/London",
        source="own files: x.csv",
        publisher="own files",
        licence="that of the files",
        years=(2024, 2025),
        boundary="lifecycle",
        hours=17544,
        grams=tuple(tuple((grams,) * 24 for _ in range(2)) for _ in range(12)),
        built="2026-01-01",
        minimum_saving=0.05,
        held_out="the newest",
        trial={24: Kept(0.2, 0.7, 0.1)},
    )
    return replace(whole, **said)  # type: ignore[arg-type]


def own(folder: Path, days: TypicalDays) -> TypicalTables:
    """Tables with one of the user's own."""
    folder.joinpath(f"{days.zone}.json").write_text(render([days]), encoding="utf-8")
    return TypicalTables(folder=folder)


def test_a_file_says_what_was_written() -> None:
    """A table comes back from its file as it went in, among others."""
    one, other = table(), table("FR", 50.25)
    text = render([one, other], licence="ODbL")

    assert parse(text, "GB", name="x") == one
    assert parse(text, "FR", name="x") == other
    assert parse(text, "DE", name="x") is None
    assert zones_in(text) == ("GB", "FR")
    assert set(json.loads(text)["zones"]) == {"GB", "FR"}


def test_a_day_is_a_line() -> None:
    """What a build changed shows in a diff."""
    lines = render([table()]).splitlines()

    assert sum(line.count("200.0") == 24 for line in lines) == 24


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda about: about.update(time_zone="Europe/Londres"), "which there is not"),
        (lambda about: about.update(time_zone=None), "a text of one line in 'time_zone'"),
        (lambda about: about.update(source="\x1b[2J"), "a text of one line in 'source'"),
        (lambda about: about.update(years=[]), "needs a list 'years'"),
        (lambda about: about.update(years=2024), "needs a list 'years'"),
        (lambda about: about.update(years=["2024"]), "needs a list 'years'"),
        (lambda about: about.update(minimum_saving=10**400), "it must be a share"),
        (lambda about: about.update(trial={"24": [10**400, 0, 0]}), "needs 'trial'"),
        (lambda about: about["grams"][0][0].__setitem__(0, 10**400), "of 24 numbers"),
        (lambda about: about.update(minimum_saving=2), "it must be a share"),
        (lambda about: about.update(minimum_saving=True), "it must be a share"),
        (lambda about: about.update(trial={"24": [1, 2]}), "needs 'trial'"),
        (lambda about: about.update(hours="many"), "needs a whole number 'hours'"),
        (lambda about: about["grams"].pop(), "needs 12 months"),
        (lambda about: about["grams"][3][1].pop(), "needs 12 months"),
        (lambda about: about.update(grams=5), "needs 12 months"),
        (lambda about: about["grams"][0][0].__setitem__(0, None), "of 24 numbers"),
        (lambda about: about["grams"][0][0].__setitem__(0, float("nan")), "of 24 numbers"),
    ],
)
def test_a_broken_table_is_refused(
    tmp_path: Path, fault: Callable[[dict[str, object]], object], message: str
) -> None:
    """The error names the file, the zone and what is wrong."""
    text = render([table()])
    document = json.loads(text)
    fault(document["zones"]["GB"])
    head = text.partition('"zones": {')[0]
    path = tmp_path / "GB.json"
    path.write_text(f'{head}"zones": {{\n"GB": {json.dumps(document["zones"]["GB"])}}}}}\n')

    with pytest.raises(ForecastFileError, match=message) as caught:
        TypicalTables(folder=tmp_path).days_of("GB")
    assert f"{path}: zone GB" in str(caught.value)
    assert "typical learn" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "cannot be read"),
        (b"", "say nothing about zone GB"),
        (b'{"zones": {\n"GB": {"time_zone": }}}', "is no JSON"),
        (b'{"zones": {\n"GB": {"time_zone": [', "is no JSON"),
    ],
)
def test_a_file_that_is_no_table(tmp_path: Path, content: bytes, message: str) -> None:
    """A user's own file that makes no sense is never passed over in silence."""
    (tmp_path / "GB.json").write_bytes(content)

    with pytest.raises(ForecastFileError, match=message):
        TypicalTables(folder=tmp_path).days_of("GB")


def test_the_user_s_own_table_comes_first(tmp_path: Path) -> None:
    """Before the one under the ODbL, and that before the one without conditions."""
    mine = own(tmp_path, table("DE", 123.0))

    assert mine.found("DE") == ("own", table("DE", 123.0))
    assert [kind for kind, _ in mine.each("DE")] == ["own", "odbl", "open"]
    assert "XX" not in mine.zones()


def test_own_tables_of_new_zones(tmp_path: Path) -> None:
    """A zone that the package does not know is one of those that are known."""
    mine = own(tmp_path, table("XX-1"))

    assert "XX-1" in mine.zones()
    assert mine.days_of("XX-1") == table("XX-1")


def test_a_zone_is_no_path(tmp_path: Path) -> None:
    """What looks like a way out of the folder names no file."""
    (tmp_path / "GB.json").write_text(render([table()]))
    inner = tmp_path / "inner"
    inner.mkdir()

    assert TypicalTables(folder=inner).days_of("../GB") is None


def test_the_odbl_can_be_left_out() -> None:
    """Then what is free of conditions answers, or the sun, or nobody."""
    free = TypicalTables(odbl=False)

    kinds = {
        zone: (found[0] if (found := free.found(zone)) else None)
        for zone in ("DE", "JP-TK", "GB")
    }
    assert kinds == {"DE": "open", "JP-TK": "sun", "GB": None}
    assert "GB" not in free.zones()
    assert "GB" in TypicalTables().zones()


def test_the_file_under_the_odbl_may_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installation without it works, from definition to decision, as if left out."""
    package = Path(carbonaware_prefect.__file__).parent
    copy = shutil.copytree(
        package, tmp_path / package.name, ignore=shutil.ignore_patterns("__pycache__")
    )
    (copy / "sources" / "typical" / "typical_odbl.json").unlink()
    forecast = tmp_path / "de.csv"
    forecast.write_text("start;intensity\n01.01.2099 12:00;1\n01.01.2099 13:00;2\n")
    code = f"""
import warnings
from datetime import datetime, timedelta, timezone
from carbonaware_prefect import carbonaware_delay_decorator
from carbonaware_prefect.core import Interval
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.wiring.catalogue import entries, open_source
warnings.simplefilter("error")
for zone in ("DE", "GB"):
    carbonaware_delay_decorator(timedelta(hours=1), timedelta(hours=1), zone=zone)
noon = datetime(2099, 1, 1, 12, tzinfo=timezone.utc)
asked = Interval(noon - timedelta(hours=1), noon)
for source in ("typical", "file:{forecast}"):
    print(open_source(source, Settings.read()).fetch("DE", asked).zone)
print(len(entries(Settings.read())[-1].info.zones) > 50)
"""
    for said in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=os.environ | {"CARBONAWARE_TYPICAL_ODBL": said},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.split() == ["DE", "DE", "True"], done.stderr


def test_who_is_credited_without_the_odbl() -> None:
    """Nobody whose data is left out; and a zone says that its table is."""
    free = TypicalTables(odbl=False)

    about = describe(tables=free)

    assert "Electricity Maps" not in about.attribution
    assert "ODbL" not in about.licence
    assert "ODbL" in describe().licence
    assert (free.why_not("GB") or "").startswith("CARBONAWARE_TYPICAL_ODBL leaves its")


def test_parts_of_sweden() -> None:
    """SE-SE3 has days of its own, the others the country's, each under its own name."""
    tables = TypicalTables()
    north, capital = tables.days_of("SE-SE1"), tables.days_of("SE-SE3")
    country = tables.days_of("SE")

    assert north is not None
    assert isinstance(country, TypicalDays)
    assert north == replace(country, zone="SE-SE1")
    assert isinstance(capital, TypicalDays)
    assert capital.grams != country.grams
    without = TypicalTables(odbl=False).days_of("SE-SE3")
    assert without == replace(country, zone="SE-SE3")


@pytest.mark.parametrize(
    ("zone", "why"),
    [
        ("GB", None),
        ("AE", None),
        ("HK", "the sun makes 0.2% of its energy"),
        ("MY-WM", "its own yearly mix is not known"),
    ],
)
def test_why_a_zone_has_none(zone: str, why: str | None) -> None:
    """Each zone says what it lacks."""
    said = TypicalTables().why_not(zone)

    assert (said is None) if why is None else (said is not None and why in said)


def test_settings_say_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, an empty one for none, and whether the ODbL is welcome."""
    monkeypatch.setenv("CARBONAWARE_TYPICAL_DIR", str(tmp_path))
    monkeypatch.setenv("CARBONAWARE_TYPICAL_ODBL", "0")
    assert TypicalTables.of(Settings.read()) == TypicalTables(folder=tmp_path, odbl=False)

    monkeypatch.setenv("CARBONAWARE_TYPICAL_DIR", "")
    monkeypatch.delenv("CARBONAWARE_TYPICAL_ODBL")
    assert TypicalTables.of(Settings.read()) == TypicalTables(folder=None, odbl=True)

    monkeypatch.delenv("CARBONAWARE_TYPICAL_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = TypicalTables.of(Settings.read()).folder
    assert folder == tmp_path / "carbonaware-prefect" / "typical"


@pytest.mark.parametrize("name", ["typical.json", "typical_odbl.json"])
def test_shipped_tables_are_worth_it(name: str) -> None:
    """Whole, credited, and better than starting at once on hours they had not seen."""
    text = FOLDER.joinpath(name).read_text(encoding="utf-8")
    for zone in zones_in(text):
        days = parse(text, zone, name=name)
        assert days is not None
        assert days.source
        assert days.built
        assert days.held_out
        assert days.trial[24].kept >= 0.25, zone
        assert days.trial[24].worse <= 0.25, zone
        assert all(grams > 0 for month in days.grams for day in month for grams in day)


def test_what_the_shipped_tables_keep() -> None:
    """On average two thirds of what is possible, with at most 12 % of the jobs worse."""
    found = [days for zone in module._zones_of("odbl") if (days := _shipped(zone))]
    kept = [days.trial[24] for days in found]

    assert sum(each.kept for each in kept) / len(kept) >= 0.66
    assert sum(each.worse for each in kept) / len(kept) <= 0.12
    (dutch,) = [days for days in found if days.zone == "NL"]
    assert dutch.trial[24].kept >= 0.6


def _shipped(zone: str) -> TypicalDays | None:
    return TypicalTables().shipped(zone)


def test_what_must_not_be_shipped_is_not() -> None:
    """Queensland's data is not free for all uses, and one Dutch source knows no sun."""
    text = FOLDER.joinpath("typical.json").read_text(encoding="utf-8")

    assert "AU-QLD" not in zones_in(text)
    assert "NL" not in zones_in(text)
    assert "OpenNEM" not in text


def test_the_inferred_licences_stand_together() -> None:
    """At the end of the file, so that they can be taken out as one."""
    text = FOLDER.joinpath("typical_odbl.json").read_text(encoding="utf-8")
    licences = [days.licence for zone in zones_in(text) if (days := _shipped(zone))]

    assert set(licences) == {"ODbL 1.0", "ODbL 1.0 (inferred)"}
    assert licences == sorted(licences)
    assert '"attribution": "Contains information from Electricity Maps' in text


def test_reading_a_zone_is_fast() -> None:
    """The last zone of the larger file is read in 2 ms, the best of some."""

    def once() -> float:
        module._shipped.cache_clear()
        begin = time.perf_counter()
        assert TypicalTables().shipped("US-SW-AZPS") is not None
        return time.perf_counter() - begin

    assert min(once() for _ in range(20)) < 0.002


def test_importing_loads_no_table() -> None:
    """A process that never asks pays nothing."""
    code = (
        "import carbonaware_prefect.sources.typical as t;"
        "from carbonaware_prefect.sources.typical import tables as m;"
        "caches = (m._shipped, m._zones_of, m._mixes);"
        "print([each.cache_info().currsize for each in caches])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[0, 0, 0]"
