"""Imports what a flow run needs, and forks a process for each that is asked for.

It is started with the path of the socket at which it listens.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from typing import Any

import carbonaware_prefect

# What `prefect.engine` imports by and by.
_MODULES = (
    "prefect.events.clients",
    "prefect.flow_engine",
    "prefect.logging.handlers",
    "prefect.runner.storage",
    "prefect.task_engine",
    "prefect.task_runners",
)


@dataclass
class Job:
    """A flow run's process to be.

    Attributes:
        env: its environment.
        cwd: its folder.
        files: its standard input, output and error.
    """

    env: dict[str, str]
    cwd: str
    files: list[int]


class Host:
    """Forks, passes signals on, and tells how processes ended.

    Args:
        path: of the socket.
    """

    def __init__(self, path: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(64)
        self._clients: dict[int, socket.socket] = {}
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
                    client, _ = self._listener.accept()
                    job = _received(client)
                    if not (child := os.fork()):
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        self._close(client, woken, wake)
                        return job
                    for file in job.files:
                        os.close(file)
                    self._clients[child] = client
                    self._selector.register(client, selectors.EVENT_READ, child)
                elif key.fileobj is woken:
                    with contextlib.suppress(BlockingIOError):
                        woken.recv(1 << 10)
                elif key.data in self._clients:
                    self._signal(key.data)
            self._reap()

    def _signal(self, child: int) -> None:
        """What its client was sent; SIGKILL where that client is gone."""
        number = signal.SIGKILL
        with contextlib.suppress(OSError):
            if sent := self._clients[child].recv(1):
                number = signal.Signals(sent[0])
        if number == signal.SIGKILL:
            self._selector.unregister(self._clients[child])
        os.kill(child, number)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                child, ended = os.waitpid(-1, os.WNOHANG)
                if not child:
                    return
                client = self._clients.pop(child)
                status = os.waitstatus_to_exitcode(ended)
                with contextlib.suppress(OSError):
                    client.sendall(status.to_bytes(4, "big", signed=True))
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(client)
                client.close()

    def _close(self, *others: socket.socket) -> None:
        self._selector.close()
        for each in (self._listener, *self._clients.values(), *others):
            each.close()


def _received(client: socket.socket) -> Job:
    length, files, _, _ = socket.recv_fds(client, 8, 3)
    text = client.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)
    said: dict[str, Any] = json.loads(text)
    return Job(env=said["env"], cwd=said["cwd"], files=list(files))


def become(job: Job) -> None:
    """Let this process be the one that a worker wants to have started."""
    import prefect.context

    os.environ.clear()
    os.environ.update(job.env)
    os.chdir(job.cwd)
    for number, file in enumerate(job.files):
        os.dup2(file, number)
        os.close(file)
    sys.argv = ["prefect.engine"]
    sys.path[0] = job.cwd
    # Read from the environment when Prefect was imported.
    prefect.context.GLOBAL_SETTINGS_CONTEXT = prefect.context.root_settings_context()


if __name__ == "__main__":
    for name in _MODULES:
        importlib.import_module(name)
    # They are loaded when they are asked for.
    for name in carbonaware_prefect.__all__:
        getattr(carbonaware_prefect, name)
    assert threading.active_count() == 1, threading.enumerate()
    gc.collect()
    gc.freeze()
    become(Host(sys.argv[1]).next_job())
    # Others import it too, and Python warns of what it executes a second time.
    sys.modules.pop("prefect.engine", None)
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
