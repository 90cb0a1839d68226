"""The promise that nothing may break: each occurrence starts once, at a time that is its.

It is checked from outside: by what the processes of its runs noted, and by the server's
rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.server.planner.occurrences import HOUR, SECOND, Occurrence, scheduled_for

__all__ = ["kept", "only_start", "starts_of", "upcoming"]


def upcoming(case: Occurrence) -> list[datetime]:
    """When the runs start that it has and that have not started."""
    return [scheduled_for(row) for row in case.rows() if row["state_type"] == "SCHEDULED"]


def starts_of(case: Occurrence) -> dict[str, Any]:
    """All that is known of its runs, for who has to find out what went wrong."""
    rows = [(row["id"], row["state_name"], row["labels"]) for row in case.rows()]
    return {"nominal": case.nominal, "notes": case.notes(), "runs": rows}


def only_start(case: Occurrence, did: str = "work") -> datetime:
    """When its only process started, whose run is Completed; all others are Cancelled."""
    told = starts_of(case)
    states = [row["state_name"] for row in case.rows() if row["state_name"] != "Cancelled"]

    assert case.events() == ["start", did], told
    assert states == ["Completed"], told
    return case.starts()[0]


def kept(cases: Iterable[Occurrence], slot: datetime) -> int:
    """How many started at their slot; each other one started at its nominal start."""
    at_slot = 0
    for case in cases:
        start = only_start(case)
        if start >= slot - SECOND:
            at_slot += 1
        else:
            assert case.nominal - SECOND <= start < case.nominal + HOUR, starts_of(case)
    return at_slot
