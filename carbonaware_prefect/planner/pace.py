"""How many calls may be under way at once: more while answers stay quick, fewer if not.

A server on PostgreSQL works on several calls while each of them waits for the database.
One on SQLite has one writer: there, calls at once only stand in one another's way, or are
turned away. Nobody tells which it is, so the pace starts at one call and feels its way, as
TCP Vegas does (Brakmo and Peterson, 1995): from the quickest answers of a kind and the
present one follows how many of the calls under way are only waiting for others.
"""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Pace"]

MOST = 8
"""More would only wait inside the server, which is one process."""
# Calls that wait for others, of those under way: below the one add, above the other take.
_FEW, _MANY = 1.0, 2.0
# Answers after a "no time" before another call is added; twice as many after the next.
_CAUTION, _MOST_CAUTION = 50, 1600
# The quickest answers are forgotten at this rate, since the server's load changes.
_FORGET = 1.002


class Pace:
    """A limit on calls under way that adapts itself.

    Attributes:
        limit: how many calls may be under way now, 1 to `MOST`.
    """

    def __init__(self) -> None:
        self.limit: float = 1.0
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._quickest: dict[str, float] = {}
        self._caution = _CAUTION
        self._careful_for = 0

    async def enter(self) -> None:
        """Return when one more call may begin; in the order of asking."""
        if self._under_way < int(self.limit) and not self._waiting:
            self._under_way += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """A call has ended."""
        self._under_way -= 1
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._under_way < int(self.limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self._under_way += 1
                turn.set_result(None)

    def answered(self, kind: str, seconds: float) -> None:
        """An answer came.

        Args:
            kind: calls of one kind take the same time on an idle server.
            seconds: how long it took, for each thing that it was about.
        """
        quickest = min(seconds, self._quickest.get(kind, seconds) * _FORGET)
        self._quickest[kind] = quickest
        if self._careful_for > 0:
            self._careful_for -= 1
            return
        queued = self._under_way * (1 - quickest / seconds) if seconds > 0 else 0.0
        if queued < _FEW and self._under_way >= int(self.limit):
            self.limit = min(float(MOST), self.limit + 1 / self.limit)
        elif queued > _MANY:
            self.limit = max(1.0, self.limit - 1 / self.limit)
        self._let_in()

    def turned_away(self) -> None:
        """The server had no time for a call: half as many, and no more for a while."""
        self.limit = max(1.0, self.limit / 2)
        self._careful_for = self._caution
        self._caution = min(2 * self._caution, _MOST_CAUTION)
