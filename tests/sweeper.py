"""Takes away what a test process started and made, however that process ends.

Its children carry a mark in their environment, and so do theirs, whatever session they
are in. A process of its own, the sweeper, waits until the marking one is gone, which
closes a pipe even after a SIGKILL; then it ends all that carry the mark and removes the
folders that have it in their names.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from functools import lru_cache
from pathlib import Path

import psutil

from carbonaware_prefect.demo.processes import end_all, living

__all__ = ["VARIABLE", "a_folder", "watch"]

VARIABLE = "CA_TESTS_OF"
# A database that is killed without a SIGTERM leaves a segment of shared memory behind.
_GRACE_SECONDS = 8.0
_MEMORY = Path("/dev/shm")  # noqa: S108


def watch() -> str:
    """Mark the children that this process starts from now on; returns the mark."""
    mark = _sweeper_of(os.getpid())
    os.environ[VARIABLE] = mark
    return mark


@lru_cache(maxsize=1)
def _sweeper_of(owner: int) -> str:
    mark = f"ca-{owner}-{uuid.uuid4().hex[:8]}"
    subprocess.Popen(
        [sys.executable, "-m", "tests.sweeper", mark],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != VARIABLE},
        # An interrupt from the keyboard is not for the sweeper.
        start_new_session=True,
    )
    return mark


def a_folder(*, memory: bool = False) -> Path:
    """A new folder that does not outlive this process.

    Args:
        memory: in memory rather than on disk, where the machine has such a place.
    """
    place = _MEMORY if memory and os.access(_MEMORY, os.W_OK) else tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix=f"{watch()}-", dir=place))


def sweep(mark: str) -> None:
    """End the processes that carry the mark, and remove the folders."""
    found = list(living(VARIABLE, mark))
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    psutil.wait_procs(found, timeout=_GRACE_SECONDS)
    end_all(VARIABLE, mark)
    for place in {_MEMORY, Path(tempfile.gettempdir())}:
        for path in place.glob(f"{mark}-*"):
            shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    sweep(sys.argv[1])
