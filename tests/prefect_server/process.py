"""Child processes of a test, and the environment that they get."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import uuid
from pathlib import Path

from carbonaware_prefect.demo.processes import end_all
from tests import sweeper

__all__ = ["Process", "clean_environment"]

_PROCESS = "CA_TESTS_PROCESS"


def clean_environment() -> dict[str, str]:
    """The environment without anything that would reach out of the test."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PREFECT_", "CARBONAWARE_"))
    }


class Process:
    """A child process in a group of its own, with its output in a file.

    Flow runs that it starts have sessions of their own. They inherit its mark.
    """

    def __init__(
        self,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        cwd: Path | None = None,
    ) -> None:
        self.log = log
        self._mark = uuid.uuid4().hex
        mark = {sweeper.VARIABLE: sweeper.watch(), _PROCESS: self._mark}
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                arguments,
                env=environment | mark,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=cwd,
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def alive(self) -> bool:
        return self.popen.poll() is None

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """End it at once, with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(60)
        end_all(_PROCESS, self._mark)
