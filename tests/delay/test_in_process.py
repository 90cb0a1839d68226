"""The in-process delay and its decorator, outside of Prefect."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from datetime import datetime, timedelta, timezone

import pytest
from freezegun import freeze_time

from carbonaware_prefect import carbonaware_delay, carbonaware_delay_decorator
from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.core import Forecast
from carbonaware_prefect.delay.in_process import wait_until
from carbonaware_prefect.errors import InvalidInputError

MINUTE = timedelta(minutes=1)


def dip_in(seconds: float) -> Forecast:
    """300 g/kWh, and 100 from ``seconds`` after now on."""
    at = utc_now() + timedelta(seconds=seconds)
    return Forecast.from_points(
        [(at - 60 * MINUTE, 300), (at, 100)], end=at + 600 * MINUTE, zone="DE"
    )


def test_waits_for_the_slot_and_wakes_within_a_second(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The call returns at the slot, at most a second late, and logs why it waited."""
    caplog.set_level(logging.INFO, "carbonaware_prefect")
    decision = carbonaware_delay(5 * MINUTE, MINUTE, source=dip_in(1.5))

    assert decision.slot is not None
    late = utc_now() - decision.slot.start
    assert timedelta(0) <= late < timedelta(seconds=1)
    assert "Waiting for cleaner electricity" in caplog.text
    assert "going on" in caplog.text


def test_nothing_cleaner_means_no_wait() -> None:
    """A flat forecast starts the work at once."""
    at = utc_now()
    flat = Forecast.from_points([(at - MINUTE, 200)], end=at + 600 * MINUTE)
    started = time.monotonic()
    decision = carbonaware_delay(source=flat)

    assert not decision.wait
    assert time.monotonic() - started < 1


def test_decorator_keeps_a_function_what_it_is() -> None:
    """Name, signature, docstring and result of a sync function stay."""

    @carbonaware_delay_decorator(5 * MINUTE, MINUTE, source=dip_in(0.5))
    def work(number: int, *, twice: bool = False) -> int:
        """Work."""
        return number * (2 if twice else 1)

    assert work(3, twice=True) == 6
    assert work.__name__ == "work"
    assert work.__doc__ == "Work."
    assert list(inspect.signature(work).parameters) == ["number", "twice"]


def test_decorator_never_blocks_the_event_loop() -> None:
    """While a decorated coroutine waits, other work of its loop goes on."""
    ticks = 0

    @carbonaware_delay_decorator(5 * MINUTE, MINUTE, source=dip_in(1.5))
    async def work() -> str:
        return "done"

    async def main() -> str:
        nonlocal ticks
        job = asyncio.create_task(work())
        while not job.done():
            ticks += 1
            await asyncio.sleep(0.05)
        return await job

    assert inspect.iscoroutinefunction(work)
    assert asyncio.run(main()) == "done"
    assert ticks >= 15


def test_decorated_coroutine_ends_at_once_when_cancelled() -> None:
    """Cancelling a waiting coroutine ends it within a tick of its loop."""

    @carbonaware_delay_decorator(5 * MINUTE, MINUTE, source=dip_in(60))
    async def work() -> None:
        raise AssertionError

    async def main() -> float:
        job = asyncio.create_task(work())
        await asyncio.sleep(0.7)
        started = time.monotonic()
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        return time.monotonic() - started

    assert asyncio.run(main()) < 0.5


def test_generators_stay_generators() -> None:
    """Sync and async generator functions wait at their first step and then yield."""

    @carbonaware_delay_decorator(5 * MINUTE, MINUTE, source=dip_in(0.3))
    def count() -> Iterator[int]:
        yield from (1, 2)

    @carbonaware_delay_decorator(5 * MINUTE, MINUTE, source=dip_in(0.3))
    async def acount() -> AsyncIterator[int]:
        for number in (1, 2):
            yield number

    async def collect() -> list[int]:
        return [number async for number in acount()]

    assert inspect.isgeneratorfunction(count)
    assert inspect.isasyncgenfunction(acount)
    assert list(count()) == [1, 2]
    assert asyncio.run(collect()) == [1, 2]


def test_an_async_generator_is_spoken_to_through_the_decorator() -> None:
    """What is sent, thrown or closed reaches the generator, and its answers come back."""
    heard: list[object] = []

    @carbonaware_delay_decorator(timedelta(microseconds=1), zone="DE")
    async def talk() -> AsyncGenerator[str, object]:
        try:
            heard.append((yield "first"))
            try:
                yield "second"
            except KeyError as error:
                heard.append(error)
                yield "recovered"
        finally:
            heard.append("closed")

    async def main() -> list[str]:
        stream, thrown = talk(), KeyError("thrown")
        said = [await anext(stream), await stream.asend("sent")]
        said.append(await stream.athrow(thrown))
        assert heard == ["sent", thrown]
        await stream.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        return said

    assert asyncio.run(main()) == ["first", "second", "recovered"]
    assert heard[2:] == ["closed"]


def test_what_an_async_generator_does_not_catch_comes_back() -> None:
    """An exception that the generator lets through ends it, as without the decorator."""

    @carbonaware_delay_decorator(timedelta(microseconds=1), zone="DE")
    async def talk() -> AsyncGenerator[int, None]:
        yield 1

    async def main() -> None:
        stream = talk()
        await anext(stream)
        with pytest.raises(ZeroDivisionError):
            await stream.athrow(ZeroDivisionError())
        assert [number async for number in stream] == []

    asyncio.run(main())


def test_decorator_without_parentheses_says_so() -> None:
    """Forgotten parentheses are told."""

    def work() -> None:
        """Work."""

    with pytest.raises(InvalidInputError, match="with its parentheses"):
        carbonaware_delay_decorator(work)  # type: ignore[arg-type]


def test_decorator_above_a_task_says_where_to_go() -> None:
    """Put above @task it says to go below."""
    from prefect import task

    @task
    def work() -> None:
        """Work."""

    with pytest.raises(InvalidInputError, match="below @task or @flow"):
        carbonaware_delay_decorator(zone="DE")(work)


def test_sigterm_ends_a_waiting_process_at_once() -> None:
    """A script that waits dies of SIGTERM like any other."""
    code = (
        "from datetime import timedelta as t\n"
        "from carbonaware_prefect.clock import utc_now\n"
        "from carbonaware_prefect.delay.in_process import wait_until\n"
        "print('waiting', flush=True)\n"
        "wait_until(utc_now() + t(minutes=5))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"waiting\n"
        started = time.monotonic()
        os.kill(child.pid, signal.SIGTERM)

        assert child.wait(10) == -signal.SIGTERM
        assert time.monotonic() - started < 1


def test_wait_follows_the_wall_clock() -> None:
    """A clock that is set forward (or a laptop that slept) ends the wait."""
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    with freeze_time(start) as clock:
        waiting = threading.Thread(target=wait_until, args=(start + timedelta(hours=6),))
        waiting.start()
        time.sleep(0.2)
        assert waiting.is_alive()
        clock.tick(timedelta(hours=6))
        waiting.join(2)
        assert not waiting.is_alive()


def test_a_past_moment_is_no_wait() -> None:
    """A moment that has passed returns at once."""
    started = time.monotonic()
    wait_until(utc_now() - MINUTE)

    assert time.monotonic() - started < 0.1
