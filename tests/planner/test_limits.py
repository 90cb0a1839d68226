"""The planner's own limit per zone, as people write it."""

from __future__ import annotations

import pytest

from carbonaware_prefect.errors import InvalidSettingError
from carbonaware_prefect.planner.limits import parse_zone_limit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, {}),
        ("", {}),
        ("20", {"*": 20}),
        ("DE=20, FR = 10", {"DE": 20, "FR": 10}),
        ("DE=20,*=5,", {"DE": 20, "*": 5}),
    ],
)
def test_zone_limits(text: str | None, expected: dict[str, int]) -> None:
    """A number for all zones, or numbers by zone with one for the others."""
    assert parse_zone_limit(text) == expected


@pytest.mark.parametrize("text", ["DE", "DE=", "DE=0", "-1", "DE=1.5", "DE=many", "DE:5"])
def test_what_is_no_zone_limit(text: str) -> None:
    """Anything else is refused, with the variable, its value and examples."""
    with pytest.raises(InvalidSettingError, match=r"CARBONAWARE_ZONE_LIMIT=.*write e\.g\."):
        parse_zone_limit(text)
