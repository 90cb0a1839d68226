"""The private engine: nothing outlives it, and a machine without one is told so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker.conftest import REQUIRED, started_engine
from tests.docker.engine import Engine
from tests.prefect_server.waiting import eventually

pytestmark = pytest.mark.infra

_ROOT = Path(__file__).parents[2]
_SIGNALS = {"interrupted": signal.SIGINT, "killed": signal.SIGKILL}


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _processes(name: str) -> list[str]:
    """Processes of an engine and of its containers."""
    return [
        f"process {folder.name}"
        for folder in Path("/proc").glob("[0-9]*")
        if name in _read(folder / "cmdline") or name in _read(folder / "cgroup")
    ]


def _traces(name: str) -> list[str]:
    """All that an engine with this name has left on the machine."""
    places = [Path("/tmp"), Path("/dev/shm"), Path("/sys/fs/cgroup")]  # noqa: S108
    return [
        *_processes(name),
        *(line for line in _read(Path("/proc/mounts")).splitlines() if name in line),
        *(str(place / name) for place in places if (place / name).exists()),
        *(str(found) for found in Path("/sys/fs/cgroup").glob(f"*/{name}")),
    ]


@pytest.mark.parametrize("how", ["ends", "raises", "interrupted", "killed"])
def test_nothing_is_left_behind(engine: Engine, how: str) -> None:
    """However its owner ends, an engine takes processes, mounts, groups and files along."""
    there = Path("/run/docker").exists()
    waits = "waits" if how in _SIGNALS else how
    with subprocess.Popen(
        [sys.executable, "-m", "tests.docker.holding", waits],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        name = Path(owner.stdout.readline().strip()).name
        assert name.startswith("ca-engine-"), owner.communicate()
        # The container is there, or nothing would be shown below.
        assert len(_processes(name)) > 3
        if how in _SIGNALS:
            owner.send_signal(_SIGNALS[how])
        owner.communicate("\n", timeout=60)

    eventually(lambda: not _traces(name), within=20, what=f"no trace of {name}")
    assert Path("/run/docker").exists() == there


def test_nothing_is_left_of_an_engine_that_was_killed() -> None:
    """After a SIGKILL to the engine itself, stopping still takes everything away."""
    engine = started_engine()
    name = engine.folder.name
    assert engine._keeper is not None
    assert _processes(name)
    os.kill(engine._keeper.pid, signal.SIGKILL)
    engine.stop()

    eventually(lambda: not _traces(name), within=20, what=f"no trace of {name}")


def test_machine_without_an_engine_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ``dockerd`` the tests are skipped, with what to install."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(REQUIRED, raising=False)

    with pytest.raises(pytest.skip.Exception, match="no container engine: "):
        started_engine()


def test_flag_makes_a_missing_engine_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where CI sets its flag, a machine without an engine fails."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv(REQUIRED, "1")

    with pytest.raises(pytest.fail.Exception, match=REQUIRED):
        started_engine()
