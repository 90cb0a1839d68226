"""The report on a scripted day: every number as computed by hand."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.cli.running import Done, command
from tests.prefect_server.server import Server
from tests.prefect_server.world import World
from tests.reports.scripted import Told, labels, write_runs

pytestmark = pytest.mark.server

_PAGE = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
EXAMPLE = _PAGE.partition("## An example")[2].split("```text\n")[1].split("\n```")[0]
# Clocks in Berlin go from 02:00 to 03:00 that night.
DAY = datetime(2024, 3, 31, tzinfo=timezone.utc)
# Of each hour in UTC. That of 16:00 is missing, for 18:00 there are two.
MEASURED = [
    100, 110, 120, 130, 140, 150, 160, 170, 400, 380, 360, 340,
    320, 300, 280, 260, None, 240, (220, 230), 200, 180, 160, 140, 120,
]  # fmt: skip
WINTER, SUMMER = timezone(timedelta(hours=1)), timezone(timedelta(hours=2))


def at(clock: str) -> datetime:
    """A time of that day, ``13:00`` or ``13:00:20``."""
    hours, minutes, *seconds = (int(part) for part in clock.split(":"))
    return DAY + timedelta(hours=hours, minutes=minutes, seconds=sum(seconds))


def told(name: str, nominal: str, states: str, **record: Any) -> Told:
    """A run; ``states`` as in ``13:00 RUNNING, 15:00 COMPLETED``."""
    parts = [part.split() for part in states.split(", ")]
    return Told(
        name,
        at(nominal),
        [(at(clock), words) for clock, words in parts],
        labels(**{"nominal_start": at(nominal), **record}),
    )


def moved(name: str, nominal: str, slot: str, states: str, **record: Any) -> Told:
    """A run that the planner moved, as it says an hour before."""
    usual = {
        "slot_start": at(slot),
        "decided_at": at(nominal) - timedelta(hours=1),
        "decided_by": "planner",
        "reason": "cleaner_slot",
        "zone": "DE",
        "source": "electricity_maps",
        "signal": "average",
        "intensity_nominal": 300.0,
        "intensity_slot": 200.0,
        "saving_percent": 33.3,
        "moves": 1,
    }
    return told(name, nominal, states, **usual | record)


def kept(name: str, nominal: str, states: str, **record: Any) -> Told:
    """A run that the planner left where it was."""
    usual = {"reason": "cleanest_now", "moves": 0, "saving_percent": 0.0}
    return moved(name, nominal, nominal, states, **usual | record)


RUNS = [
    moved("planned", "08:00", "13:00", "13:00 RUNNING, 15:00 COMPLETED"),
    kept("kept", "10:00", "10:00 RUNNING, 11:00 COMPLETED"),
    moved("worse", "04:00", "09:00", "09:00 RUNNING, 10:00 FAILED"),
    moved(
        "delayed",
        "08:00",
        "12:00",
        "08:00 RUNNING, 08:00:10 SCHEDULED, 12:00:20 RUNNING, 13:00:20 COMPLETED",
        decided_by="task",
        decided_at=at("08:00:10"),
    ),
    moved(
        "waited in process",
        "08:00",
        "13:00",
        "08:00 RUNNING, 14:00 COMPLETED",
        decided_by="in_process",
        decided_at=at("08:00:10"),
        moves=0,
    ),
    moved(
        "retried",
        "08:00",
        "19:00",
        "19:00 RUNNING, 19:30 SCHEDULED:AwaitingRetry, 20:00 RUNNING, 20:30 COMPLETED",
    ),
    kept("paused", "21:00", "21:00 RUNNING, 21:30 PAUSED, 22:00 RUNNING, 22:30 COMPLETED"),
    moved("cancelled", "08:00", "20:00", "07:00 SCHEDULED, 09:00 CANCELLED"),
    moved("crashed", "09:00", "20:00", "20:00 RUNNING, 20:15 CRASHED"),
    moved(
        "night of the clocks",
        "00:30",
        "01:30",
        "01:30 RUNNING, 02:30 COMPLETED",
        nominal_start=at("00:30").astimezone(WINTER),
        slot_start=at("01:30").astimezone(SUMMER),
    ),
    kept(
        "no forecast",
        "07:00",
        "07:00 RUNNING, 08:00 COMPLETED",
        reason="no_forecast",
        source=None,
        intensity_nominal=None,
        intensity_slot=None,
        saving_percent=None,
    ),
    moved("gap", "08:00", "16:00", "16:00 RUNNING, 17:00 COMPLETED"),
    moved("revised", "08:00", "18:00", "18:00 RUNNING, 19:00 COMPLETED"),
    moved("waiting", "08:00", "23:00", "07:00 SCHEDULED"),
    moved("under way", "08:00", "20:00", "20:00 RUNNING"),
    moved(
        "replanned",
        "08:00",
        "21:00",
        "21:00 RUNNING, 22:00 COMPLETED",
        moves=3,
        restored_from="another",
        energy_kwh="0.5",
        units=20,
    ),
    moved(
        "overridden",
        "08:00",
        "20:00",
        "11:00 RUNNING, 12:00 COMPLETED",
        reason="overridden",
    ),
    Told("unlabelled", at("08:00"), [(at("08:00"), "RUNNING"), (at("09:00"), "COMPLETED")]),
    told("garbled", "08:00", "08:00 RUNNING, 09:00 COMPLETED", decided_at="yesterday"),
]
# Nobody measures marginal intensities.
ELSEWHERE = [
    moved(
        "as promised",
        "08:00",
        "12:00",
        "12:01 RUNNING, 13:00 COMPLETED",
        zone="US-CAL-CISO",
        source="watttime",
        signal="marginal",
        intensity_nominal=500.0,
        intensity_slot=400.0,
    ),
    moved(
        "late",
        "08:00",
        "12:00",
        "14:00 RUNNING, 15:00 COMPLETED",
        zone="US-CAL-CISO",
        source="watttime",
        signal="marginal",
    ),
    Told("null", at("08:00"), [(at("08:00"), "RUNNING")], {"mine": None}),
]
# name: nominal, actual in g/kWh.
BY_HAND = {
    "planned": ((400 + 380) / 2, (300 + 280) / 2),
    "kept": (360, 360),
    "worse": (140, 380),
    "delayed": (400, (3580 * 320 + 20 * 300) / 3600),
    "waited in process": (400, 300),
    "retried": ((400 + 380) / 2, (200 + 180) / 2),
    "paused": ((160 + 140) / 2, (160 + 140) / 2),
    "crashed": (380, 180),
    "night of the clocks": ((100 + 110) / 2, (110 + 120) / 2),
    "no forecast": (170, 170),
    "replanned": (400, 160),
    "overridden": (400, 340),
}
HOURS = dict.fromkeys(BY_HAND, 1.0) | {"planned": 2.0, "crashed": 0.25}
MOVED = BY_HAND.keys() - {"kept", "paused", "no forecast"}


@pytest.fixture(scope="module")
def script(
    server: Server, world: World, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The runs on a server, and what was measured; the environment of the command."""
    folder = tmp_path_factory.mktemp("report")
    env = {"env": {"CARBONAWARE_POWER": "400W"}}
    here = world.deploy(
        "delayed.py:delayed_job", name="here", job_variables=env, tags=["carbon-aware"]
    )
    there = world.deploy("delayed.py:delayed_job", name="there")
    write_runs(server, here, RUNS)
    write_runs(server, there, ELSEWHERE)
    lines = ["start,gco2_per_kwh"]
    for hour, grams in enumerate(MEASURED):
        each = grams if isinstance(grams, tuple) else (grams,)
        lines += [
            f"{DAY + timedelta(hours=hour):%Y-%m-%dT%H:%MZ},{value}"
            for value in each
            if value is not None
        ]
    (folder / "measured.csv").write_text("\n".join(lines))
    return {"PREFECT_API_URL": server.api, "CARBONAWARE_CACHE_DIR": "", "HERE": str(folder)}


