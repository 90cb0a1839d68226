from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from carbonaware_prefect.clouds.places import (
    Place,
    known_zones,
    regions,
    resolve_place,
    resolve_zone,
)
from carbonaware_prefect.errors import UnknownPlaceError
from carbonaware_prefect.sources.typical import TypicalTables
from carbonaware_prefect.sources.typical import known_zones as zones_with_typical_days

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("provider", "region", "zone"),
    [
        ("gcp", "us-central1", "US-MIDW-MISO"),
        ("aws", "eu-north-1", "SE-SE3"),
        ("azure", "westeurope", "NL"),
        (" AWS ", "US-East-1\n", "US-MIDA-PJM"),
        ("Azure", "West Europe", "NL"),
        (None, "us-central1", "US-MIDW-MISO"),
        ("", "germanywestcentral", "DE"),
        ("aws", "us-east-1a", "US-MIDA-PJM"),
        (None, "us-east-1a", "US-MIDA-PJM"),
        ("gcp", "us-central1-a", "US-MIDW-MISO"),
    ],
)
def test_a_region_has_a_zone(provider: str | None, region: str, zone: str) -> None:
    """A region, written in any of the usual ways, leads to its grid zone."""
    assert zone == resolve_zone(provider, region)


def test_a_place_says_provider_and_region_as_the_map_does() -> None:
    """What was implied or written otherwise comes back in the map's words."""
    expected = Place(provider="aws", region="us-east-1", zone="US-MIDA-PJM")
    assert expected == resolve_place(region="US-EAST-1b")


def test_a_zone_wins() -> None:
    """A zone given directly counts, whatever provider and region say."""
    assert resolve_zone("gcp", "nowhere", "DE") == "DE"


def test_a_zone_need_not_be_in_the_map() -> None:
    """A zone that some source may know passes, although no region lies in it."""
    assert resolve_zone(zone="GB-ORK") == "GB-ORK"


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_nothing_said_is_no_place(nothing: str | None) -> None:
    """Without any word on the place there is none, and that is no error."""
    assert resolve_place(nothing, nothing, nothing) is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"provider": "aws"}, ["aws", "region", "zone='DE'"]),
        ({"provider": "asw", "region": "us-east-1"}, ["asw", "aws, azure, gcp"]),
        ({"region": "us-esat-1"}, ["us-esat-1", "'us-east-1'", "zone='DE'"]),
        ({"provider": "aws", "region": "us-central1"}, ["'gcp' has it", "MISO"]),
        ({"provider": "aws", "region": "us-west-2-lax-1a"}, ["zone='DE'"]),
        ({"zone": "us-cal-ciso"}, ["us-cal-ciso", "'US-CAL-CISO'"]),
        ({"zone": "Deutschland"}, ["Deutschland", "Electricity Maps"]),
        ({"zone": 5}, ["zone must be a string", "5"]),
        ({"provider": b"aws"}, ["provider must be a string"]),
        ({"region": 1.5}, ["region must be a string"]),
        ({"region": "zzz"}, ["known are af-south-1", "..."]),
    ],
)
def test_an_unknown_place_is_explained(said: dict[str, Any], words: list[str]) -> None:
    """The message says what was given, what comes near, and the way out."""
    with pytest.raises(UnknownPlaceError) as caught:
        resolve_place(**said)
    assert [word for word in words if word not in str(caught.value)] == []


def test_an_unknown_place_is_a_value_error() -> None:
    """Callers that know only the built-in errors can catch it."""
    with pytest.raises(ValueError, match="unknown region"):
        resolve_zone(region="moon")


def test_the_map_is_whole() -> None:
    """Every row has a provider, region, zone and source, and no two share a name."""
    names = [row.region for row in regions()]
    assert len(names) == len(set(names))
    assert len(names) > 150
    assert {row.provider for row in regions()} == {"aws", "azure", "gcp"}
    assert all(row.location and row.source.startswith("zone:") for row in regions())
    assert all(resolve_zone(row.provider, row.region) == row.zone for row in regions())
    assert all(resolve_zone(zone=row.zone) == row.zone for row in regions())


def test_zones_with_tables_are_known() -> None:
    """The two lists of zones, which may not import one another, agree."""
    tables = {zone for zone in zones_with_typical_days() if TypicalTables().shipped(zone)}

    assert tables <= set(known_zones())


def test_regions_are_derived(tmp_path: Path) -> None:
    """The script keeps clouds we know, and for each row what it rests on."""
    full = tmp_path / "full.csv"
    header = "provider,region,location,electricitymaps_zone,watttime_region,source\n"
    row = '{},"zone:{};wt:gsf;avg:google(x);note:a; b;lic:emdc=A,eco=MIT,google=G"\n'
    full.write_text(
        header
        + row.format("gcp,r1,Here,DE,DE_1", "emdc!=FR+eco")
        + row.format("ovh,r2,There,FR,FR_1", "emdc")
        + row.format("azure,r3,Beijing,CN,CHN", "emdc"),
        encoding="utf-8",
    )
    script, out = ROOT / "scripts" / "build_regions.py", tmp_path / "out.csv"
    subprocess.run([sys.executable, script, full, "--output", out], check=True)
    with out.open(encoding="utf-8", newline="") as file:
        rows = [(r["region"], r["zone"], r["source"]) for r in csv.DictReader(file)]
    assert rows == [
        ("r3", "CN", "zone:inferred-from-location;wt:gsf;note:a; b"),
        ("r1", "DE", "zone:eco;checked:emdc!=FR;wt:gsf;note:a; b;lic:eco=MIT"),
    ]
