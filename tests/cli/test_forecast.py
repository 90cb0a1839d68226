"""``carbonaware-prefect forecast``: offline, from files, from an API, and what may fail."""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cli.running import HOUR, command, forecast_file, this_hour
from tests.sources.contract.server import Reply, json_reply, serve
from tests.warm import python

SVG = "{http://www.w3.org/2000/svg}"


def test_offline_and_without_a_home(tmp_path: Path) -> None:
    """Typical days need no network, no key and no writable home; nothing is coloured."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "HOME": str(tmp_path / "nowhere"),
        "CARBONAWARE_DETECT": "0",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    ask = ["forecast", "--zone", "DE", "--source", "typical"]
    done = subprocess.run(
        [python(), "-m", "carbonaware_prefect", *ask],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "zone DE" in done.stdout
    assert "Source: Typical days (typical), average intensity" in done.stdout
    assert "Licence: ODbL 1.0" in done.stdout
    assert "\x1b" not in done.stdout


def test_json() -> None:
    """The document says all that the table does, with every interval, in UTC."""
    done = command(
        "forecast", "--zone", "DE", "--source", "typical", "--hours", "5", "--json"
    )

    assert done.status == 0
    assert {*done.json} == {
        "zone", "provider", "region", "place_said_by", "unit", "asked", "source",
        "intervals",
    }  # fmt: skip
    assert {*done.json["source"]} == {
        "name", "title", "signal", "issued_at", "age_seconds", "attribution", "licence",
        "url", "notes", "failed",
    }  # fmt: skip
    starts = [interval["start"] for interval in done.json["intervals"]]
    assert starts == [f"{this_hour() + i * HOUR:%Y-%m-%dT%H:%M:%SZ}" for i in range(5)]
    assert all(interval["gco2_per_kwh"] > 0 for interval in done.json["intervals"])
    assert (done.json["zone"], done.json["place_said_by"]) == ("DE", "options")


def test_a_cloud_region_is_a_place() -> None:
    """Provider and region lead to the zone, from options or from the environment."""
    ask = ("forecast", "--json", "--hours", "1")
    said = command(*ask, "--provider", "aws", "--region", "eu-central-1").json
    environment = {"CARBONAWARE_PROVIDER": "aws", "CARBONAWARE_REGION": "eu-central-1"}
    found = command(*ask, env=environment).json

    assert (said["zone"], said["region"]) == ("DE", "eu-central-1")
    assert found == {**said, "place_said_by": "environment"}


def test_a_gap_is_shown_as_one(tmp_path: Path) -> None:
    """An hour that the file leaves out is neither a number nor a bar."""
    file = forecast_file(tmp_path / "f.json")
    done = command("forecast", "--source", f"file:{file}", "--hours", "6")
    hour = f"{this_hour() + 2 * HOUR:%a %d %b %H:%M}"
    (row,) = [line for line in done.out.splitlines() if line.startswith(hour)]

    assert row.split()[-3:] == ["-", "not", "known"]
    assert "·" in done.out
    assert "lowest" in done.out
    assert "zone DE" in done.out


def test_a_file_says_its_own_place(tmp_path: Path) -> None:
    """Without a place of ours the zone is the file's, or none."""
    file = forecast_file(tmp_path / "f.json", issued_at=f"{this_hour():%Y-%m-%dT%H:%MZ}")
    other = forecast_file(tmp_path / "g.json", zone=None, signal="marginal")
    ask = ("forecast", "--json", "--source")
    said, unsaid = command(*ask, f"file:{file}").json, command(*ask, f"file:{other}").json

    assert (said["zone"], said["place_said_by"]) == ("DE", "source")
    assert said["source"]["issued_at"] == f"{this_hour():%Y-%m-%dT%H:%M:%SZ}"
    assert (unsaid["zone"], unsaid["source"]["signal"]) == (None, "marginal")


def test_fine_steps_become_hours(tmp_path: Path) -> None:
    """The table holds means of hours, the document every step."""
    start, minutes = this_hour(), timedelta(minutes=5)
    points = [[(start + i * minutes).isoformat(), 100 + i % 12] for i in range(36)]
    file = tmp_path / "f.json"
    file.write_text(json.dumps({"zone": "DE", "points": points}))
    ask = ("forecast", "--source", f"file:{file}", "--hours", "3")
    table = [line for line in command(*ask).out.splitlines() if " 106" in line]

    assert len(table) == 3
    assert len(command(*ask, "--json").json["intervals"]) == 36


