"""A real HTTP server on a free loopback port that plays a forecast API, well or badly."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

__all__ = ["Api", "Asked", "Reply", "json_reply", "serve"]

Manner = Literal[
    "plain",
    "truncated",
    "drip_body",
    "drip_headers",
    "reset",
    "silence",
    "flood",
    "flood_unannounced",
    "garbage",
]

FLOOD_BYTES = 50 * 1024 * 1024
_CHUNK = b" " * 65536


@dataclass(frozen=True)
class Asked:
    """One request that the server saw."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What the server answers, and how."""

    status: int = 200
    headers: Mapping[str, str] = field(
        default_factory=lambda: {"Content-Type": "application/json"}
    )
    body: bytes = b""
    reason: str = "As Said"
    manner: Manner = "plain"


def json_reply(payload: object, status: int = 200, **headers: str) -> Reply:
    """A JSON answer; NaN is written as the (invalid, but common) token NaN."""
    return Reply(
        status=status,
        headers={
            "Content-Type": "application/json; charset=utf-8",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
        body=json.dumps(payload).encode(),
    )


class Api:
    """The server's part: what it answers, and what it has seen."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.bytes_sent = 0
        self.released = threading.Event()
        self.answer: Callable[[Asked], Reply] = lambda _: Reply(status=500)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: Api

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
        self.api.asked.append(asked)
        reply = self.api.answer(asked)
        self.close_connection = True
        # The client may leave, and should.
        with suppress(OSError):
            getattr(self, f"_{reply.manner}")(reply)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def _head(self, reply: Reply, length: int | None) -> None:
        self.send_response(reply.status, reply.reason)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()

    def _plain(self, reply: Reply) -> None:
        self._head(reply, None if reply.status in (204, 304) else len(reply.body))
        self.wfile.write(reply.body)

    def _truncated(self, reply: Reply) -> None:
        self._head(reply, len(reply.body) + 100)
        self.wfile.write(reply.body)

    def _drip_body(self, reply: Reply) -> None:
        self._head(reply, 10_000)
        while not self.api.released.wait(0.02):
            self.wfile.write(b" ")

    def _drip_headers(self, _: Reply) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.api.released.wait(0.02):
            self.wfile.write(b"z")

    def _reset(self, _: Reply) -> None:
        # Closing with unsent data and no linger sends RST instead of FIN.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def _silence(self, _: Reply) -> None:
        self.api.released.wait(5)

    def _flood(self, reply: Reply) -> None:
        self._head(reply, FLOOD_BYTES)
        self._pour()

    def _flood_unannounced(self, reply: Reply) -> None:
        self._head(reply, None)
        self._pour()

    def _pour(self) -> None:
        while self.api.bytes_sent < FLOOD_BYTES:
            self.wfile.write(_CHUNK)
            self.api.bytes_sent += len(_CHUNK)

    def _garbage(self, reply: Reply) -> None:
        self.wfile.write(b"\x00\x01 this is no HTTP \xff" + reply.body + b"\r\n\r\n")


@contextmanager
def serve(tls: ssl.SSLContext | None = None) -> Iterator[Api]:
    """An API on a port of its own, until the block ends."""
    api = Api()
    handler = type("Handler", (_Handler,), {"api": api})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    api.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.released.set()
        server.shutdown()
        server.server_close()
