"""Work that may hang, in threads that nobody has to wait for.

`asyncio.to_thread` uses threads that the end of the loop, and of the process, waits for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["aside"]

T = TypeVar("T")


async def aside(work: Callable[[], T], *, name: str) -> T:
    """What ``work`` returns, from a thread that is left behind when the caller goes.

    Args:
        work: anything synchronous.
        name: of the thread.

    Raises:
        Exception: whatever ``work`` raises.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: Exception | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: T | None = None
        error: Exception | None = None
        try:
            result = work()
        except Exception as raised:  # noqa: BLE001  handed to the one who waits
            error = raised
        try:
            loop.call_soon_threadsafe(deliver, result, error)
        except RuntimeError:
            # The loop has ended meanwhile, and nobody waits any more.
            return

    threading.Thread(target=run, name=name, daemon=True).start()
    return await done
