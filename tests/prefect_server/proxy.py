"""A TCP proxy before the Prefect API that makes things go wrong at exact moments."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType

from tests.prefect_server.waiting import eventually


@dataclass
class Trap:
    """What to do when a request matches: before it goes on, or after its answer came.

    ``act`` returns whether the bytes go on to where they were going; False closes the
    connection instead, or, where there is a ``reply``, gives that for an answer. It lets
    the first ``nth`` requests that match pass.
    """

    pattern: bytes
    moment: str
    act: Callable[[], bool]
    reply: bytes = b""
    nth: int = 0
    sprung: threading.Event = field(default_factory=threading.Event)

    def matches(self, data: bytes) -> bool:
        if self.sprung.is_set() or not re.search(self.pattern, data, re.DOTALL):
            return False
        self.nth -= 1
        return self.nth < 0


_BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


class Proxy:
    """Forwards to ``port``; every trap springs once.

    While ``down`` it refuses everything, and counts what it has ``refused``.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.traps: list[Trap] = []
        self.requests: list[str] = []
        self.down = False
        self.refused = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        # Connections with a request to which there is no answer yet.
        self._asking: set[socket.socket] = set()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Close every open connection."""
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def wait_for_answers(self) -> None:
        """Return when the server has answered all who used this, and who are gone now.

        What they had asked for is done all the same, also what was still on its way here.
        """
        # Who came before this one has been let in when it is closed.
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.shutdown(socket.SHUT_WR)
            last.recv(1)
        eventually(lambda: not self._open, what="all has an answer", every=0.02)

    def trap(
        self, pattern: bytes, moment: str, act: Callable[[], bool], *, nth: int = 0
    ) -> Trap:
        trap = Trap(pattern, moment, act, nth=nth)
        self.traps.append(trap)
        return trap

    def busy(self, pattern: bytes, times: int) -> list[Trap]:
        """Answer 503 to the next requests that match."""
        traps = [Trap(pattern, "before", lambda: False, _BUSY) for _ in range(times)]
        self.traps += traps
        return traps

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.down:
                self.refused += 1
                client.close()
                continue
            self._open.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                self._open.discard(client)
                return
            with server:
                server.settimeout(None)
                self._open |= {client, server}
                waiting: list[Trap] = []
                back = threading.Thread(
                    target=self._answers, args=(server, client, waiting), daemon=True
                )
                back.start()
                self._requests(client, server, waiting)
                # It may drop what it does for somebody who has closed the connection.
                eventually(
                    lambda: server not in self._asking or not back.is_alive(),
                    what="it has an answer",
                    every=0.02,
                )
                with contextlib.suppress(OSError):
                    server.shutdown(socket.SHUT_RDWR)
                back.join(5)
                self._open -= {client, server}
                self._asking.discard(server)

    def _requests(
        self, client: socket.socket, server: socket.socket, waiting: list[Trap]
    ) -> None:
        with contextlib.suppress(OSError):
            for request in _requests_of(client):
                head = request.split(b"\r\n", 1)[0]
                if is_http := head.endswith(b"HTTP/1.1"):
                    self.requests.append(head.decode(errors="replace")[:-9])
                trap = self._stopped_by(request, waiting)
                if trap is None:
                    if is_http:
                        self._asking.add(server)
                    server.sendall(request)
                elif trap.reply:
                    client.sendall(trap.reply)
                else:
                    return

    def _stopped_by(self, request: bytes, waiting: list[Trap]) -> Trap | None:
        """The trap that does not let a request go on, if there is one."""
        for trap in self.traps:
            if not trap.matches(request):
                continue
            if trap.moment == "after":
                waiting.append(trap)
                continue
            trap.sprung.set()
            if not trap.act():
                return trap
        return None

    def _answers(
        self, server: socket.socket, client: socket.socket, waiting: list[Trap]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := self._answer(server):
                while waiting:
                    trap = waiting.pop()
                    trap.sprung.set()
                    if not trap.act():
                        client.shutdown(socket.SHUT_RDWR)
                        return
                client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _answer(self, server: socket.socket) -> bytes:
        """What comes next of an answer; nothing at its connection's end."""
        try:
            return server.recv(1 << 16)
        finally:
            self._asking.discard(server)


def _requests_of(client: socket.socket) -> Iterator[bytes]:
    """Whole ones: head and body may come apart, and are looked at together."""
    held = b""
    while data := client.recv(1 << 16):
        held += data
        if _whole(held):
            yield held
            held = b""


def _whole(data: bytes) -> bool:
    """Whether these bytes are no HTTP request, or a complete one."""
    head, separator, body = data.partition(b"\r\n\r\n")
    if not re.match(rb"[A-Z]+ \S+ HTTP/1\.1\r\n", data):
        return True
    if not separator:
        return False
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return length is None or len(body) >= int(length.group(1))
