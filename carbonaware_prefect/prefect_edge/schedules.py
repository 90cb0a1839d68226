"""When the next run of a schedule is due, as Prefect's server works it out."""

from __future__ import annotations

import json
from collections.abc import Coroutine, Mapping
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, TypeVar

from prefect.server.schemas.schedules import SCHEDULE_TYPES
from pydantic import TypeAdapter

from carbonaware_prefect.errors import CarbonAwareError

__all__ = ["next_due"]

T = TypeVar("T")
_SCHEDULE: TypeAdapter[Any] = TypeAdapter(SCHEDULE_TYPES)


def next_due(schedule: Mapping[str, Any], after: datetime) -> datetime | None:
    """The first due time (UTC) of a schedule that lies after ``after`` (aware).

    Args:
        schedule: as the API gives it: ``{"cron": …}``, ``{"interval": …}``,
            ``{"rrule": …}``.
        after: a moment, such as the due time of one of its runs.

    Returns:
        None where nothing is due any more, or nobody can tell.
    """
    dates = _dates(json.dumps(schedule, sort_keys=True, default=str), after)
    later = [date for date in dates if date > after]
    # Of the standard library, whatever Prefect makes it of.
    return datetime.fromtimestamp(later[0].timestamp(), timezone.utc) if later else None


# Passes of a planner ask for the same ones again and again.
@lru_cache(maxsize=4096)
def _dates(schedule: str, start: datetime) -> tuple[datetime, ...]:
    """The first two due times that do not lie before ``start``."""
    try:
        return tuple(_finished(_read(schedule).get_dates(n=2, start=start)))
    except Exception:  # noqa: BLE001  a schedule that Prefect cannot read is none
        return ()


@lru_cache(maxsize=4096)
def _read(schedule: str) -> Any:
    return _SCHEDULE.validate_json(schedule)


def _finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing; also inside an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        coroutine.close()
    msg = "a schedule waits for something; its dates are unknown"
    raise CarbonAwareError(msg)
