"""How many calls are under way: more where that helps, one where it harms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from carbonaware_prefect.planner.pace import MOST, Pace


class Backend:
    """A server that is asked at a pace; its seconds pass without anybody waiting.

    Args:
        work: seconds of its own for each call, one call after the other.
        wait: seconds that a call waits for something else, beside other calls.
        turns_away: from how many calls at once on it has no time.
    """

    def __init__(self, work: float, wait: float, turns_away: int = 99) -> None:
        self.pace = Pace()
        self.most = 0
        self._under_way = 0
        self._work, self._wait, self._turns_away = work, wait, turns_away

    async def call(self) -> None:
        await self.pace.enter()
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        at_once = self._under_way
        await asyncio.sleep(0)
        self._under_way -= 1
        self.pace.leave()
        if at_once >= self._turns_away:
            self.pace.turned_away()
        else:
            seconds = max(self._work * at_once, self._work + self._wait)
            self.pace.answered("call", seconds)

    def answer(self, calls: int) -> None:
        """That many calls, all asked for at once."""

        async def all_of_them() -> None:
            await asyncio.gather(*(self.call() for _ in range(calls)))

        asyncio.run(all_of_them())


def test_it_starts_with_one() -> None:
    """Nobody has said yet that the server keeps up."""
    backend = Backend(work=1, wait=9)
    backend.answer(1)

    assert (backend.most, Pace().limit) == (1, 1)


def test_more_where_calls_wait_beside_one_another() -> None:
    """A server with time while its database works is given more to do, up to a limit."""
    backend = Backend(work=1, wait=9)
    backend.answer(200)

    assert backend.most == MOST


def test_few_where_calls_wait_for_one_another() -> None:
    """A server that has its hands full with one is asked little more than that."""
    backend = Backend(work=1, wait=0)
    backend.answer(1000)

    assert 2 <= backend.pace.limit < 5


def test_back_to_one_where_calls_are_turned_away() -> None:
    """As SQLite does, which has one writer: there it stays, and tries again rarely."""
    backend = Backend(work=1, wait=9, turns_away=2)
    backend.answer(1000)

    assert backend.most == 2
    assert int(backend.pace.limit) == 1


def test_all_get_their_turn() -> None:
    """In the order of asking."""
    pace = Pace()
    done: list[int] = []

    async def one(number: int) -> None:
        await pace.enter()
        await asyncio.sleep(0)
        done.append(number)
        pace.leave()

    async def many() -> None:
        await asyncio.gather(*map(one, range(20)))

    asyncio.run(many())
    assert done == list(range(20))


async def _cut_off_while_waiting(pace: Pace) -> None:
    await pace.enter()
    waiting = asyncio.ensure_future(pace.enter())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    pace.leave()


async def _cut_off_when_let_in(pace: Pace) -> None:
    await pace.enter()
    waiting = asyncio.ensure_future(pace.enter())
    await asyncio.sleep(0)
    pace.leave()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


@pytest.mark.parametrize("cut_off", [_cut_off_while_waiting, _cut_off_when_let_in])
def test_who_is_cut_off_keeps_no_place(
    cut_off: Callable[[Pace], Coroutine[Any, Any, None]],
) -> None:
    """The next one is let in at once."""
    pace = Pace()

    async def next_one() -> None:
        await cut_off(pace)
        await asyncio.wait_for(pace.enter(), 60)

    asyncio.run(next_one())
