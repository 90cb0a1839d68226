"""The plan on a terminal: readable at 80 and at 120 columns, and in full when asked."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from rich.console import Console

from carbonaware_prefect.cli.reports.plan import show
from carbonaware_prefect.cli.reports.plan_table import WORDS
from carbonaware_prefect.core import Forecast, Neighbours, Policy, Reason, decide
from carbonaware_prefect.planner.report import Action, Outcome, Report

DUE = datetime(2026, 11, 28, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
FORECAST = Forecast.from_points(
    [(DUE, 355), (DUE + 3 * HOUR, 120), (DUE + 5 * HOUR, 400)],
    end=DUE + 20 * HOUR,
    zone="DE",
    source="typical",
)
DECISION = decide(
    Policy(window=9 * HOUR, duration=HOUR, zone="DE").bind(DUE), FORECAST, DUE
)
MOVED = Outcome(
    run="8f3c1c7e-6f0a-4b1e-9a3e-0c1d2e3f4a5b",
    name="amber-otter",
    deployment="nightly-sales-report-for-the-eastern-region",
    nominal_start=DUE,
    start=DUE + 3 * HOUR,
    action=Action.MOVE,
    reason="cleaner_slot",
    sentence=DECISION.sentence,
    decision=DECISION,
)
KEPT = replace(
    MOVED,
    deployment="etl",
    name="brave-wolf",
    start=DUE,
    action=Action.KEEP,
    reason="cleanest_now",
    sentence="Starting now",
)
BROKEN = replace(
    KEPT,
    deployment="broken",
    action=Action.LEAVE,
    reason="invalid_setting",
    sentence="Left alone: deployment 'broken': CARBONAWARE_WINDOW='6 hrs' is no duration",
    decision=None,
)


@pytest.fixture(autouse=True)
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    assert os.environ.get("TZ") == before
    time.tzset()


def shown(width: int, *outcomes: Outcome, wide: bool = False) -> list[str]:
    """The lines on a terminal of that width."""
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    report = Report(at=DUE, dry_run=True, outcomes=outcomes, deployments=3)
    with console.capture() as captured:
        show(report, console, wide=wide)
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [40, 50, 60, 70, 80, 100, 120])
def test_a_run_is_one_line(width: int) -> None:
    """No line is longer than the terminal, no word is broken, each run has one line."""
    lines = shown(width, MOVED, KEPT, BROKEN)
    assert [line for line in lines if len(line) > width] == []
    assert [line.split()[-1] for line in lines[1:4]] == ["cleaner", "is", "setting"]


def words(line: str) -> str:
    """The line with single blanks."""
    return " ".join(line.split())


def test_at_80_columns() -> None:
    """Times are short, local and UTC; the name has lost its middle; reasons are words."""
    head, moved, kept, broken, *_ = shown(80, MOVED, KEPT, BROKEN)
    name, _, rest = words(moved).partition(" ")
    assert words(head) == "Deployment Due Start UTC gCO2/kWh Saving Why"
    assert (name[:7], name[-6:], name.count("\u2026")) == ("nightly", "region", 1)
    assert rest == "Sat 02:00 Sat 05:00 04:00 355->120 -66 % cleaner"
    assert words(kept) == "etl Sat 02:00 as due 01:00 355 - cleanest as is"
    assert words(broken).endswith("- - wrong setting")


def test_at_120_columns() -> None:
    """There is room for the run's name, the zone, and both times in UTC."""
    head, moved, *_ = shown(120, MOVED)
    name, _, rest = words(moved).partition(" ")
    assert words(head) == "Deployment Run Due UTC Start UTC Zone gCO2/kWh Saving Why"
    assert (name[:12], name[-12:]) == (MOVED.deployment[:12], MOVED.deployment[-12:])
    assert rest == ("amber-otter Sat 02:00 01:00 Sat 05:00 04:00 DE 355->120 -66 % cleaner")


def test_a_window_that_the_schedule_cuts_is_told_once() -> None:
    """The numbers would not explain why no run goes to the cleaner hours."""
    following = Neighbours(following=DUE + HOUR)
    request = Policy(window=9 * HOUR, duration=HOUR, zone="DE").bind(
        DUE, neighbours=following
    )
    cut = replace(KEPT, decision=decide(request, FORECAST, DUE))
    others = [replace(cut, deployment=f"etl-{i:02}") for i in range(12)]

    told = " ".join(" ".join(shown(120, cut, cut, MOVED)).split())
    many = " ".join(" ".join(shown(120, *others)).split())

    note = "the window is longer than the interval of the schedule; no run starts after"
    assert told.count(f"etl: {note}") == 1
    assert told.count(note) == 1
    assert f"etl-09 and 2 more: {note}" in many
    assert note not in " ".join(" ".join(shown(120, MOVED, BROKEN)).split())


def test_what_a_person_has_to_mend_is_told_once_in_full() -> None:
    """Below the table, for all runs it is true of; what failed as well."""
    fault = "the server refused: busy"
    lines = shown(80, BROKEN, replace(BROKEN, name="b"), replace(MOVED, fault=fault))
    told = " ".join(" ".join(lines[5:]).split())
    assert told.count(BROKEN.sentence) == 1
    assert f"{MOVED.deployment}: {fault}" in told
    assert "Times: UTC+0100; UTC where it says so" in told
    assert lines[3].endswith("not done")


def test_many_different_faults_are_counted() -> None:
    """A screen full of them is enough."""
    faults = [replace(MOVED, fault=f"fault {number}") for number in range(25)]
    assert "and 5 more; see --wide or --json" in shown(80, *faults)


def test_a_month_names_its_days() -> None:
    """Where a weekday would name several days, there is a date."""
    late = replace(KEPT, nominal_start=DUE + 240 * HOUR, start=DUE + 240 * HOUR)
    assert "Sat 28 Nov 02:00" in shown(120, MOVED, late)[1]


def test_where_the_clocks_change() -> None:
    """Each local time then says its offset, and no line grows too long for that."""
    autumn = datetime(2026, 10, 25, 0, tzinfo=timezone.utc)
    row = replace(MOVED, nominal_start=autumn, start=autumn + HOUR)
    for width in (60, 80, 120):
        lines = shown(width, row)
        assert [line for line in lines if len(line) > width] == []
        assert "Sun 02:00 +0100" in lines[1]


def test_wide_tells_all() -> None:
    """One line each, however long: ids, dates, codes and sentences."""
    head, moved, *_ = shown(80, replace(MOVED, fault="too late"), wide=True)
    for part in (
        MOVED.deployment, MOVED.run, "2026-11-28 02:00:00+0100", "2026-11-28T04:00:00Z",
        "cleaner_slot", "typical", f"{MOVED.sentence} (not done: too late)",
    ):  # fmt: skip
        assert part in moved
    assert moved.index(MOVED.run) == head.index("id  ")


def test_names_cannot_command_the_terminal() -> None:
    """Control characters of a name or a sentence are shown as they are written."""
    evil = replace(BROKEN, deployment="a\x1b[2J\u202eb", sentence="x\rDry run\n")
    for wide in (False, True):
        told = "\n".join(shown(80, evil, wide=wide))
        assert not {"\x1b", "\r", "\u202e"} & set(told)
        assert "a\\x1b[2J\\u202eb" in told


def test_each_reason_has_a_word() -> None:
    """Every code is told in words that fit into their column."""
    assert {reason.value for reason in Reason} <= set(WORDS)
    assert [word for word in WORDS.values() if len(word) > 16] == []
    unknown = shown(80, replace(KEPT, reason="a_new_one"))[1]
    assert unknown.endswith("a new one")
