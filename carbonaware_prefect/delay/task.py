"""The delay task: the flow run goes back to Scheduled and its worker is free."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Generator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, cast, get_args

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from typing_extensions import Unpack

from carbonaware_prefect.core import Decision
from carbonaware_prefect.delay.choice import checked
from carbonaware_prefect.delay.protocol import TASK_FUNCTION, Wait, delay_flow_run
from carbonaware_prefect.delay.task_options import TaskOptions
from carbonaware_prefect.errors import InvalidInputError
from carbonaware_prefect.policies.fields import (
    DEFAULT_DURATION,
    DEFAULT_WINDOW,
    FIELDS,
    OPTIONS,
    PolicyOptions,
)
from carbonaware_prefect.policies.given import given_in_call, unknown_argument
from carbonaware_prefect.policies.signature import shows_options
from carbonaware_prefect.sources.base import SourceLike

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


@shows_options(others="task_kwargs")
def carbonaware_delay_task(
    window: timedelta = DEFAULT_WINDOW,
    duration: timedelta = DEFAULT_DURATION,
    region: str | None = None,
    provider: str | None = None,
    *,
    key: str | None = None,
    wait: Wait = "auto",
    source: SourceLike | None = None,
    **options: Unpack[TaskOptions],
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
        key: name of this delay in the run's record, when a flow has several whose order
            may change. A call may give its own: ``delay("stage-2")``, ``delay.map(keys)``.
        wait: ``"auto"``, ``"reschedule"`` (an error where that is impossible) or
            ``"in_process"``.
        source: forecast source, see docs/sources.md; by default ``"typical"``, the
            embedded table, or ``"auto"`` where credentials are set.
        **options: the above by name, see `PolicyOptions`; left out or None, the
            environment decides. All others are for `prefect.task`; ``persist_result``
            and the cache settings are fixed, because a cached delay would not look
            again.

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
    policy, for_task = _split(options)
    given = checked(
        given_in_call(window, duration, region, provider, source=source, **policy)
    )
    _check_key(key)
    if wait not in get_args(Wait):
        msg = f"wait must be one of {', '.join(get_args(Wait))}; got {wait!r}"
        raise InvalidInputError(msg)
    factory_key = key

    def body(key: str | None = None) -> DelayResult:
        _check_key(key)
        decision = delay_flow_run(given, key=key or factory_key, wait=wait)
        return DelayResult(
            **{part.name: getattr(decision, part.name) for part in fields(decision)}
        )

    # Prefect builds a task's key from this name, and delay tasks know one another by it.
    body.__qualname__ = body.__name__ = TASK_FUNCTION
    return task(body, **_task_options(for_task))


def _split(options: Mapping[str, Any]) -> tuple[PolicyOptions, dict[str, Any]]:
    """The options of the policy, and those for `prefect.task`."""
    known = inspect.signature(task).parameters
    for name in options:
        if name not in OPTIONS and name not in known:
            raise unknown_argument(name, {*FIELDS, *known, "key", "wait"})
    policy = {name: value for name, value in options.items() if name in OPTIONS}
    rest = {name: value for name, value in options.items() if name not in OPTIONS}
    return cast("PolicyOptions", policy), rest


def _check_key(key: object) -> None:
    if key is not None and not (isinstance(key, str) and _KEY.fullmatch(key)):
        msg = f"key must be up to 64 letters, digits, '-' or '_'; got {key!r}"
        raise InvalidInputError(msg)


def _task_options(task_kwargs: dict[str, Any]) -> dict[str, Any]:
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
