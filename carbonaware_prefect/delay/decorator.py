"""The decorator: the in-process delay before each call of a function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar, cast

from carbonaware_prefect.delay.choice import Ask, SourceLike
from carbonaware_prefect.delay.in_process import delay, delay_async
from carbonaware_prefect.errors import InvalidInputError
from carbonaware_prefect.settings import DEFAULT_DURATION, DEFAULT_WINDOW

__all__ = ["carbonaware_delay_decorator"]

P = ParamSpec("P")
R = TypeVar("R")


def carbonaware_delay_decorator(
    window: timedelta = DEFAULT_WINDOW,
    duration: timedelta = DEFAULT_DURATION,
    region: str | None = None,
    provider: str | None = None,
    *,
    zone: str | None = None,
    source: SourceLike | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Delay each call of a function to the cleanest start within ``window``.

    The wait happens in this process, and for a coroutine function on its event loop,
    which goes on with other work. Put it *below* ``@task`` or ``@flow``. Signature, name
    and types of the function stay as they are. Parameters and errors are those of
    `carbonaware_delay`.

    Example:
        >>> from carbonaware_prefect import carbonaware_delay_decorator
        >>> @carbonaware_delay_decorator(provider="gcp", region="us-central1")
        ... def train_model(epochs: int) -> int:
        ...     return epochs
    """
    if callable(window):
        msg = "write @carbonaware_delay_decorator() with its parentheses"
        raise InvalidInputError(msg)
    ask = Ask(
        window=window,
        duration=duration,
        region=region,
        provider=provider,
        zone=zone,
        source=source,
    ).check()

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        return _wrap(function, ask)

    return decorate


def _wrap(function: Callable[P, R], ask: Ask) -> Callable[P, R]:
    given: object = function
    if not callable(given) or type(given).__module__.startswith("prefect."):
        kind = type(given).__name__
        msg = (
            f"the decorator takes a function, got a {kind}; "
            "put @carbonaware_delay_decorator(...) below @task or @flow"
        )
        raise InvalidInputError(msg)
    # Prefect tells the four kinds apart by inspection, so each stays what it is.
    if inspect.isasyncgenfunction(function) or inspect.iscoroutinefunction(function):
        wrapper = _wrap_async(function, ask)
    else:
        wrapper = _wrap_sync(function, ask)
    return cast("Callable[P, R]", wrapper)


def _wrap_sync(call: Callable[..., Any], ask: Ask) -> Callable[..., Any]:
    if inspect.isgeneratorfunction(call):

        @functools.wraps(call)
        def generate(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            delay(ask)
            return (yield from call(*args, **kwargs))

        return generate

    @functools.wraps(call)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        delay(ask)
        return call(*args, **kwargs)

    return wrapper


def _wrap_async(call: Callable[..., Any], ask: Ask) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(call):

        @functools.wraps(call)
        async def generate(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
            await delay_async(ask)
            async for item in call(*args, **kwargs):
                yield item

        return generate

    @functools.wraps(call)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        await delay_async(ask)
        return await call(*args, **kwargs)

    return wrapper
