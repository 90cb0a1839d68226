"""Stories that go on at the same time, each in a thread of its own, for several tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Stories(Generic[T]):
    """What was done to runs and seen of them, by name; asking waits for the story's end.

    Args:
        tell: a story, by its name.
        names: of those to begin with.
    """

    def __init__(self, tell: Callable[[str], T], names: Iterable[str]) -> None:
        self._tell, self._names = tell, list(names)
        self._threads = ThreadPoolExecutor(len(self._names))
        self._told: dict[str, Future[T]] = {}

    def __enter__(self) -> Stories[T]:
        for name in self._names:
            self.tell(name)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._threads.shutdown(cancel_futures=True)

    def tell(self, name: str) -> None:
        """Begin a story, also once more: for a second try of a test."""
        self._told[name] = self._threads.submit(self._tell, name)

    def __getitem__(self, name: str) -> T:
        return self._told[name].result()
