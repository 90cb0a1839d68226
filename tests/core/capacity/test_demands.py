from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from carbonaware_prefect.core.capacity.demands import Demand, joined
from carbonaware_prefect.core.intervals import to_microseconds
from carbonaware_prefect.errors import InvalidInputError
from tests.core.capacity.instances import HOUR, at, demand, hourly, job

FORECAST = hourly(100, 90, 80, 100, 50)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"duration": timedelta(0)}, "duration must be positive, got"),
        ({"minimum_saving": -0.1}, "minimum_saving must be a number from 0 on, got -0.1"),
        ({"minimum_saving": float("nan")}, "minimum_saving must be a number from 0 on"),
        ({"nominal": datetime(2026, 1, 1)}, "nominal is naive"),  # noqa: DTZ001
        (
            {"ranges": ((at(0), datetime(2026, 1, 1)),)},  # noqa: DTZ001
            "last start is naive",
        ),
        (
            {"ranges": ((at(2), at(1)),)},
            "a piece of the window must not end before it starts, got 2026-01-01T02",
        ),
    ],
)
def test_impossible_contenders_are_refused(change: dict[str, Any], message: str) -> None:
    """Each wrong value is a ValueError that says what was given."""
    fields: dict[str, Any] = {
        "key": "run",
        "forecast": FORECAST,
        "duration": HOUR,
        "ranges": ((at(0), at(1)),),
    }

    with pytest.raises(InvalidInputError, match=message):
        Demand(**(fields | change))


def test_contenders_keep_utc_and_order() -> None:
    """Times in UTC, ranges in order of time, each resource once."""
    berlin = ZoneInfo("Europe/Berlin")
    run = Demand(
        key="run",
        forecast=FORECAST,
        duration=HOUR,
        ranges=((at(3), at(4)), (at(0).astimezone(berlin), at(1))),
        nominal=at(2).astimezone(berlin),
        resources=("pool", "queue", "pool"),
    )

    assert run.ranges == ((at(0), at(1)), (at(3), at(4)))
    assert run.nominal is not None
    assert run.nominal.isoformat() == "2026-01-01T02:00:00+00:00"
    assert run.resources == ("pool", "queue")


def test_joined_pieces_are_disjoint_and_in_order() -> None:
    """StartRanges that touch or overlap become one."""
    assert joined([(5, 6), (0, 2), (1, 1), (2, 3)]) == [(0, 3), (5, 6)]
    assert joined([]) == []


@pytest.mark.parametrize(
    ("minimum_saving", "hour"), [(0, 2), (0.1, 2), (0.2, 2), (0.21, 0), (1, 0)]
)
def test_a_saving_of_exactly_the_minimum_will_do(minimum_saving: float, hour: int) -> None:
    """80 after 100 saves 20 %: enough for 0.2, not for more."""
    run = demand(
        "run", FORECAST, (0, 3), nominal=0, minimum_saving=minimum_saving, resources=()
    )

    start, _ = job(run).alone

    assert start == to_microseconds(at(hour))


def test_allowed_are_the_starts_that_save_enough_and_the_nominal_one() -> None:
    """Ten percent less than 100 is reached where the mean falls to 90, and not before."""
    run = demand("run", FORECAST, (0, 3), nominal=0, minimum_saving=0.1)

    allowed = job(run).allowed()

    nominal = to_microseconds(at(0))
    assert allowed == [
        (nominal, nominal),
        (to_microseconds(at(1)), to_microseconds(at(2.5))),
    ]


def test_without_a_nominal_start_all_covered_starts_are_allowed() -> None:
    """Whatever they save; and a nominal start beyond the forecast does not matter."""
    run = demand("run", FORECAST, (3, 9), minimum_saving=0.5)
    lost = demand("run", FORECAST, (3, 9), nominal=8, minimum_saving=0.5)

    covered = (to_microseconds(at(3)), to_microseconds(at(4)))
    nominal = to_microseconds(at(8))
    assert job(run).allowed() == [covered]
    assert job(lost).allowed() == [covered, (nominal, nominal)]
    assert job(lost).cost(nominal) > max(job(lost).cost(m) for m in covered)
