"""An HTTP server before the Prefect API that changes answers on their way."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.prefect_server.server import Server

__all__ = ["Front", "a_front"]

LOCKED = "(sqlite3.OperationalError) database is locked"


class Front:
    """What goes wrong on the way.

    Attributes:
        api: where to reach it.
        clock: how far the server's clock seems to be ahead.
        locked: how many bulk calls fail for half of their runs, inside an answer 200.
        busy: how many changes of labels are answered 503.
        asked: what was asked, method and path.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._target = server.api.removesuffix("/api")
        self.api = ""
        self.clock = timedelta(0)
        self.locked = 0
        self.busy = 0
        self.asked: list[str] = []
        self._turn = threading.Lock()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        with self._turn:
            self.asked.append(f"{method} {path}")
            if self.busy and path.endswith("/labels"):
                self.busy -= 1
                return httpx.codes.SERVICE_UNAVAILABLE, b""
            if self.locked and path.endswith("/bulk_set_state"):
                self.locked -= 1
                return self._half(path, json.loads(body))
        done = self._send(method, path, body)
        return done.status_code, done.content

    def _half(self, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        """Every second run of a batch meets a locked database."""
        ids = body["flow_runs"]["id"]["any_"]
        lucky, unlucky = ids[1::2], ids[::2]
        body["flow_runs"]["id"]["any_"] = lucky
        answer: dict[str, Any] = {"results": []}
        if lucky:
            answer = self._send("POST", path, json.dumps(body).encode()).json()
        answer["results"] += [
            {
                "flow_run_id": run,
                "status": "ABORT",
                "state": None,
                "details": {"type": "abort_details", "reason": LOCKED},
            }
            for run in unlucky
        ]
        return httpx.codes.OK, json.dumps(answer).encode()

    def _send(self, method: str, path: str, body: bytes) -> httpx.Response:
        headers = {"content-type": "application/json"}
        return httpx.request(
            method, f"{self._target}{path}", content=body, headers=headers, timeout=90
        )

    def date(self) -> str:
        """The Date header."""
        return format_datetime(self._server.now() + self.clock, usegmt=True)


def _handler(front: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            asked = self.rfile.read(length)
            status, body = front.answer(self.command, self.path, asked)
            self.send_response_only(status)
            self.send_header("Date", front.date())
            if status != httpx.codes.NO_CONTENT:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if status != httpx.codes.NO_CONTENT:
                self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815  as the base has it

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    return Handler


@contextmanager
def a_front(prefect: Server) -> Iterator[Front]:
    """One before this server, for as long as the block runs."""
    front = Front(prefect)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(front))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    front.api = f"http://127.0.0.1:{server.server_address[1]}/api"
    try:
        yield front
    finally:
        server.shutdown()
        server.server_close()
