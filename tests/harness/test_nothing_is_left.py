"""However a test process ends, it takes along what it started and made."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from carbonaware_prefect.demo.processes import living
from tests import sweeper
from tests.fleet.conftest import require_postgres
from tests.prefect_server.waiting import eventually

_ROOT = Path(__file__).parents[2]
_SIGNALS = {
    "interrupted": signal.SIGINT,
    "terminated": signal.SIGTERM,
    "killed": signal.SIGKILL,
}


def _processes(mark: str) -> list[psutil.Process]:
    return list(living(sweeper.VARIABLE, mark))


def _folders(mark: str) -> list[Path]:
    places = {Path("/dev/shm"), Path(tempfile.gettempdir())}  # noqa: S108
    return [path for place in places for path in place.glob(f"{mark}-*")]


@contextmanager
def _owner(how: str, what: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that owns others, and the mark that those carry."""
    waits = "waits" if how in _SIGNALS else how
    with subprocess.Popen(
        [sys.executable, "-m", "tests.harness.owner", waits, what],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        mark = owner.stdout.readline().strip()
        assert mark.startswith("ca-")
        yield owner, mark


def _end(owner: subprocess.Popen[str], how: str) -> None:
    if how in _SIGNALS:
        owner.send_signal(_SIGNALS[how])
    owner.communicate("\n", timeout=60)


@pytest.mark.parametrize("how", ["ends", "raises", *_SIGNALS])
def test_processes_and_folders_go_with_their_owner(how: str) -> None:
    """Children, those in sessions of their own and folders end with the test process."""
    with _owner(how, "processes") as (owner, mark):
        eventually(lambda: len(_processes(mark)) == 2, within=20, what="both are there")
        assert _folders(mark)
        _end(owner, how)
    eventually(
        lambda: not _processes(mark) and not _folders(mark),
        within=30,
        what=f"nothing is left of {mark}",
    )


@pytest.mark.infra
@pytest.mark.parametrize("how", ["raises", "killed"])
def test_database_goes_with_its_owner(how: str) -> None:
    """A PostgreSQL cluster leaves no process, no file and no shared memory."""
    require_postgres()
    before = _shared_memory()
    with _owner(how, "database") as (owner, mark):
        # Its children write their titles over their environment.
        (first,) = _processes(mark)
        processes = [first, *first.children(recursive=True)]
        assert len(processes) > 3
        _end(owner, how)
    eventually(
        lambda: not any(map(_lives, processes)) and not _folders(mark),
        within=30,
        what=f"nothing is left of {mark}",
    )
    assert _shared_memory() <= before


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _shared_memory() -> set[str]:
    """Segments of shared memory, by their ids."""
    table = Path("/proc/sysvipc/shm")
    if not table.exists():
        return set()
    return {line.split()[1] for line in table.read_text().splitlines()[1:]}


def test_a_test_that_leaves_a_process_fails(tmp_path: Path) -> None:
    """What a test session leaves is named, ended, and makes the session fail."""
    test = tmp_path / "test_careless.py"
    test.write_text(
        "import subprocess\ndef test_careless():\n    subprocess.Popen(['sleep', '543'])\n"
    )
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-p", "tests.conftest",
            "-p", "no:cacheprovider", "--override-ini", "addopts=",
            "--rootdir", tmp_path, test,
        ],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "1 passed, 1 error" in done.stdout
    assert "sleep 543" in done.stdout
