"""``carbonaware-prefect backtest``: what a policy would have saved."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.cli.running import HOUR, Done, command

MONDAY = datetime(2026, 1, 5, tzinfo=timezone.utc)
# A day: 400 g/kWh, but 100 from 03:00 to 05:00 and 300 from 12:00 to 16:00.
DAY = [400] * 3 + [100] * 2 + [400] * 7 + [300] * 4 + [400] * 8


def trace(path: Path, grams: list[int | None], step: timedelta = HOUR) -> Path:
    """A table from Monday on; None is a row that is missing."""
    lines = [
        f"{MONDAY + i * step:%Y-%m-%dT%H:%MZ},{value}"
        for i, value in enumerate(grams)
        if value is not None
    ]
    path.write_text("\n".join(["start,gco2_per_kwh", *lines]))
    return path


@pytest.fixture
def fortnight(tmp_path: Path) -> Path:
    """The same day fourteen times."""
    return trace(tmp_path / "trace.csv", [*DAY * 14])


def backtest(path: Path, *more: str | Path) -> Done:
    """The command, with runs at 01:00 where nothing else is said."""
    schedule = () if "--schedule" in more else ("--schedule", "0 1 * * *")
    return command("backtest", "--trace", path, *schedule, *more)


def strategies(done: Done) -> dict[str, dict[str, Any]]:
    """The figures by strategy."""
    assert done.status == 0, done.err
    return {each["name"]: each for each in done.json["strategies"]}


def test_document(fortnight: Path) -> None:
    """It tells the trace, the policy, the runs, and each strategy's figures."""
    done = backtest(fortnight, "--duration", "1h", "--zone", "DE", "--json")
    found = strategies(done)

    assert {*done.json} == {"trace", "policy", "runs", "strategies", "notes"}
    assert {**done.json["runs"]} == {
        "due": 14, "judged": 14, "unknown": 0, "unknown_due": [],
    }  # fmt: skip
    assert done.json["trace"]["hours_known"] == 14 * 24
    assert done.json["trace"]["hours_unknown"] == 0
    assert done.json["policy"]["window_seconds"] == 6 * 3600
    assert [*found] == ["at_once", "typical", "perfect_foresight"]
    assert found["at_once"]["mean_gco2_per_kwh"] == 400
    best = found["perfect_foresight"]
    assert (best["mean_gco2_per_kwh"], best["saving_percent"], best["kept"]) == (100, 75, 1)
    assert best["weighted_saving_percent"] == 75
    assert (best["worse"], best["worse_by_percent"]) == (0, None)
    assert best["wait_hours"]["median"] == 2
    assert best["waits"] == [{"from_hours": 2, "to_hours": 2.5, "runs": 14}]
    assert best["run_savings"] == [{"from_percent": 75, "to_percent": 80, "runs": 14}]
    assert "Savings are estimates" in done.json["notes"][-1]


def test_table(fortnight: Path) -> None:
    """The same for a person, with what is not known and whom to credit."""
    done = backtest(fortnight, "--duration", "1h", "--zone", "DE", "--interrupted")

    assert done.status == 0
    assert "14 runs judged, 0 unknown" in done.out
    assert "perfect foresight interrupted" in done.out
    assert "typical: typical days of" in done.out
    assert "Savings are estimates" in done.out


def test_the_table_tells_the_policy(fortnight: Path) -> None:
    """Every bound that counts, from wherever it is given."""
    done = command(
        "backtest", "--trace", fortnight, "--schedule", "0 1 * * *", "--duration", "90m",
        "--window", "12h", "--earlier", "30m", "--latest-start", "5h", "--minimum-saving",
        "5%", "--not-between", "08:00-09:00", "--in-order",
        env={"CARBONAWARE_FINISH_BY": "07:00"},
    )  # fmt: skip

    assert (
        "Runs due at '0 1 * * *' UTC, of 1 h 30 min, window 12 h, up to 30 min earlier, "
        "latest start 5 h after due, finish by 07:00, not between 08:00-09:00, minimum "
        "saving 5 %, in order"
    ) in " ".join(done.out.split())


