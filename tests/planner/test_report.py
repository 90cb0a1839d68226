"""The report of a pass, for programs."""

from __future__ import annotations

import json
from datetime import datetime, timezone

from carbonaware_prefect.planner.report import Action, Outcome, Report

NOW = datetime(2026, 1, 10, 2, tzinfo=timezone.utc)


def an_outcome(action: Action, fault: str | None = None) -> Outcome:
    """A outcome in which nothing was decided."""
    return Outcome(
        run="run",
        name="happy-heron",
        deployment="etl",
        nominal_start=NOW,
        start=NOW,
        action=action,
        reason="overridden",
        sentence="Left alone",
        fault=fault,
    )


REPORT = Report(
    at=NOW,
    dry_run=False,
    outcomes=(
        an_outcome(Action.MOVE),
        an_outcome(Action.MOVE, "locked"),
        an_outcome(Action.LEAVE),
    ),
)


def test_what_could_not_be_done_counts_as_a_fault_alone() -> None:
    """A move that failed is no move."""
    assert (REPORT.count(Action.MOVE), REPORT.count(Action.LEAVE), REPORT.faults) == (
        1,
        1,
        1,
    )


def test_the_report_is_a_document() -> None:
    """It is plain JSON, with every action counted and numbers absent where none are."""
    document = json.loads(json.dumps(REPORT.as_document()))

    assert set(document["counts"]) == {action.value for action in Action}
    assert document["runs"][1]["fault"] == "locked"
    assert document["runs"][0]["saving_percent"] is None
