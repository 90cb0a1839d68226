"""The decorator: the in-process delay before each call of a function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar, cast

from typing_extensions import Unpack

from carbonaware_prefect.delay.choice import checked
from carbonaware_prefect.delay.in_process import delay, delay_async
from carbonaware_prefect.errors import InvalidInputError
from carbonaware_prefect.policies.fields import (
    DEFAULT_DURATION,
    DEFAULT_WINDOW,
    PolicyOptions,
)
from carbonaware_prefect.policies.given import GivenPolicy, given_in_call
from carbonaware_prefect.policies.signature import shows_options
from carbonaware_prefect.sources.base import SourceLike

__all__ = ["carbonaware_delay_decorator"]

P = ParamSpec("P")
R = TypeVar("R")


@shows_options()
def carbonaware_delay_decorator(
    window: timedelta = DEFAULT_WINDOW,
    duration: timedelta = DEFAULT_DURATION,
    region: str | None = None,
    provider: str | None = None,
    *,
    source: SourceLike | None = None,
    **options: Unpack[PolicyOptions],
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Delay each call of a function to the cleanest start within ``window``.

    The wait happens in this process, and for a coroutine function on its event loop,
    which goes on with other work. Put it *below* ``@task`` or ``@flow``. Signature, name
    and types of the function stay as they are.

    Args:
        window: longest wait; bounds the start, not the end.
        duration: expected run time of the work, which the mean intensity is taken over.
        region: cloud region; implies its provider where the name is unique.
        provider: ``"aws"``, ``"azure"`` or ``"gcp"``.
        source: forecast source, see docs/sources.md; by default ``"typical"``, the
            embedded table, or ``"auto"`` where credentials are set.
        **options: the above by name, see `PolicyOptions`; left out or None, the
            environment decides.

    Raises:
        InvalidInputError: (a ValueError) something given is not allowed.

    Example:
        >>> from carbonaware_prefect import carbonaware_delay_decorator
        >>> @carbonaware_delay_decorator(provider="gcp", region="us-central1")
        ... def train_model(epochs: int) -> int:
        ...     return epochs
    """
    if callable(window):
        msg = "write @carbonaware_delay_decorator() with its parentheses"
        raise InvalidInputError(msg)
    given = checked(
        given_in_call(window, duration, region, provider, source=source, **options)
    )

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        return _wrap(function, given)

    return decorate


def _wrap(function: Callable[P, R], given: GivenPolicy) -> Callable[P, R]:
    wrapped: object = function
    if not callable(wrapped) or type(wrapped).__module__.startswith("prefect."):
        kind = type(wrapped).__name__
        msg = (
            f"the decorator takes a function, got a {kind}; "
            "put @carbonaware_delay_decorator(...) below @task or @flow"
        )
        raise InvalidInputError(msg)
    # Prefect tells the four kinds apart by inspection, so each stays what it is.
    if inspect.isasyncgenfunction(function) or inspect.iscoroutinefunction(function):
        wrapper = _wrap_async(function, given)
    else:
        wrapper = _wrap_sync(function, given)
    return cast("Callable[P, R]", wrapper)


def _wrap_sync(call: Callable[..., Any], given: GivenPolicy) -> Callable[..., Any]:
    if inspect.isgeneratorfunction(call):

        @functools.wraps(call)
        def generate(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            delay(given)
            return (yield from call(*args, **kwargs))

        return generate

    @functools.wraps(call)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        delay(given)
        return call(*args, **kwargs)

    return wrapper


def _wrap_async(call: Callable[..., Any], given: GivenPolicy) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(call):

        @functools.wraps(call)
        async def generate(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            await delay_async(given)
            stream = call(*args, **kwargs)
            try:
                item = await anext(stream)
                while True:
                    try:
                        sent = yield item
                    except GeneratorExit:  # noqa: PERF203  any step may be the last
                        await stream.aclose()
                        raise
                    except BaseException as error:  # noqa: BLE001  it is the caller's
                        item = await stream.athrow(error)
                    else:
                        item = await stream.asend(sent)
            except StopAsyncIteration:
                return

        return generate

    @functools.wraps(call)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        await delay_async(given)
        return await call(*args, **kwargs)

    return wrapper
