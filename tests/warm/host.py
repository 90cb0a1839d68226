"""Imports what the processes of tests import, and forks one for each that is asked for.

    python -m tests.warm.host FOLDER ROOM

It listens at ``FOLDER/socket``, and says so with a line on its standard output.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import threading
from pathlib import Path

from tests.warm import fresh, modules
from tests.warm.jobs import Job, received


class Host:
    """Forks, passes signals on, and tells how processes ended.

    Args:
        path: of the socket.
    """

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(256)
        # By the connection to the client, or to its witness, the fork.
        self._clients: dict[socket.socket, int] = {}
        self._witnesses: dict[socket.socket, int] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)

    def next_job(self) -> Job:
        """Serve, for ever; returns in a process that was forked for a job."""
        woken, wake = socket.socketpair()
        for end in (woken, wake):
            end.setblocking(False)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(woken, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    if job := self._fork():
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        woken.close()
                        wake.close()
                        return job
                elif key.fileobj is woken:
                    with contextlib.suppress(BlockingIOError):
                        woken.recv(1 << 10)
                elif key.fileobj in self._clients:
                    self._signal(key.fileobj)
                elif key.fileobj in self._witnesses:
                    self._signal_group(key.fileobj)
            self._reap()

    def _fork(self) -> Job | None:
        client, _ = self._listener.accept()
        job = received(client)
        if job is None:
            client.close()
            return None
        host = os.getpid()
        if not (child := os.fork()):
            fresh.die_with(host)
            self._close(client, job.witness)
            return job
        for file in job.files.values():
            os.close(file)
        self._clients[client] = self._witnesses[job.witness] = child
        for each in (client, job.witness):
            self._selector.register(each, selectors.EVENT_READ)
        return None

    def _signal(self, client: socket.socket) -> None:
        """What its client was sent; SIGKILL where that client is gone."""
        number = _told(client) or signal.SIGKILL
        if number == signal.SIGKILL:
            self._selector.unregister(client)
        os.kill(self._clients[client], number)

    def _signal_group(self, witness: socket.socket) -> None:
        """What the client's group was sent, to all that its fork has started."""
        number, child = _told(witness), self._witnesses[witness]
        if number == 0 or number is None:
            self._selector.unregister(witness)
            del self._witnesses[witness]
            witness.close()
        if number == 0:
            return
        for pid in _group(child):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number or signal.SIGKILL)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                child, ended = os.waitpid(-1, os.WNOHANG)
                if not child:
                    return
                (client,) = (each for each, pid in self._clients.items() if pid == child)
                del self._clients[client]
                status = os.waitstatus_to_exitcode(ended)
                with contextlib.suppress(OSError):
                    client.sendall(status.to_bytes(4, "big", signed=True))
                with contextlib.suppress(KeyError):
                    self._selector.unregister(client)
                client.close()

    def _close(self, *others: socket.socket) -> None:
        self._selector.close()
        for each in (self._listener, *self._clients, *self._witnesses, *others):
            each.close()


def _told(by: socket.socket) -> int | None:
    """The number of a signal, or None where nobody is left who could tell one."""
    with contextlib.suppress(OSError):
        if said := by.recv(1):
            return said[0]
    return None


def _group(leader: int) -> list[int]:
    """The other processes of its group."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208  names
        with contextlib.suppress(ValueError, ProcessLookupError):
            if os.getpgid(int(name)) == leader != int(name):
                found.append(int(name))
    return found


def main(folder: Path) -> None:
    """Serve; ends in each fork with what that was forked for."""
    modules.import_all()
    fresh.prepare()
    space = fresh.Space()
    host = Host(folder / "socket")
    assert threading.active_count() == 1, threading.enumerate()
    gc.collect()
    gc.freeze()
    print("listens", flush=True)
    job = host.next_job()
    fresh.become(job, executable=str(folder / "python"), space=space)
    fresh.execute(job.arguments)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
