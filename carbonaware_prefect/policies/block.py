"""What of a ``carbon-policy`` block holds where a deployment says something itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from carbonaware_prefect.errors import InvalidSettingError

__all__ = ["DEPLOYABLE", "PLACE", "fields_below", "no_such_block"]

DEPLOYABLE = frozenset(
    {
        "window", "duration", "minimum_wait", "earlier", "latest_start", "finish_by",
        "not_between", "time_zone", "minimum_saving", "policy", "replan_gain", "max_moves",
        "freeze", "provider", "region", "zone", "source", "allow_typical",
    }
)  # fmt: skip
"""Settings that a deployment, a run, a work pool or a policy block may make."""
PLACE = ("provider", "region", "zone")


def fields_below(block: Mapping[str, Any], said: Iterable[str]) -> dict[str, Any]:
    """The block's settings that nothing above it says; a place is taken as a whole.

    Args:
        block: its data.
        said: names of the settings that the environment says.
    """
    above = set(said)
    if above.intersection(PLACE):
        above |= set(PLACE)
    return {
        name: value
        for name, value in block.items()
        if name in DEPLOYABLE and name not in above and value is not None
    }


def no_such_block(name: str) -> InvalidSettingError:
    """The error for a policy that nobody has saved."""
    return InvalidSettingError(
        f"CARBONAWARE_POLICY={name!r}: there is no carbon-policy block of that name; make "
        "one in the UI, or with CarbonPolicy(...).save(...)"
    )