def test_an_api_answers_or_fails() -> None:
    """A source that fails is named with its reason; the next one answers."""
    start = int(this_hour().timestamp())
    payload = {
        "unix_seconds": [start + i * 900 for i in range(96)],
        "co2eq": [None] * 96,
        "co2eq_forecast": [200 + i for i in range(96)],
    }
    ask = ("forecast", "--zone", "DE", "--source", "energy_charts,typical", "--json")
    with serve() as api:
        environment = {"CARBONAWARE_ENERGY_CHARTS_URL": api.url}
        api.answer = lambda _: json_reply(payload)
        good = command(*ask, env=environment).json["source"]
        api.answer = lambda _: Reply(status=404)
        environment["CARBONAWARE_ENERGY_CHARTS_URL"] = f"{api.url}/other"
        bad = command(*ask, env=environment).json["source"]
        plain = command(*ask[:-1], env=environment).out

    assert (good["name"], good["licence"], good["failed"]) == (
        "energy_charts", "CC BY 4.0", [],
    )  # fmt: skip
    assert bad["name"] == "typical"
    assert [failure["source"] for failure in bad["failed"]] == ["energy_charts"]
    assert "Failed: energy_charts: " in plain


def test_svg_is_well_formed_and_complete(tmp_path: Path) -> None:
    """The chart has a title, units, the credit, and a line for each stretch."""
    file = forecast_file(tmp_path / "f.json")
    svg = tmp_path / "chart.svg"
    done = command("forecast", "--source", f"file:{file}", "--hours", "8", "--svg", svg)
    root = ET.fromstring(svg.read_text(encoding="utf-8"))  # noqa: S314  our own
    texts = [element.text or "" for element in root.iter(f"{SVG}text")]

    assert done.status == 0
    # A narrow terminal breaks the path.
    assert str(svg) in "".join(done.out.split())
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "Carbon intensity forecast, zone DE"
    assert "Between 100 and 400" in (root.findtext(f"{SVG}desc") or "")
    assert len(root.findall(f"{SVG}polyline")) == 2
    assert {"gCO2eq/kWh", "Time in UTC", "400"} <= {*texts}
    assert any(text.startswith("Source: file") for text in texts)
    assert "http" not in svg.read_text().replace("http://www.w3.org/2000/svg", "")


def test_svg_that_cannot_be_written(tmp_path: Path) -> None:
    """A folder that does not exist is a failure with the reason, and prints no table."""
    done = command("forecast", "--zone", "DE", "--svg", tmp_path / "no" / "chart.svg")

    assert (done.status, done.out) == (1, "")
    assert "No such file" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--zone", "de"], "'DE'"),
        (["--zone", "US-CAL-CISOO"], "US-CAL-CISO"),
        (["--zone", "ZZ"], "carbonaware-prefect zones"),
        (["--region", "eu-centrl-1"], "eu-central-1"),
        (["--provider", "awz", "--region", "eu-central-1"], "aws"),
        (["--zone", "DE", "--source", "typcal"], "typical"),
        (["--zone", "DE", "--source", "file:"], "file:PATH"),
        (["--zone", "DE", "--hours", "0"], "--hours"),
        ([], "--zone"),
    ],
)
def test_bad_input(arguments: list[str], words: str) -> None:
    """What cannot be meant is a usage error that says what could be."""
    done = command("forecast", *arguments)

    assert (done.status, done.out) == (2, "")
    assert words in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--zone", "CN"], "wind and water make 23% of its energy"),
        (["--zone", "DE", "--source", "file:/nowhere.csv"], "/nowhere.csv"),
        (["--zone", "DE", "--source", "electricity_maps"], "ELECTRICITY_MAPS_KEY"),
    ],
)
def test_no_forecast(arguments: list[str], words: str) -> None:
    """Where nobody knows, the command fails and says why, also when asked for JSON."""
    for more in ([], ["--json"]):
        done = command("forecast", *arguments, *more)

        assert (done.status, done.out) == (1, "")
        assert words in done.err


def test_bad_environment() -> None:
    """A variable with a value that is not allowed is named."""
    done = command("forecast", "--zone", "DE", env={"CARBONAWARE_WINDOW": "6"})

    assert done.status == 2
    assert "CARBONAWARE_WINDOW" in done.err


@pytest.mark.parametrize("columns", [40, 60, 100])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_it_fits_the_terminal(columns: int, zone: str) -> None:
    """No line is longer than the terminal is wide, and no row of the table is broken."""
    env = {"COLUMNS": str(columns), "TZ": zone}
    done = command("forecast", "--zone", "US-CAL-CISO", env=env)
    lines = done.out.splitlines()
    local = "" if zone == "UTC" else r"   \d\d:30"
    row = re.compile(rf"\w{{3}} (\d\d \w{{3}} )?\d\d:00{local} +\d+")

    assert max(map(len, lines)) <= columns
    assert len([line for line in lines if row.match(line)]) == 24
