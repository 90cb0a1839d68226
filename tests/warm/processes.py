"""The host of this test process, and who stands for whom."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from functools import lru_cache
from pathlib import Path

import psutil

from carbonaware_prefect.demo.processes import variable_of
from tests import sweeper
from tests.warm.jobs import CLIENT

__all__ = ["client_of", "fork_of", "host", "parent_of", "python"]

_ROOT = Path(__file__).parents[2]
_LOCALE = ("LANG", "LC_ALL", "LC_CTYPE")
_SHEBANG_ROOM = 120
# Room for the arguments and the environment that forks show in /proc.
_ARGUMENTS, _ENVIRONMENT = "a" * 8_192, "e" * 65_536
_lock = threading.Lock()


def python() -> str:
    """The command that is used instead of ``sys.executable``.

    Where the system has no /proc, or a name is too long for the first line of a script,
    that is the interpreter itself.
    """
    line = f"#!{sys.executable} -SE"
    if sys.platform != "linux" or len(line) > _SHEBANG_ROOM or " " in sys.executable:
        return sys.executable
    with _lock:
        process, folder = _host(os.getpid())
        assert process.poll() is None, (folder / "log").read_text()
    return str(folder / "python")


def host() -> int | None:
    """The process that forks, if one was needed so far."""
    with _lock:
        started = _host.cache_info().currsize
        return _host(os.getpid())[0].pid if started else None


@lru_cache(maxsize=1)
def _host(owner: int) -> tuple[subprocess.Popen[bytes], Path]:
    del owner
    folder = sweeper.a_folder()
    locale = tuple(os.environ.get(name) for name in _LOCALE)
    script = folder / "python"
    script.write_text(
        f"#!{sys.executable} -SE\n"
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        f"from launcher import main\n"
        f"main({sys.executable!r}, {str(folder / 'socket')!r}, {locale!r})\n"
    )
    script.chmod(0o755)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PREFECT_", "CARBONAWARE_", "PYTHON", "CA_TEST_"))
    }
    home = {"PREFECT_HOME": str(folder / "home"), sweeper.VARIABLE: sweeper.watch()}
    room = {"CA_ROOM": _ENVIRONMENT}
    log = folder / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm.host", folder, _ARGUMENTS],
            cwd=_ROOT,
            env=environment | home | room,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    assert process.stdout is not None
    assert process.stdout.readline() == b"listens\n", log.read_text()
    return process, folder


def client_of(pid: int) -> int:
    """The process that stands for a fork, for whoever started it; any other for itself."""
    client = _client_of(pid)
    return pid if client is None else client_of(client)


def fork_of(pid: int) -> int:
    """The fork that a process stands for; any other stands for itself."""
    for process in psutil.process_iter():
        if _client_of(process.pid) == pid:
            return fork_of(process.pid)
    return pid


def parent_of(pid: int) -> int | None:
    """Who started a process; of a fork, who started its client."""
    try:
        parent = psutil.Process(client_of(pid)).parent()
    except psutil.NoSuchProcess:
        return None
    return parent.pid if parent else None


def _client_of(pid: int) -> int | None:
    try:
        told = variable_of(psutil.Process(pid), CLIENT)
    except psutil.NoSuchProcess:
        return None
    own, _, client = (told or "").partition(" ")
    return int(client) if own == str(pid) else None