def reported(script: dict[str, str], *options: str) -> Done:
    """The command over that day."""
    day = ["--since", "2024-03-31", "--until", "2024-04-01"]
    measured = ["--history", f"DE={script['HERE']}/measured.csv"]
    with temporary_settings({PREFECT_API_URL: script["PREFECT_API_URL"]}):
        done = command("report", *day, *measured, *options, env=script)
    assert done.status == 0, done.err
    return done


@pytest.fixture(scope="module")
def document(script: dict[str, str]) -> dict[str, Any]:
    """The report as JSON."""
    done = reported(script, "--format", "json", "--functional-unit", "image")
    found: dict[str, Any] = done.json
    return found


@pytest.fixture(scope="module")
def rows(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Its runs by name."""
    found = {run["name"]: run for run in document["runs"]}
    assert len(found) == len(document["runs"]), "a run is there twice"
    return found


@pytest.mark.parametrize("name", BY_HAND)
def test_run_is_settled_as_by_hand(name: str, rows: dict[str, dict[str, Any]]) -> None:
    """Intensities, saving, energy and grams of each run."""
    nominal, actual = BY_HAND[name]
    kwh = 0.5 if name == "replanned" else 0.4 * HOURS[name]
    run = rows[name]

    assert run["grade"] == "measured"
    assert run["source"] == "file"
    assert run["nominal"] == pytest.approx(nominal, rel=1e-12)
    assert run["actual"] == pytest.approx(actual, rel=1e-12)
    assert run["saving_percent"] == pytest.approx(100 * (1 - actual / nominal))
    assert run["hours"] == pytest.approx(HOURS[name])
    assert run["energy_kwh"] == pytest.approx(kwh)
    assert run["energy_by"] == ("label" if name == "replanned" else "power")
    assert run["grams"] == pytest.approx(kwh * actual)
    assert run["grams_nominal"] == pytest.approx(kwh * nominal)
    assert run["moved"] == (name in MOVED)
    assert run["worse"] == (name in {"worse", "night of the clocks"})


def test_what_has_no_numbers(rows: dict[str, dict[str, Any]]) -> None:
    """Runs that did not work, and those of which nobody knows enough."""
    fates = {
        "cancelled": "never_worked",
        "waiting": "waiting",
        "under way": "under_way",
        "gap": "worked",
        "revised": "worked",
        "late": "worked",
    }
    numbers = ("nominal", "actual", "saving_percent", "grams", "grams_nominal")

    assert fates == {name: rows[name]["fate"] for name in fates}
    assert all(rows[name][number] is None for name in fates for number in numbers)
    assert {"gap", "revised", "late"} == {
        name for name, run in rows.items() if run["grade"] == "unknown"
    }


def test_nobody_measured_it(rows: dict[str, dict[str, Any]]) -> None:
    """What was forecast stands where nobody measures, and is marked as such."""
    run = rows["as promised"]

    assert (run["nominal"], run["actual"]) == (500.0, 400.0)
    assert run["saving_percent"] == pytest.approx(20)
    assert (run["grade"], run["signal"], run["source"]) == (
        "forecast",
        "marginal",
        "watttime",
    )


def test_each_run_is_counted_once(document: dict[str, Any]) -> None:
    """Under what became of it; those without a record beside them."""
    total = document["total"]
    fates = ("worked", "under_way", "waiting", "never_worked", "unreadable")
    by_hand = {
        "runs": 19,
        "worked": 16,
        "under_way": 1,
        "waiting": 1,
        "never_worked": 1,
        "unreadable": 0,
        "unknown": 3,
        "no_record": 2,
        "overridden": 1,
        "replanned": 1,
        "restored": 1,
    }

    assert by_hand == {name: total[name] for name in by_hand}
    assert len(document["runs"]) == total["runs"] == sum(total[fate] for fate in fates)
    assert total["worked"] == total["unknown"] + sum(
        part["runs"] for part in total["intensities"]
    )
    assert document["unreadable"] == 1


def test_totals_are_as_by_hand(document: dict[str, Any]) -> None:
    """Of the runs that were measured, of all deployments and of theirs."""
    (here,) = (d for d in document["deployments"] if d["deployment"] == "here")
    (sums,) = (p for p in here["intensities"] if p["grade"] == "measured")
    weight = sum(HOURS.values())
    nominal = sum(pair[0] for pair in BY_HAND.values()) / len(BY_HAND)
    actual = sum(pair[1] for pair in BY_HAND.values()) / len(BY_HAND)
    by_hours = [
        sum(HOURS[name] * pair[i] for name, pair in BY_HAND.items()) for i in (0, 1)
    ]

    assert (
        sums["runs"], sums["moved"], sums["worse"], sums["with_energy"],
    ) == (12, 9, 2, 12)  # fmt: skip
    assert sums["hours"] == pytest.approx(weight)
    assert sums["nominal"] == pytest.approx(nominal)
    assert sums["actual"] == pytest.approx(actual)
    assert sums["saving_percent"] == pytest.approx(100 * (1 - actual / nominal))
    assert sums["saving_by_duration_percent"] == pytest.approx(
        100 * (1 - by_hours[1] / by_hours[0])
    )
    # All energies are by 400 W for their hours, but that of one, which measured 0.5 kWh.
    assert sums["energy_kwh"] == pytest.approx(0.4 * (weight - 1) + 0.5)
    assert sums["grams"] == pytest.approx(0.4 * by_hours[1] + 0.1 * 160)
    assert sums["grams_nominal"] == pytest.approx(0.4 * by_hours[0] + 0.1 * 400)
    # The one run that says how many images it made.
    assert document["total"]["sci"] == {
        "functional_unit": "image",
        "units": 20,
        "grams_per_unit": pytest.approx(0.5 * 160 / 20),
    }


def test_csv_has_the_same_runs(script: dict[str, str], document: dict[str, Any]) -> None:
    """In a file, one line for each."""
    path = Path(script["HERE"]) / "report.csv"
    done = reported(script, "--format", "csv", "--out", str(path))
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))

    assert done.out == ""
    assert [run["name"] for run in document["runs"]] == [line["name"] for line in lines]
    assert [json.dumps(run["actual"]) for run in document["runs"]] == [
        line["actual"] or "null" for line in lines
    ]


def test_tables_for_people(script: dict[str, str]) -> None:
    """The same sums on a terminal and on a page."""
    table = reported(script).out
    page = reported(script, "--format", "markdown").out

    assert [line.rstrip() for line in table.splitlines()] == EXAMPLE.splitlines()
    for text in (table, page):
        assert "19 runs with a record: 16 worked, 1 under way, 1 waiting" in text
        assert "Without a record, and so unknown, of these deployments: 2" in text
    assert "measured" in table
    assert "| here | measured | 12 | 9 | 2 | 307 | 246 | 19.8 % |" in page


def test_only_what_is_asked_for(script: dict[str, str]) -> None:
    """One deployment; one zone; another day."""
    there = reported(script, "--format", "json", "--deployment", "there").json
    zone = reported(script, "--json", "--zone", "US-CAL-CISO").json

    for found in (there, zone):
        assert {"as promised", "late"} == {run["name"] for run in found["runs"]}


def test_a_deployment_that_is_not_there(script: dict[str, str]) -> None:
    """A usage error says which there are."""
    with temporary_settings({PREFECT_API_URL: script["PREFECT_API_URL"]}):
        done = command("report", "--deployment", "elsewhere", env=script)

    assert done.status == 2
    assert "no deployment has the name 'elsewhere'" in done.err
