"""``carbonaware-prefect slot``: the decision of a delay task, and what else there was."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from carbonaware_prefect.delay.choice import choose
from carbonaware_prefect.policies.given import given_in_call
from carbonaware_prefect.sources.typical import TypicalSource
from tests.cli.running import HOUR, command, forecast_file, this_hour

NOON = datetime(2026, 7, 1, 12, tzinfo=timezone.utc)


def test_json() -> None:
    """The document holds the decision, the slots, and whom to credit."""
    evening = ("--from", "2026-07-01T18:00Z")
    ask = ("slot", "--zone", "DE", *evening, "--window", "12h", "--duration", "PT1H")
    done = command(*ask, "--json")

    assert done.status == 0
    assert {*done.json} == {
        "zone", "provider", "region", "place_said_by", "unit", "nominal_start",
        "latest_start", "duration_seconds", "decision", "slots", "source",
    }  # fmt: skip
    assert {*done.json["decision"]} == {
        "wait", "reason", "sentence", "nominal_gco2_per_kwh", "slot",
    }  # fmt: skip
    assert len(done.json["slots"]) == 3
    assert done.json["decision"]["wait"]
    assert done.json["slots"][0] == done.json["decision"]["slot"]
    assert done.json["duration_seconds"] == 3600
    grams = [slot["gco2_per_kwh"] for slot in done.json["slots"]]
    assert grams == sorted(grams)


def test_it_decides_as_the_delay_task() -> None:
    """Slot, reason and sentence are those of the function that the delay task asks."""
    document = command(
        "slot", "--zone", "DE", "--from", "2026-07-01T12:00Z", "--window", "24h", "--json"
    ).json
    given = given_in_call(window=24 * HOUR, zone="DE", source=TypicalSource())
    decision = choose(given, due=NOON, now=NOON)

    assert decision.slot is not None
    assert decision.saving is not None
    assert document["decision"] == {
        "wait": decision.wait,
        "reason": decision.reason.value,
        "sentence": decision.sentence,
        "nominal_gco2_per_kwh": decision.intensity_nominal,
        "slot": {
            "start": decision.slot.start.isoformat().replace("+00:00", "Z"),
            "end": decision.slot.end.isoformat().replace("+00:00", "Z"),
            "gco2_per_kwh": decision.slot.mean_intensity,
            "saving_percent": pytest.approx(100 * decision.saving),
        },
    }


def test_alternatives_and_savings(tmp_path: Path) -> None:
    """Slots come cleanest first, each with its change against the nominal start."""
    file = forecast_file(tmp_path / "f.json")
    ask = ("slot", "--source", f"file:{file}", "--duration", "1h", "--window", "5h")
    at = ("--from", this_hour().isoformat(), "--count", "2")
    document = command(*ask, *at, "--json").json
    shown = command(*ask, *at)

    assert [slot["gco2_per_kwh"] for slot in document["slots"]] == [100, 200]
    assert document["decision"]["reason"] == "cleaner_slot"
    assert "-67 %" in shown.out
    assert "-33 %" in shown.out
    assert "at once" in shown.out
    assert "Reason: cleaner_slot" in shown.out
    assert "·" in shown.out


def test_now_is_the_best_time(tmp_path: Path) -> None:
    """A run for which no later start is cleaner starts at once."""
    file = forecast_file(tmp_path / "f.json")
    at = (this_hour() + 3 * HOUR).isoformat()
    ask = ("slot", "--source", f"file:{file}", "--duration", "1h", "--from", at)
    done = command(*ask, "--json")

    assert done.json["decision"]["wait"] is False
    assert done.json["decision"]["reason"] == "cleanest_now"
    assert "Starting now" in command(*ask).out


def test_the_environment_fills_in(tmp_path: Path) -> None:
    """Window and duration come from the environment where no option says them."""
    environment = {"CARBONAWARE_WINDOW": "2h", "CARBONAWARE_DURATION": "45m"}
    ask = ("slot", "--zone", "DE", "--from", "2026-07-01T12:00Z", "--json")
    said = command(*ask, "--window", "4h", env=environment).json
    unsaid = command(*ask, env=environment).json

    assert said["latest_start"] == "2026-07-01T16:00:00Z"
    assert unsaid["latest_start"] == "2026-07-01T14:00:00Z"
    assert unsaid["duration_seconds"] == 2700


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--window", "6"], "6h"),
        (["--duration", "soon"], "--duration"),
        (["--window", "0h"], "longer than zero"),
        (["--from", "2026-07-01T12:00"], "names no time zone"),
        (["--from", "noon"], "is no time"),
        (["--count", "0"], "--count"),
        (["--zone", "ZZ-1"], "carbonaware-prefect zones"),
    ],
)
def test_bad_input(arguments: list[str], words: str) -> None:
    """What cannot be meant is a usage error that says what is allowed."""
    zone = [] if "--zone" in arguments else ["--zone", "DE"]
    done = command("slot", *zone, *arguments)

    assert (done.status, done.out) == (2, "")
    assert words in done.err


def test_no_whole_slot(tmp_path: Path) -> None:
    """A forecast without a whole slot is a failure that says what it covers."""
    file = forecast_file(tmp_path / "f.json")
    done = command("slot", "--source", f"file:{file}", "--duration", "60h")

    assert (done.status, done.out) == (1, "")
    assert "no forecast for a whole slot" in done.err


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_it_fits_the_terminal(columns: int) -> None:
    """No line is longer than the terminal is wide."""
    env = {"COLUMNS": str(columns), "TZ": "Asia/Kolkata"}
    done = command("slot", "--zone", "DE", env=env)

    assert max(map(len, done.out.splitlines())) <= columns
