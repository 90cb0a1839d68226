"""Starts processes and makes a folder as the tests do, and is then ended.

    python -m tests.harness.owner HOW WHAT

HOW is ``ends``, ``raises`` (in the middle) or ``waits`` (for a signal); WHAT is
``processes`` or ``database``. It prints its mark when everything is there.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

from tests import sweeper
from tests.fleet.postgres import a_database
from tests.prefect_server.process import Process

# A child in a session of its own, as flow runs are.
_CHILD = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                 start_new_session=True)
time.sleep(600)
"""


def _own(how: str, what: str) -> None:
    folder = sweeper.a_folder(memory=True)
    with a_database() if what == "database" else contextlib.nullcontext():
        if what == "processes":
            arguments = [sys.executable, "-c", _CHILD]
            Process(arguments, dict(os.environ), Path(folder, "log"))
        print(sweeper.watch(), flush=True)
        sys.stdin.read(1)
        if how == "raises":
            message = "as a failing test does"
            raise RuntimeError(message)
        if how == "waits":
            time.sleep(600)


if __name__ == "__main__":
    _own(*sys.argv[1:])
