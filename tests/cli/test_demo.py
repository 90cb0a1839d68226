"""The demo as a whole: a real server, worker and run, from a shell without terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.clock.real_time import RealTime
from tests.prefect_server.waiting import PATIENCE

pytestmark = [pytest.mark.server, pytest.mark.real_time(RealTime.DEMO)]

COMMAND = [sys.executable, "-m", "carbonaware_prefect", "demo"]
LINES = [
    "Prefect server is up; look at it while this runs: http://127.0.0.1:",
    "Work pool with 1 slot and a worker are up",
    "First run created",
    "ok    First run started: process",
    "ok    It chose its slot:",
    "ok    It went back to Scheduled: Waiting for cleaner electricity:",
    "ok    Its process is gone",
    "ok    Second run uses the freed slot: process",
    "ok    Second run completed while the first one waits",
    "ok    First run resumed at its slot",
    "ok    First run completed, in one attempt",
    "worker held",
]


class Demo:
    """The command under way, and what is there of it on this machine."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.out, self.err = folder / "out", folder / "err"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        # A profile of the user's that would break the demo if it reached it.
        hostile = {
            "PREFECT_API_URL": "http://127.0.0.1:9/api",
            "PREFECT_HOME": str(folder / "home"),
            "CARBONAWARE_WINDOW": "nonsense",
            "HTTP_PROXY": "http://127.0.0.1:9",
            "http_proxy": "http://127.0.0.1:9",
            "ALL_PROXY": "http://127.0.0.1:9",
            "TMPDIR": str(self.temporary),
        }
        with self.out.open("w") as out, self.err.open("w") as err:
            self.popen = subprocess.Popen(
                [*COMMAND, *arguments],
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                env=os.environ | hostile,
            )

    def wait(self) -> int:
        """Its exit status."""
        return self.popen.wait(PATIENCE)

    def wait_for_line(self, text: str) -> None:
        """Wait until it has said that."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.out.read_text():
            assert self.popen.poll() is None, self.out.read_text() + self.err.read_text()
            assert time.monotonic() < deadline, self.out.read_text()
            time.sleep(0.1)

    def processes(self) -> list[psutil.Process]:
        """Everything that lives with the demo's temporary folder in its environment."""
        found = []
        for process in psutil.process_iter():
            try:
                home = process.environ().get("PREFECT_HOME", "")
                lives = process.status() != psutil.STATUS_ZOMBIE
            except psutil.Error:
                continue
            if lives and home.startswith(str(self.temporary)):
                found.append(process)
        return found

    def assert_nothing_is_left(self) -> None:
        """No process, no temporary folder, nothing in the user's profile."""
        assert self.processes() == []
        assert list(self.temporary.iterdir()) == []
        assert not (self.folder / "home").exists()


@contextmanager
def a_demo(folder: Path, *arguments: str) -> Iterator[Demo]:
    """A demo under way that ends with its test."""
    demo = Demo(folder, *arguments)
    try:
        yield demo
    finally:
        if demo.popen.poll() is None:
            demo.popen.kill()
            demo.popen.wait()
        for process in demo.processes():
            process.kill()


def test_demo(tmp_path: Path) -> None:
    """The demo tells its steps in order, measures, exits 0 and leaves nothing behind."""
    with a_demo(tmp_path, "--json") as demo:
        status = demo.wait()
        told = demo.err.read_text()

        assert status == 0, told
        places = [told.find(line) for line in LINES]
        assert -1 not in places, told
        assert sorted(places) == places, told
        assert "\x1b" not in told
        assert all(line.startswith("[") for line in told.splitlines()), told
        measured = json.loads(demo.out.read_text())
        assert measured["ok"]
        assert measured["ratio"] > 1
        assert measured["waited_seconds"] > 10
        assert measured["worker_seconds"] < measured["sleeping_worker_seconds"]
        demo.assert_nothing_is_left()


@pytest.mark.parametrize(
    ("number", "after"),
    [
        (signal.SIGINT, "First run started"),
        (signal.SIGTERM, "Second run created"),
        (signal.SIGINT, None),
    ],
)
def test_interrupted(number: signal.Signals, after: str | None, tmp_path: Path) -> None:
    """A signal in the middle ends every process and removes the temporary folder."""
    with a_demo(tmp_path) as demo:
        if after is None:
            # The server is being started.
            deadline = time.monotonic() + PATIENCE
            while not demo.processes():
                assert time.monotonic() < deadline
                time.sleep(0.05)
        else:
            demo.wait_for_line(after)
            assert len(demo.processes()) > 1
        demo.popen.send_signal(number)
        status = demo.wait()

        assert status == 128 + number
        assert "nothing is left behind" in demo.out.read_text()
        assert demo.err.read_text() == ""
        demo.assert_nothing_is_left()


def test_server_does_not_come_up(tmp_path: Path) -> None:
    """Without a server the demo exits 1 and shows the end of the server's log."""
    # The children's interpreter finds this in place of Prefect.
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "__main__.py").write_text("raise SystemExit('no licence')\n")
    (tmp_path / "prefect" / "__init__.py").touch()
    done = subprocess.run(
        COMMAND,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        timeout=100,
        check=False,
    )

    assert done.returncode == 1
    assert "no licence" in done.stdout
    assert "FAILED the server ended with status 1" in done.stdout
