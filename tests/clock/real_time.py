"""What is tested on the real clock, and why: the one list."""

from __future__ import annotations

from enum import Enum

__all__ = ["RealTime"]


class RealTime(Enum):
    """Why a server, or a test with one, has the real time.

    A server is made either with the start of a clock of its own or with one of these.
    """

    POSTGRES = "PostgreSQL asks the operating system what time it is, and SQL asks it"
    DOCKER = "containers have the machine's time; Docker's own limits count its seconds"
    DEMO = "the demo is a promise about the seconds of whoever looks at it"
    BENCHMARKS = "what is measured is what it takes in real time"
