"""When a run that went missing may still start."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from carbonaware_prefect.labels import Plan, read_plan
from carbonaware_prefect.planner.repair.bounds import start_within

HOUR = timedelta(hours=1)
DUE = datetime(2026, 1, 10, 20, tzinfo=timezone.utc)
SLOT = DUE + 3 * HOUR
EVENING, NIGHT = (DUE, DUE + 4 * HOUR), (DUE + 6 * HOUR, DUE + 8 * HOUR)


def a_plan(*pieces: tuple[datetime, datetime]) -> Plan:
    """A plan as the labels of a run tell it."""
    told = ",".join(f"{low.isoformat()}/{high.isoformat()}" for low, high in pieces)
    labels = {
        "carbonaware.reason": "cleaner_slot",
        "carbonaware.nominal_start": DUE.isoformat(),
        "carbonaware.decided_at": DUE.isoformat(),
        "carbonaware.slot_start": SLOT.isoformat(),
    }
    if told:
        labels["carbonaware.allowed_starts"] = told
    plan = read_plan(labels, None)
    assert plan is not None
    return plan


@pytest.mark.parametrize(
    ("now", "start"),
    [
        (DUE + HOUR, SLOT),
        (SLOT, SLOT),
        (SLOT + HOUR / 2, SLOT + HOUR / 2),
        (EVENING[1], EVENING[1]),
        (EVENING[1] + HOUR, NIGHT[0]),
        (NIGHT[0] + HOUR, NIGHT[0] + HOUR),
        (NIGHT[1] + HOUR / 60, None),
        (DUE + timedelta(days=130), None),
    ],
)
def test_at_its_slot_or_as_soon_as_it_may(now: datetime, start: datetime | None) -> None:
    """Within the window, not in the hours kept free, and else not at all."""
    assert start_within(a_plan(EVENING, NIGHT), SLOT, now) == start


@pytest.mark.parametrize(
    ("late", "starts"), [(HOUR / 2, True), (HOUR, True), (2 * HOUR, False)]
)
def test_where_nobody_has_written_them_down(late: timedelta, starts: bool) -> None:
    """As by older versions: an hour after its slot it is too late."""
    expected = SLOT + late if starts else None

    assert start_within(a_plan(), SLOT, SLOT + late) == expected
