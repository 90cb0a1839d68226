"""Limits of a delay as a caller may write them: objects, or the words of the settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta, tzinfo
from typing import Any

from carbonaware_prefect.core import Hours
from carbonaware_prefect.errors import InvalidSettingError
from carbonaware_prefect.settings import parse_bound, parse_hours, parse_time_zone

__all__ = ["parse_bounds"]


def parse_bounds(
    *,
    latest_start: str | time | timedelta | None = None,
    finish_by: str | time | timedelta | None = None,
    not_between: str | tuple[Hours, ...] | None = None,
    time_zone: str | tzinfo | None = None,
    minimum_saving: float | None = None,
) -> dict[str, Any]:
    """The limits as `carbonaware_prefect.delay.choice.Ask` takes them.

    Args:
        latest_start: last allowed start: ``"05:00"`` or a time from the nominal start.
        finish_by: when the run has to have ended, likewise.
        not_between: ``"08:00-18:00"``, hours that the run keeps free.
        time_zone: of the times of day, ``"Europe/Berlin"``.
        minimum_saving: the least saving that is worth a wait, 0.02 for 2 %.

    Raises:
        InvalidSettingError: (a ValueError) names the argument and what is allowed.
    """
    return {
        "latest_start": _parsed("latest_start", latest_start, parse_bound),
        "finish_by": _parsed("finish_by", finish_by, parse_bound),
        "not_between": _parsed("not_between", not_between, parse_hours),
        "time_zone": _parsed("time_zone", time_zone, parse_time_zone),
        "minimum_saving": minimum_saving,
    }


def _parsed(name: str, said: Any, parse: Callable[[str], Any]) -> Any:
    if not isinstance(said, str):
        return said
    try:
        return parse(said)
    except ValueError as error:
        msg = f"{name}: {error}"
        raise InvalidSettingError(msg) from None
