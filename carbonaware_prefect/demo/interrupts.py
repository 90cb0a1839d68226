"""Ctrl-C, SIGTERM and a closed terminal, as one exception at a moment that can bear it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType, TracebackType
from typing import Any

__all__ = ["InterruptedDemo", "Interrupts"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptedDemo(BaseException):
    """Somebody wants the demo to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def exit_status(self) -> int:
        """What a shell reports for a program ended by this signal."""
        return 128 + self.number


class Interrupts:
    """Turns the first signal into `InterruptedDemo`, and only where one is welcome.

    Elsewhere (while a child is being started, while the stage is being cleared) a signal
    waits. Only the first counts: an impatient second Ctrl-C cuts nothing short.
    """

    def __init__(self) -> None:
        self._first: int | None = None
        self._raised = False
        self._welcome = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        for number in _SIGNALS:
            before = signal.getsignal(number)
            # Ignored on purpose, as under nohup: leave it so.
            if before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._handle)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        if self._first is not None and not self._raised:
            raise InterruptedDemo(self._first)

    @contextmanager
    def welcome(self, *, welcome: bool = True) -> Iterator[None]:
        """In this block a signal raises at once, one that waits at its beginning."""
        before, self._welcome = self._welcome, welcome
        try:
            self._raise_if_welcome()
            yield
        finally:
            self._welcome = before
        self._raise_if_welcome()

    def held(self) -> AbstractContextManager[None]:
        """In this block a signal waits."""
        return self.welcome(welcome=False)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._first is None:
            self._first = number
        self._raise_if_welcome()

    def _raise_if_welcome(self) -> None:
        if self._welcome and self._first is not None and not self._raised:
            self._raised = True
            raise InterruptedDemo(self._first)
