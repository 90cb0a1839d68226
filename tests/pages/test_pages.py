"""What pages and log lines tell of a decision, word for word."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from carbonaware_prefect.core import Forecast, Policy, decide
from carbonaware_prefect.core.basis import Basis
from carbonaware_prefect.pages.deployment_page import deployment_page
from carbonaware_prefect.pages.log_lines import log_line
from carbonaware_prefect.pages.plan_page import plan_page
from carbonaware_prefect.pages.runs import RunOnPage

DUE = datetime(2026, 11, 21, 22, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
RUN = "01234567-89ab-cdef-0123-456789abcdef"


def a_run(*grams: float, modelled: bool = False, name: str = "happy-heron") -> RunOnPage:
    """A run due at 22:00 that may start until 02:00, by a forecast of these hours."""
    forecast = Forecast.from_points(
        [(DUE + i * HOUR, value) for i, value in enumerate(grams)],
        end=DUE + len(grams) * HOUR,
        source="energy_charts",
        issued_at=DUE - 4 * HOUR,
        basis=Basis("by somebody", modelled=True) if modelled else None,
    )
    policy = Policy(window=4 * HOUR, duration=HOUR, zone="DE")
    decision = decide(policy.bind(DUE), forecast, DUE - HOUR)
    return RunOnPage(
        id=RUN,
        name=name,
        deployment="nightly",
        nominal_start=DUE,
        start=DUE if decision.slot is None else decision.slot.start,
        sentence=decision.sentence,
        what="moved",
        decision=decision,
    )


def without_picture(page: str) -> str:
    """The page, with the chart's words for the chart."""
    begun, _, rest = page.partition("](data:image/svg+xml;base64,")
    return begun + "]" + rest.partition(")")[2]


def test_the_page_of_a_deployment() -> None:
    """Sentence, chart, times, intensities, saving, where from, and other starts."""
    page = deployment_page("nightly", [a_run(200, 300, 250, 100, 150)], DUE - HOUR)

    assert (
        without_picture(page)
        == f"""\
# Carbon-aware: nightly

**Waiting for cleaner electricity: 01:00-02:00 UTC, 200 -> 100 gCO2/kWh (-50 %), zone DE**

![Forecast with the allowed starts from 2026-11-21 22:00 UTC to 2026-11-22 02:00 UTC, \
the nominal start 2026-11-21 22:00 UTC and the slot from 2026-11-22 01:00 UTC to \
2026-11-22 02:00 UTC]

- Run: [happy-heron](../../runs/flow-run/{RUN})
- Nominal start: 2026-11-21 22:00 UTC
- Slot: 2026-11-22 01:00 UTC to 2026-11-22 02:00 UTC
- Intensity from the nominal start: 200 gCO2/kWh
- Intensity in the slot: 100 gCO2/kWh
- Saving: 50.0 %
- Zone: DE
- Source: energy\N{LOW LINE}charts
- Signal: average
- Forecast issued: 2026-11-21 18:00 UTC

Other starts:

| Start | Mean |
| --- | --- |
| 2026-11-22 02:00 UTC | 150 gCO2/kWh |
| 2026-11-21 22:00 UTC | 200 gCO2/kWh |
| 2026-11-22 00:00 UTC | 250 gCO2/kWh |

Written 2026-11-21 21:00 UTC by carbonaware-prefect.
"""
    )


def test_a_modelled_day_has_no_grams() -> None:
    """Percent of a modelled day never pass for intensities."""
    page = deployment_page("nightly", [a_run(100, 90, 80, 95, 70, modelled=True)], DUE)

    assert "gCO2/kWh" not in page
    assert "- Intensity: the forecast gives percent of a modelled day" in page
    assert "| 2026-11-22 00:00 UTC | 80 % of a modelled day |" in page
    assert "- Saving: 30.0 %" in page


def test_many_runs_of_a_deployment() -> None:
    """The one that starts next has the numbers; twenty more have a row."""
    runs = [a_run(200, 100, name=f"run-{number:02}") for number in range(40)]
    page = deployment_page("nightly", runs, DUE)

    assert "- Run: [run-00](" in page
    assert page.count("(../../runs/flow-run/") == 21
    assert "And 19 more." in page


def test_the_page_of_a_pass() -> None:
    """Totals over known intensities, and a row for each run."""
    known, unknown = a_run(200, 300, 250, 100, 150), a_run(300)
    lost = RunOnPage(
        id=RUN,
        name="a|b",
        deployment="[x](y)",
        nominal_start=DUE,
        start=DUE,
        sentence="gone",
        what="lost",
    )
    page = plan_page([known, known, unknown, lost], 2, DUE)

    for row in (
        "- Runs moved: 3\n",
        "- Runs lost: 1\n",
        "- Their mean intensity in the slots: 167 gCO2/kWh\n",
        "- Expected saving, runs counted alike: 28.6 %\n",
        "- Could not be done: 2\n",
        rf"| [a\|b](../../runs/flow-run/{RUN}) | 2026-11-21 22:00 UTC | unknown |",
        r"| 2026-11-21 22:00 UTC | \[x\](y) | lost | gone |",
        "| 2026-11-22 01:00 UTC | 50.0 % | 2026-11-21 22:00 UTC | nightly | moved | Wait",
    ):
        assert row in page


def test_a_long_plan_is_cut() -> None:
    """A hundred rows, and how many there are besides."""
    page = plan_page([a_run(200, 100)] * 250, 0, DUE)

    assert page.count("(../../runs/flow-run/") == 100
    assert "And 150 more." in page


@pytest.mark.parametrize("said", ["ends\nhere", "ends\x00here", "ends\u202ehere"])
def test_a_log_line_is_one_line(said: str) -> None:
    """No control character gets into it, and it belongs to the run."""
    run = a_run(200, 100)
    line = log_line(run, f"carbon-aware-{said}", DUE)

    assert line["flow_run_id"] == RUN
    assert line["message"].startswith(f"{run.sentence} (due 2026-11-21 22:00 UTC, starts")
    assert line["message"].isprintable()