def test_where_nothing_is_known_the_table_has_no_figures(tmp_path: Path) -> None:
    """Dashes, no zeros."""
    done = backtest(trace(tmp_path / "trace.csv", [400, 400]))

    assert "0 runs judged, 1 unknown" in done.out
    assert "perfect foresight       -        -      -" in done.out


def test_a_gap_makes_runs_unknown(tmp_path: Path) -> None:
    """Runs whose window meets a missing row are in no figure, and are named."""
    path = trace(tmp_path / "trace.csv", [*DAY, *DAY[:4], None, *DAY[5:], *DAY])
    done = backtest(path, "--duration", "1h", "--json")

    assert done.json["runs"] == {
        "due": 3, "judged": 2, "unknown": 1, "unknown_due": ["2026-01-06T01:00:00Z"],
    }  # fmt: skip
    assert done.json["trace"]["hours_unknown"] == 1
    assert "Unknown and in no figure: 1 of the runs" in "".join(done.json["notes"])


def test_forecasts_count_from_their_issue(tmp_path: Path, fortnight: Path) -> None:
    """A run goes by the newest forecast that can be had; before the first, at once."""
    lines = ["issued_at,start,forecast_gco2_per_kwh"]
    for day, cleanest in ((1, 4), (3, 2)):
        issued = MONDAY + day * 24 * HOUR
        lines += [
            f"{issued:%Y-%m-%dT%H:%MZ},{issued + i * HOUR:%Y-%m-%dT%H:%MZ},"
            f"{10 if i % 24 == cleanest else 20}"
            for i in range(72)
        ]
    forecasts = tmp_path / "forecasts.csv"
    forecasts.write_text("\n".join(lines))
    ask = ("--duration", "1h", "--until", "2026-01-10", "--forecasts", forecasts, "--json")

    by_issue = strategies(backtest(fortnight, *ask))["forecasts"]
    late = strategies(backtest(fortnight, *ask, "--known-after", "2h"))["forecasts"]

    # Days 1 and 2 at 04:00 (100), days 3 and 4 at 02:00 (400), day 0 at once.
    assert by_issue["without_forecast"] == 1
    assert by_issue["moved"] == 4
    assert by_issue["mean_gco2_per_kwh"] == (3 * 400 + 2 * 100) / 5
    assert late["without_forecast"] == 2
    assert late["mean_gco2_per_kwh"] == (3 * 400 + 2 * 100) / 5
    assert late["wait_hours"]["highest"] == 3


def test_a_forecast_without_issue_time_is_known_all_along(fortnight: Path) -> None:
    """So a trace with errors of one's own can stand for forecasts; a note says it."""
    done = backtest(fortnight, "--forecasts", fortnight, "--duration", "1h", "--json")

    assert strategies(done)["forecasts"]["kept"] == 1
    assert "do not say when they were issued" in "".join(done.json["notes"])


def test_symmetric_windows_on_half_hours(tmp_path: Path) -> None:
    """Jobs of 30 minutes around 01:00, as published tables have them."""
    grams = [300 + 10 * (i % 48) for i in range(48 * 4)]
    path = trace(tmp_path / "trace.csv", [*grams], timedelta(minutes=30))
    ask = ("--duration", "30m", "--minimum-saving", "0", "--json")

    half = strategies(backtest(path, "--window", "30m", "--earlier", "30m", *ask))
    more = strategies(backtest(path, "--window", "8h", "--earlier", "8h", *ask))

    # From 320 to 310; with eight hours to 300, at midnight, and one run unknown.
    assert half["perfect_foresight"]["mean_gco2_per_kwh"] == 310
    assert half["perfect_foresight"]["wait_hours"]["mean"] == -0.5
    assert more["perfect_foresight"]["mean_gco2_per_kwh"] == 300
    assert more["perfect_foresight"]["runs"] == 3


