"""Processes that the demo starts, and the certainty that none of them is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

__all__ = ["Child", "end_all", "living", "python", "variable_of"]

_TAIL_LINES = 25
_ROUNDS = 50


def python(*arguments: str) -> list[str]:
    """A command line for this interpreter, whatever is first on the path."""
    return [sys.executable, "-m", *arguments]


class Child:
    """A child process in a session of its own, with its output in a file."""

    def __init__(
        self, arguments: list[str], *, environment: dict[str, str], folder: Path, log: str
    ) -> None:
        self.log: Path = folder / log
        with self.log.open("ab") as output:
            self._popen = subprocess.Popen(  # noqa: S603  arguments are our own
                arguments,
                env=environment,
                # Prefect reads settings from files in its working directory.
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    def ended(self) -> int | None:
        """Its exit status, or None while it lives."""
        return self._popen.poll()

    def tail(self) -> str:
        """The end of what it said."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])

    def kill(self) -> None:
        """End it and its group at once."""
        if self._popen.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait(10)


def variable_of(process: psutil.Process, name: str) -> str | None:
    """A variable of a process's environment; None also when we may not read it."""
    try:
        return process.environ().get(name)
    except (psutil.Error, OSError):
        return None


def living(name: str, value: str) -> Iterator[psutil.Process]:
    """Every live process on this machine that was started with that variable."""
    for process in psutil.process_iter():
        if process.pid != os.getpid() and variable_of(process, name) == value:
            with contextlib.suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE:
                    yield process


def end_all(name: str, value: str) -> int:
    """End every process that was started with that variable; how many there were.

    Flow runs have sessions of their own and survive their worker, so neither process
    groups nor parents find them all; the environment that they inherit does.
    """
    ended: set[int] = set()
    for _ in range(_ROUNDS):
        found = list(living(name, value))
        if not found:
            break
        for process in found:
            ended.add(process.pid)
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(0.05)
    return len(ended)
