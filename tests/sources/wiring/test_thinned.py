"""Answers of which only every other period was kept."""

from __future__ import annotations

from typing import Any

import pytest

from carbonaware_prefect.sources.wiring.thinned import held_until_the_next


def periods(*times: str) -> list[Any]:
    """Periods such as ``12:00-12:30`` of one day."""
    return [
        dict(
            zip(
                ("from", "to"), (f"2026-11-27T{at}Z" for at in each.split("-")), strict=True
            )
        )
        for each in times
    ]


def test_at_equal_distances() -> None:
    """Each lasts until the next one, and the last as long; the rest of each is kept."""
    found = held_until_the_next(
        [each | {"a": 1} for each in periods("12:00-12:30", "13:00-13:30", "14:00-14:30")]
    )

    assert found == [
        {
            "from": f"2026-11-27T{hour}:00Z",
            "to": f"2026-11-27T{hour + 1}:00:00+00:00",
            "a": 1,
        }
        for hour in (12, 13, 14)
    ]


@pytest.mark.parametrize(
    "given",
    [
        periods("12:00-12:30", "12:30-13:00", "13:00-13:30"),
        periods("12:00-12:30", "13:00-13:30"),
        periods("12:00-12:30", "13:00-13:30", "13:30-14:00"),
        periods("12:00-12:30", "13:00-14:00", "14:00-14:30"),
        periods("12:00-12:30", "14:00-14:30", "16:00-16:30"),
        periods("12:30-12:00", "13:30-13:00", "14:30-14:00"),
        [*periods("12:00-12:30", "13:00-13:30", "14:00-14:30"), 1],
        [*periods("12:00-12:30", "13:00-13:30", "14:00-14:30"), {"from": "soon", "to": ""}],
        [{"from": "2026-11-27T12:00Z", "to": "2026-11-27T12:30"}] * 3,
        [{}, {}, {}],
        [],
    ],
)
def test_nothing_is_assumed(given: list[object]) -> None:
    """Where they follow one another, or it may as well be a gap, or nobody knows."""
    assert held_until_the_next(given) is None
