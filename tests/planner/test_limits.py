"""The planner's own limits, as people write them, beside those that the server knows."""

from __future__ import annotations

from typing import Any

import pytest

from carbonaware_prefect.errors import InvalidSettingError
from carbonaware_prefect.planner.limits import Limits, parse_limits
from tests.planner.test_decide import upcoming


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, {}),
        ("", {}),
        ("20", {"*": 20}),
        ("DE=20, FR = 10", {"DE": 20, "FR": 10}),
        ("DE=20,*=5,", {"DE": 20, "*": 5}),
        ("my-pool=4", {"my-pool": 4}),
        ("a=b=4", {"a=b": 4}),
    ],
)
def test_limits_by_name(text: str | None, expected: dict[str, int]) -> None:
    """A number for all, or numbers by name with one for the others."""
    assert parse_limits(text, "CARBONAWARE_ZONE_LIMIT") == expected


@pytest.mark.parametrize("text", ["DE", "DE=", "DE=0", "-1", "DE=1.5", "DE=many", "DE:5"])
@pytest.mark.parametrize("variable", ["CARBONAWARE_ZONE_LIMIT", "CARBONAWARE_POOL_LIMIT"])
def test_what_is_no_limit(text: str, variable: str) -> None:
    """Anything else is refused, with the variable, its value and examples."""
    with pytest.raises(InvalidSettingError, match=rf"{variable}=.*write e\.g\."):
        parse_limits(text, variable)


@pytest.mark.parametrize(
    ("server", "own", "allowed"),
    [
        (None, {}, None),
        (7, {}, 7),
        (None, {"big": 4}, 4),
        (7, {"big": 4}, 4),
        (3, {"big": 4}, 3),
        (7, {"other": 4}, 7),
        (7, {"*": 4}, 4),
        (0, {"big": 4}, 4),
    ],
)
def test_the_tighter_limit_of_a_pool_holds(
    server: int | None, own: dict[str, int], allowed: int | None
) -> None:
    """What the workers allow is told to the planner; the server may know of less."""
    limits = Limits({}, {"big": {"concurrency_limit": server}}, own_zones={}, own_pools=own)
    run: Any = upcoming(pool="big")

    names = limits.of(run, None)

    assert names == (() if allowed is None else ("pool big",))
    assert limits.allowed.get("pool big") == allowed


def test_a_pool_that_the_server_did_not_tell_of_is_limited_too() -> None:
    """The planner's own limit needs nothing but its name."""
    limits = Limits({}, {}, own_zones={}, own_pools={"big": 2})

    assert limits.of(upcoming(pool="big"), "DE") == ("pool big",)
    assert limits.of(upcoming(), "DE") == ()
    assert limits.allowed == {"pool big": 2}


def test_a_zone_has_the_planners_limit() -> None:
    """By its name, or the one for all others."""
    limits = Limits({}, {}, own_zones={"DE": 2, "*": 5}, own_pools={})

    assert limits.of(upcoming(), "DE") == ("zone DE",)
    assert limits.of(upcoming(), "FR") == ("zone FR",)
    assert limits.allowed == {"zone DE": 2, "zone FR": 5}