def test_until_the_next_workday_morning(fortnight: Path) -> None:
    """Long work that ends at night waits until 09:00; over the weekend until Monday."""
    ask = ("--duration", "10h", "--schedule", "0 16 * * thu,fri", "--until", "2026-01-11")
    done = backtest(
        fortnight, *ask, "--finish-by", "mon-fri 09:00-17:00", "--interrupted", "--json"
    )
    found = strategies(done)

    assert done.json["policy"]["window_seconds"] is None
    assert done.json["policy"]["finish_by"] == "mon-fri 09:00-17:00"
    # Thursday may start until 23:00, for 8 hours of 400 and 2 of 100. Friday has the
    # weekend, and does best from 03:00 on: 2 hours of 100, 7 of 400 and 1 of 300.
    thursday, friday = 340, 330
    best = found["perfect_foresight"]
    assert best["mean_gco2_per_kwh"] == (thursday + friday) / 2
    # In pieces Thursday works at once and from 03:00 to 05:00, which saves as much; Friday
    # in three nights and four hours of an afternoon.
    split = found["perfect_foresight_interrupted"]
    assert split["mean_gco2_per_kwh"] == (thursday + (6 * 100 + 4 * 300) / 10) / 2
    assert split["interruptions"] == (1 + 3) / 2


def test_each_duration_is_run(fortnight: Path) -> None:
    """Several durations share the due times, and the total counts them by their hours."""
    done = backtest(
        fortnight, "--duration", "1h", "--duration", "4h", "--window", "2h", "--json"
    )
    best = strategies(done)["perfect_foresight"]

    assert done.json["runs"]["judged"] == 28
    assert best["mean_gco2_per_kwh"] == (100 + 250) / 2
    assert best["weighted_mean_gco2_per_kwh"] == (100 + 4 * 250) / 5
    assert "by duration" in backtest(fortnight, "--duration", "1h", "--duration", "4h").out


def test_every_bound_is_heeded(fortnight: Path) -> None:
    """Each option changes where the best start may lie."""
    base = ("--duration", "1h", "--window", "12h", "--schedule", "0 2 * * *", "--json")
    for bound, grams in (
        ((), 100),
        (("--not-between", "02:30-06:00"), 300),
        (("--latest-start", "02:30"), 250),
        (("--finish-by", "03:15"), 325),
        (("--finish-by", "90m"), 250),
        (("--minimum-saving", "80%"), 400),
        (("--time-zone", "America/Los_Angeles"), 300),
        (("--in-order",), 100),
    ):
        found = strategies(backtest(fortnight, *base, *bound))["perfect_foresight"]
        assert (bound, found["mean_gco2_per_kwh"]) == (bound, grams)


def test_the_environment_gives_what_the_options_leave_open(fortnight: Path) -> None:
    """As for the other commands."""
    done = command(
        "backtest", "--trace", fortnight, "--schedule", "0 1 * * *", "--json",
        env={"CARBONAWARE_WINDOW": "1h", "CARBONAWARE_ZONE": "DE"},
    )  # fmt: skip

    assert done.json["policy"]["window_seconds"] == 3600
    assert done.json["trace"]["zone"] == "DE"
    assert "typical" in strategies(done)


def test_what_is_left_out_is_told(fortnight: Path) -> None:
    """Typical days without a zone, or of one that has none; runs that pass one another."""
    hourly = ("--schedule", "0 * * * *", "--json")

    assert "say it with --zone" in "".join(backtest(fortnight, "--json").json["notes"])
    nowhere = backtest(fortnight, "--zone", "XX", "--json").json["notes"]
    assert "Typical days are left out: no typical days" in nowhere[0]
    assert "--in-order" in "".join(backtest(fortnight, *hourly).json["notes"])
    in_order = backtest(fortnight, *hourly, "--in-order").json["notes"]
    assert "--in-order" not in "".join(in_order)


