"""The ``Date`` of a server's answers, which uvicorn keeps for a second, on the clock."""

from __future__ import annotations

import time
from email.utils import formatdate

from uvicorn.server import ServerState

__all__ = ["follow_the_clock"]

_Headers = list[tuple[bytes, bytes]]


def follow_the_clock() -> None:
    """Let uvicorn date each answer when it is made."""

    def get(state: ServerState) -> _Headers:
        date = (b"date", formatdate(time.time(), usegmt=True).encode())
        return [date, *state.__dict__.get("default_headers", [])]

    def put(state: ServerState, headers: _Headers) -> None:
        others = [header for header in headers if header[0] != b"date"]
        state.__dict__["default_headers"] = others

    ServerState.default_headers = property(get, put)  # type: ignore[assignment]
