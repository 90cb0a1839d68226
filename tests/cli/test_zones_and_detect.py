"""``carbonaware-prefect zones`` and ``detect``: what there is, and where we are."""

from __future__ import annotations

from pathlib import Path

import pytest

from carbonaware_prefect.clouds import detection
from tests.cli.running import command, on_lambda

KEY = "em-KEY-7f3a9c"


def test_all_zones() -> None:
    """The table holds every zone, and says what the unusable sources need."""
    done = command("zones")

    assert done.status == 0
    for word in ("DE ", "US-CAL-CISO", "typical", "(electricity_maps)"):
        assert word in done.out
    assert "needs CARBONAWARE_ELECTRICITY_MAPS_KEY" in " ".join(done.out.split())


def test_json() -> None:
    """The document says for each zone its regions, its sources and what they lack."""
    (row,) = (document := command("zones", "--zone", "DE", "--json").json)["zones"]
    sources = {source["name"]: source for source in row["sources"]}

    assert {*document} == {"zones", "sources"}
    assert {*row} == {"zone", "usable", "typical", "regions", "sources"}
    assert row["typical"] == {"kind": "odbl", "why_not": None}
    assert row["usable"] is True
    assert {"provider": "aws", "region": "eu-central-1"}.items() <= row["regions"][
        0
    ].items()
    assert sources["typical"]["usable"] is True
    assert sources["electricity_maps"] == {
        "name": "electricity_maps",
        "usable": False,
        "missing": "CARBONAWARE_ELECTRICITY_MAPS_KEY",
    }


def test_why_a_zone_has_no_typical_days() -> None:
    """A zone without a table that the sun does not rule says so, in both forms."""
    why = "wind and water make 23% of its energy, more than 20 %"
    (china,) = command("zones", "--zone", "CN", "--json").json["zones"]
    (dubai,) = command("zones", "--zone", "AE", "--json").json["zones"]

    assert china["typical"]["kind"] is None
    assert why in china["typical"]["why_not"]
    assert why in " ".join(command("zones", "--zone", "CN").out.split())
    assert dubai["typical"] == {"kind": "sun", "why_not": None}
    assert "typical (sun)" in " ".join(command("zones", "--zone", "AE").out.split())


def test_a_key_makes_its_source_usable_and_is_not_shown() -> None:
    """With the key set the source is usable; no output holds the key."""
    environment = {"CARBONAWARE_ELECTRICITY_MAPS_KEY": KEY}
    for name in ("zones", "detect"):
        for more in ([], ["--json"]):
            done = command(name, *more, env=environment)
            assert done.status == 0
            assert KEY not in done.out + done.err
    document = command("zones", "--zone", "AE", "--json", env=environment).json

    assert document["zones"][0]["usable"] is True
    assert "(not shown)" in command("detect", env=environment).out


def test_zones_of_a_provider() -> None:
    """Only zones with a region of that provider, and only its regions."""
    rows = command("zones", "--provider", "AWS", "--json").json["zones"]

    assert {region["provider"] for row in rows for region in row["regions"]} == {"aws"}
    assert all(row["regions"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--provider", "awss"], "'aws'"), (["--zone", "de"], "'DE'")],
)
def test_bad_input(arguments: list[str], words: str) -> None:
    """An unknown provider or zone is a usage error with what is near."""
    done = command("zones", *arguments)

    assert (done.status, done.out) == (2, "")
    assert words in done.err


def test_detection_switched_off() -> None:
    """Nothing is probed, and the place is what the environment says, or none."""
    said = command("detect", env={"CARBONAWARE_ZONE": "DE"})
    document = command("detect", "--json").json

    assert said.status == 0
    assert "Used: zone DE, as the environment says" in said.out
    assert document["detection"] is None
    assert document["environment"]["CARBONAWARE_DETECT"] == "0"
    assert (document["used"]["zone"], document["used"]["place_said_by"]) == (None, "nobody")


def test_detection(lambda_in_frankfurt: None) -> None:
    """What a platform's own variables say is found, without asking any network."""
    environment = {"CARBONAWARE_DETECT": "1"}
    document = command("detect", "--json", env=environment).json
    shown = command("detect", env=environment).out

    assert {*document} == {"environment", "detection", "used"}
    assert {*document["detection"]} == {
        "verdict", "sentence", "provider", "region", "probes",
    }  # fmt: skip
    assert document["detection"]["verdict"] == "found"
    assert "metadata" not in {probe["step"] for probe in document["detection"]["probes"]}
    assert document["used"] == {
        "zone": "DE", "provider": "aws", "region": "eu-central-1",
        "place_said_by": "detection",
    }  # fmt: skip
    assert "AWS Lambda" in shown
    assert "Used: zone DE (aws eu-central-1), as detected" in shown


def test_what_was_said_wins_over_what_was_found(lambda_in_frankfurt: None) -> None:
    """The environment's zone is used; the finding is shown all the same."""
    environment = {"CARBONAWARE_DETECT": "1", "CARBONAWARE_ZONE": "FR"}
    document = command("detect", "--json", env=environment).json

    assert document["detection"]["region"] == "eu-central-1"
    assert (document["used"]["zone"], document["used"]["place_said_by"]) == (
        "FR", "environment",
    )  # fmt: skip


def test_narrow_terminal() -> None:
    """No line is longer than the terminal is wide."""
    for name in ("zones", "detect"):
        done = command(name, env={"COLUMNS": "40"})
        assert max(map(len, done.out.splitlines())) <= 40


@pytest.fixture
def lambda_in_frankfurt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Detection sees AWS Lambda, whatever this machine is."""
    monkeypatch.setattr(detection, "_THIS_PROCESS", on_lambda(tmp_path))