def test_typical_days_that_saw_the_year_are_told(tmp_path: Path) -> None:
    """A table learnt from the trace's year does better than it would, a model does not."""
    path = tmp_path / "trace.csv"
    path.write_text(
        "start,gco2_per_kwh\n"
        + "\n".join(f"2022-05-01T{hour:02}:00Z,{DAY[hour]}" for hour in range(24))
    )
    learnt = "".join(backtest(path, "--zone", "DE", "--json").json["notes"])
    modelled = "".join(backtest(path, "--zone", "AE", "--json").json["notes"])

    assert "learnt from years that the trace has too (2022)" in learnt
    assert "learnt" not in modelled


def test_signals_that_differ_are_told(tmp_path: Path, fortnight: Path) -> None:
    """A trace of marginal intensity is not what typical days and tables are of."""
    marginal = tmp_path / "trace.json"
    points = ", ".join(
        f'["{MONDAY + i * HOUR:%Y-%m-%dT%H:%MZ}", {grams}]'
        for i, grams in enumerate([*DAY * 2])
    )
    marginal.write_text(f'{{"signal": "marginal", "points": [{points}]}}')

    notes = backtest(marginal, "--forecasts", fortnight, "--zone", "DE", "--json").json[
        "notes"
    ]

    assert any("The forecasts are of average intensity" in note for note in notes)
    assert any("Typical days are of average intensity" in note for note in notes)


def test_chart(tmp_path: Path, fortnight: Path) -> None:
    """A picture of how savings and waits are spread, with the notes in it."""
    picture = tmp_path / "chart.svg"
    done = backtest(fortnight, "--zone", "DE", "--svg", picture)

    text = " ".join(ET.parse(picture).getroot().itertext())  # noqa: S314  our own
    assert f"Chart written to {picture}" in done.out.replace("\n", "")
    assert "perfect foresight: saving 75.0 %, 0.0 % worse" in text
    assert "Savings are estimates" in text


def test_no_trace_of_the_far_future(tmp_path: Path) -> None:
    """Windows would lead out of the calendar."""
    path = tmp_path / "trace.csv"
    path.write_text("start,gco2_per_kwh\n9998-01-01T00:00Z,1\n9998-01-01T01:00Z,2")
    done = backtest(path)

    assert done.status == 2
    assert "give intensities that came true" in done.err


@pytest.mark.parametrize(
    ("more", "status", "fault"),
    [
        (("--schedule", "hourly"), 2, "cron: 'hourly' has 1 fields"),
        (("--since", "2027-01-01"), 2, "no run of '0 1 * * *' is due between"),
        (("--since", "2026-13-01"), 2, "--since: '2026-13-01' is no date"),
        (("--since", "0001-01-01T00:00+14:00"), 2, "--since is out of range"),
        (("--until", "soon"), 2, "--until: 'soon' is no time"),
        (("--finish-by", "someday 09:00"), 2, "--finish-by: 'someday 09:00' names no days"),
        (("--finish-by", "fri-mon 09:00"), 2, "names no days and hours"),
        (("--finish-by", "mon 17:00-09:00"), 2, "--finish-by: office hours must end later"),
        (("--finish-by", "noon"), 2, "or days and hours, e.g. 'mon-fri 09:00'"),
        (("--window", "long"), 2, "--window: 'long' is no duration"),
        (("--minimum-saving", "much"), 2, "--minimum-saving"),
        (("--forecasts", "nowhere.csv"), 1, "nowhere.csv cannot be read"),
        (("--svg", "/nowhere/chart.svg"), 1, "cannot write the chart"),
    ],
)
def test_faults(fortnight: Path, more: tuple[str, ...], status: int, fault: str) -> None:
    """Each says which option and what is wrong with it; the status tells whose fault."""
    done = backtest(fortnight, *more)

    assert done.status == status
    assert fault in done.err
