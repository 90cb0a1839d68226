"""Cron schedules are due when Prefect's server makes their runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from carbonaware_prefect.core import Interval
from carbonaware_prefect.core.cron import Cron
from carbonaware_prefect.errors import InvalidInputError
from carbonaware_prefect.prefect_edge.schedules import next_due

UTC = timezone.utc
SPRING = Interval(datetime(2026, 3, 26, tzinfo=UTC), datetime(2026, 4, 3, tzinfo=UTC))
AUTUMN = Interval(datetime(2026, 10, 23, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC))


def by_prefect(cron: str, zone: str, span: Interval) -> Iterator[datetime]:
    """The due times by the server's own code."""
    schedule = {"cron": cron, "timezone": zone}
    due = next_due(schedule, span.start - timedelta(seconds=1))
    while due is not None and due < span.end:
        yield due
        due = next_due(schedule, due)


@pytest.mark.parametrize(
    "cron",
    [
        "20 */3 * * *",
        "30 2 * * *",
        "0,30 1-3 * * *",
        "0 1 * * mon-fri",
        "0 9 1,27 * 1",
        "0 9 */2 * 1",
        "0 9 1 * */2",
        "@weekly",
        "5/25 0 * * *",
        "0 12 * oct,apr 0-2",
        "15 2 * * 7",
        "0 4 31 2 *",
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.parametrize("span", [SPRING, AUTUMN], ids=["spring", "autumn"])
def test_due_times_are_the_server_s(cron: str, zone: str, span: Interval) -> None:
    """Also around both changes of the clocks."""
    expected = list(by_prefect(cron, zone, span))

    assert expected == Cron.parse(cron).between(span, ZoneInfo(zone))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("0 1 * *", "has 4 fields; it needs 5"),
        ("61 1 * * *", "'61' is no minute"),
        ("0 x * * *", "'x' is no hour"),
        ("0 5-3 * * *", "'5-3' is no hour"),
        ("0 0 *-3 * *", r"'\*-3' is no day of the month"),
        ("0 0 * */0 *", r"'\*/0' is no month"),
        ("0 0 * * mon#2", "'mon#2' is no day of the week"),
        ("0 0 * * ,", "'' is no day of the week"),
    ],
)
def test_no_schedule(text: str, fault: str) -> None:
    """What is no plain cron is refused with the field that is wrong."""
    with pytest.raises(InvalidInputError, match=f"cron: .*{fault}"):
        Cron.parse(text)
