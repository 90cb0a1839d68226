"""The file that holds a clock: what to add to the machine's monotonic time, 8 bytes.

It is mapped into memory, so that a process reads each change at once, without a thread or
a system call. The monotonic time is the machine's, the same in all of its processes.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["LENGTH", "VARIABLE", "map_file", "reader"]

VARIABLE = "CA_TEST_CLOCK"
LENGTH = 8


def map_file(file: Path, *, to_write: bool = False) -> memoryview[int]:
    """The nanoseconds between monotonic zero and the epoch, as one element to read."""
    with file.open("r+b" if to_write else "rb") as opened:
        access = mmap.ACCESS_WRITE if to_write else mmap.ACCESS_READ
        return memoryview(mmap.mmap(opened.fileno(), LENGTH, access=access)).cast("q")


def reader(file: Path) -> Callable[[], int]:
    """A function like ``time.time_ns`` that reads the clock in that file."""
    shift = map_file(file)
    return lambda: time.monotonic_ns() + shift[0]
