"""The delay task: the flow run goes back to Scheduled and its worker is free."""

from __future__ import annotations

import re
import warnings
from collections.abc import Generator
from dataclasses import dataclass, fields
from datetime import time, timedelta, tzinfo
from typing import Any, get_args

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from carbonaware_prefect.core import Decision, Hours
from carbonaware_prefect.delay.choice import Ask, SourceLike
from carbonaware_prefect.delay.protocol import TASK_FUNCTION, Wait, delay_flow_run
from carbonaware_prefect.errors import InvalidInputError
from carbonaware_prefect.policies.bounds import parse_bounds
from carbonaware_prefect.settings import (
    DEFAULT_DURATION,
    DEFAULT_MINIMUM_WAIT,
    DEFAULT_WINDOW,
)

__all__ = ["DelayResult", "carbonaware_delay_task"]

_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
# The body looks at how the run was started; a cached result would skip the look.
_FIXED = {"persist_result": False, "cache_policy": NO_CACHE}


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayResult(Decision):
    """What a delay task decided.

    It can be awaited, and gives itself, so that ``await delay()`` and ``delay()`` mean
    the same in an async flow.
    """

    def __await__(self) -> Generator[None, None, DelayResult]:
        yield from ()
        return self


def carbonaware_delay_task(  # noqa: PLR0913  the first four are the older package's
    window: timedelta = DEFAULT_WINDOW,
    duration: timedelta = DEFAULT_DURATION,
    region: str | None = None,
    provider: str | None = None,
    *,
    zone: str | None = None,
    key: str | None = None,
    wait: Wait = "auto",
    source: SourceLike | None = None,
    minimum_wait: timedelta = DEFAULT_MINIMUM_WAIT,
    latest_start: str | time | timedelta | None = None,
    finish_by: str | time | timedelta | None = None,
    not_between: str | tuple[Hours, ...] | None = None,
    time_zone: str | tzinfo | None = None,
    minimum_saving: float | None = None,
    **task_kwargs: Any,
) -> Task[..., DelayResult]:
    """A Prefect task that delays its flow run to the cleanest start within ``window``.

    Call it first in the flow of a deployment. It puts the flow run back to Scheduled at
    the slot and the process ends: worker, memory and concurrency slot are free during
    the wait. At the slot the run starts again from the top, the delay task sees that its
    time has come, and the flow goes on. Where that is impossible (an ad-hoc run, a
    sub-flow, an open transaction, other tasks of the run executing) it waits in process
    and logs why.

    No fault of a forecast or of the API fails the run: it then starts at once, or waits
    in process.

    Args:
        window: longest wait; bounds the start, not the end.
        duration: expected run time of the work, which the mean intensity is taken over.
        region: cloud region; implies its provider where the name is unique.
        provider: ``"aws"``, ``"azure"`` or ``"gcp"``.
        zone: grid zone (``"DE"``) instead of provider and region.
        key: name of this delay in the run's record, when a flow has several whose order
            may change. A call may give its own: ``delay("stage-2")``, ``delay.map(keys)``.
        wait: ``"auto"``, ``"reschedule"`` (an error where that is impossible) or
            ``"in_process"``.
        source: forecast source, see docs/sources.md; by default ``"typical"``, the
            embedded table, or ``"auto"`` where credentials are set.
        minimum_wait: a nearer slot is waited for in process.
        latest_start: last allowed start: a time of day, ``"05:00"``, or a time from the
            nominal start. Of all limits the tightest holds.
        finish_by: when the work has to have ended, ``"07:00"``, likewise.
        not_between: hours that the work keeps free, ``"08:00-18:00"``.
        time_zone: of the times of day; by default the schedule's.
        minimum_saving: the least saving that is worth a wait, by default 0.02 (2 %).
        **task_kwargs: for `prefect.task`. ``persist_result`` and the cache settings are
            fixed, because a cached delay would not look again.

    Raises:
        InvalidInputError: (a ValueError) something given is not allowed.

    Example:
        >>> from prefect import flow
        >>> from carbonaware_prefect import carbonaware_delay_task
        >>> delay = carbonaware_delay_task(provider="gcp", region="us-central1")
        >>> @flow
        ... def nightly():
        ...     delay()
        ...     ...  # the work
    """
    ask = Ask(
        window=window,
        duration=duration,
        region=region,
        provider=provider,
        zone=zone,
        source=source,
        minimum_wait=minimum_wait,
        **parse_bounds(
            latest_start=latest_start,
            finish_by=finish_by,
            not_between=not_between,
            time_zone=time_zone,
            minimum_saving=minimum_saving,
        ),
    ).check()
    _check_key(key)
    if wait not in get_args(Wait):
        msg = f"wait must be one of {', '.join(get_args(Wait))}; got {wait!r}"
        raise InvalidInputError(msg)
    factory_key = key

    def body(key: str | None = None) -> DelayResult:
        _check_key(key)
        decision = delay_flow_run(ask, key=key or factory_key, wait=wait)
        return DelayResult(
            **{part.name: getattr(decision, part.name) for part in fields(decision)}
        )

    # Prefect builds a task's key from this name, and delay tasks know one another by it.
    body.__qualname__ = body.__name__ = TASK_FUNCTION
    return task(body, **_options(task_kwargs))


def _check_key(key: object) -> None:
    if key is not None and not (isinstance(key, str) and _KEY.fullmatch(key)):
        msg = f"key must be up to 64 letters, digits, '-' or '_'; got {key!r}"
        raise InvalidInputError(msg)


def _options(task_kwargs: dict[str, Any]) -> dict[str, Any]:
    refused = sorted(
        {"persist_result", "cache_policy", "cache_key_fn", "cache_expiration"}
        & {name for name, value in task_kwargs.items() if value is not None}
    )
    if refused:
        warnings.warn(
            f"the delay task ignores {', '.join(refused)}: its result is never cached",
            UserWarning,
            stacklevel=3,
        )
    kept = {name: value for name, value in task_kwargs.items() if name not in refused}
    return {"name": "carbonaware-delay"} | kept | _FIXED
