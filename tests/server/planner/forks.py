"""Passes in processes of their own, which can be killed before any call that they make.

A planner's process takes a second of processor time until it begins. These are forked from
one that has imported all that they need, and do from there on what others do.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests import sweeper
from tests.prefect_server.proxy import Proxy
from tests.prefect_server.server import Server

__all__ = ["WRITE", "Forks", "forks"]

_ROOT = Path(__file__).parents[3]
# A request that may change something.
WRITE = rb"\A(?:PUT|PATCH|DELETE|POST (?!\S+/(?:filter|paginate|count) ))"


class Forks:
    """Makes passes, one at a time.

    Args:
        server: what they plan.
        folder: for what they print.
    """

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._out, self._err = folder / "forks.out", folder / "forks.err"
        self._has_begun = threading.Event()
        self._pid = 0
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.server.planner.forks"],
            env=server.environment() | {sweeper.VARIABLE: sweeper.watch()},
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def a_pass(self, api: str) -> dict[str, Any]:
        """One pass to its end, by way of that API; its report."""
        status = self._run(api)
        assert status == 0, self._err.read_text()
        report: dict[str, Any] = json.loads(self._out.read_text())
        return report

    def killed_pass(self, proxy: Proxy, pattern: bytes = WRITE, nth: int = 0) -> bool:
        """A pass that is killed when it is about to make such a request.

        Several may be under way at once; the others have their effect when this returns.

        Args:
            proxy: its way to the server.
            pattern: of the request.
            nth: how many that match are let pass before.

        Returns:
            Whether it came to that; otherwise it ended by itself.
        """
        self._has_begun.clear()
        trap = proxy.trap(pattern, "before", self._kill, nth=nth)
        status = self._run(proxy.api)
        proxy.traps.remove(trap)
        proxy.wait_for_answers()
        killed = trap.sprung.is_set()
        assert status == (-signal.SIGKILL if killed else 0), self._err.read_text()
        return killed

    def _run(self, api: str) -> int:
        assert self._parent.stdin is not None
        order = {"api": api, "out": str(self._out), "err": str(self._err)}
        self._parent.stdin.write(json.dumps(order).encode() + b"\n")
        self._parent.stdin.flush()
        self._pid = self._answer()
        self._has_begun.set()
        return self._answer()

    def _answer(self) -> int:
        assert self._parent.stdout is not None
        return int(self._parent.stdout.readline())

    def _kill(self) -> bool:
        """End it at once; what it was about to send is not sent."""
        self._has_begun.wait()
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self._pid)
            process.kill()
            process.wait()
        return False

    def close(self) -> None:
        """End the process that forks, and its last child."""
        with suppress(ProcessLookupError):
            os.killpg(self._parent.pid, signal.SIGKILL)
        self._parent.communicate()


@contextmanager
def forks(server: Server, folder: Path) -> Iterator[Forks]:
    """Ended with the block."""
    parent = Forks(server, folder)
    try:
        yield parent
    finally:
        parent.close()


def _plan(order: dict[str, str]) -> None:
    """What ``carbonaware-prefect plan --json`` does."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from carbonaware_prefect.cli import main

    for stream, path in ((1, order["out"]), (2, order["err"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), stream)
    sys.argv = ["carbonaware-prefect", "plan", "--json"]
    status: Any = 1
    try:
        with temporary_settings({PREFECT_API_URL: order["api"]}):
            status = main()
    except SystemExit as end:
        status = end.code
    finally:
        sys.stdout.flush()
        # Without the second that an interpreter takes to forget all it had imported.
        os._exit(status or 0)


def _serve() -> None:
    """Fork for each order on standard input; print the child's id and how it ended."""
    import carbonaware_prefect.cli.app
    import carbonaware_prefect.cli.reports.plan
    import carbonaware_prefect.sources.wiring.catalogue  # noqa: F401  needed in each child

    for line in sys.stdin:
        child = os.fork()
        if not child:
            _plan(json.loads(line))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _serve()
