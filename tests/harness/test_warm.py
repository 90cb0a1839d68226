"""A fork is to whoever starts it what an interpreter is, but for the time that takes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.prefect_server.process import Process
from tests.prefect_server.waiting import eventually
from tests.warm import client_of, fork_of, parent_of, python
from tests.warm.real import REAL

_FACTS = """
import json, os, sys
print(json.dumps({
    "argv": sys.argv, "path": sys.path, "name": __name__, "folder": os.getcwd(),
    "environment": {**os.environ, "CA_TESTS_CLIENT": ""}, "read": sys.stdin.read(),
    "main": sys.modules["__main__"].__dict__ is globals(),
}))
print("to the other", file=sys.stderr)
"""
# Waits for its end, with a child in its group; both write down what signals they get.
_WAITING = """
import os, signal, subprocess, sys, time
def note(number, _):
    print(sys.argv[1], signal.Signals(number).name, flush=True)
signal.signal(signal.SIGTERM, note)
if sys.argv[1] == "first":
    subprocess.Popen([sys.executable, sys.argv[0], "second"])
print(sys.argv[1], os.getpid(), flush=True)
time.sleep(600)
"""


def _run(command: str, *arguments: str, **options: str) -> dict[str, object]:
    done = subprocess.run(
        [command, *arguments],
        env=os.environ | options,
        input="something",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "to the other\n"
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("how", ["script", "-m", "-c"])
def test_it_finds_what_an_interpreter_finds(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arguments, ``sys.path``, environment, folder and streams are those of a fresh one."""
    script = tmp_path / "below" / "facts.py"
    script.parent.mkdir()
    script.write_text(_FACTS)
    monkeypatch.chdir(tmp_path)
    what = {"script": [str(script)], "-m": ["-m", "below.facts"], "-c": ["-c", _FACTS]}[how]
    told = {"PYTHONPATH": str(tmp_path / "more"), "SOME": "thing"}

    assert _run(python(), *what, "a", "b c", **told) == _run(
        sys.executable, *what, "a", "b c", **told
    )


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit",
        "raise SystemExit(3)",
        "raise SystemExit('why')",
        "1 / 0",
        "raise KeyboardInterrupt",
        "import os; os._exit(5)",
        "import os; os.kill(os.getpid(), 9)",
        "import os; os.kill(os.getpid(), 15)",
        "import atexit; atexit.register(print, 'at the end')",
        "import threading; threading.Timer(0.1, print, ['in a thread']).start()",
        (
            "import multiprocessing as m\nif __name__ == '__main__':\n"
            "    with m.get_context('spawn').Pool(1) as pool: print(pool.map(abs, [-1]))"
        ),
    ],
)
def test_it_ends_as_an_interpreter_ends(code: str) -> None:
    """With the same status, or by the same signal, after the same last words."""
    fork, real = (
        subprocess.run([command, "-c", code], capture_output=True, text=True, check=False)
        for command in (python(), sys.executable)
    )

    assert (fork.returncode, fork.stdout) == (real.returncode, real.stdout)
    assert fork.stderr == real.stderr


@pytest.mark.parametrize("arguments", [["-V"], ["-S", "-c", "print(1)"], ["nowhere.py"]])
def test_what_it_does_not_know_the_interpreter_does(arguments: list[str]) -> None:
    """Options that no fork can follow start an interpreter."""
    fork, real = (
        subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
        for command in (python(), sys.executable)
    )

    assert (fork.returncode, fork.stdout) == (real.returncode, real.stdout)


def test_no_two_draw_the_same_numbers() -> None:
    """Each fork has random numbers of its own, also where Prefect draws names of runs."""
    code = (
        "import random, uuid; from prefect.utilities.names import generate_slug\n"
        "print(random.random(), uuid.uuid4(), generate_slug(2), sep='\\n')"
    )
    told = [
        subprocess.check_output([python(), "-c", code], text=True).split() for _ in range(2)
    ]

    assert len({*told[0], *told[1]}) == 6


def test_settings_are_those_of_its_environment(tmp_path: Path) -> None:
    """Prefect's settings, and the level at which it logs, are read in the fork."""
    code = (
        "import logging; from prefect.settings import get_current_settings as get\n"
        "print(get().home, get().api.url, logging.getLogger('prefect').level)"
    )
    told = {
        "PREFECT_HOME": str(tmp_path),
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
        "PREFECT_LOGGING_LEVEL": "ERROR",
    }
    said = subprocess.check_output([python(), "-c", code], env=os.environ | told, text=True)

    assert said.split() == [str(tmp_path), "http://127.0.0.1:9/api", "40"]


@contextmanager
def _waiting(folder: Path) -> Iterator[tuple[Process, dict[str, int]]]:
    """A process with a child, and what both say are their ids."""
    script = folder / "waiting.py"
    script.write_text(_WAITING)
    process = Process([python(), str(script), "first"], dict(os.environ), folder / "log")
    try:
        eventually(lambda: process.output().count("\n") == 2, what="both wait")
        words = (line.split() for line in process.output().splitlines())
        yield process, {name: int(pid) for name, pid in words}
    finally:
        process.kill()
    assert not any(map(psutil.pid_exists, (process.pid, fork_of(process.pid))))


def test_who_stands_for_whom(tmp_path: Path) -> None:
    """A fork's client, its parent and its command line are told by its id."""
    with _waiting(tmp_path) as (process, pids):
        second = psutil.Process(pids["second"])

        assert client_of(pids["first"]) == process.pid
        assert fork_of(process.pid) == pids["first"]
        assert parent_of(pids["first"]) == os.getpid()
        assert parent_of(pids["second"]) == pids["first"]
        assert second.cmdline() == [python(), str(tmp_path / "waiting.py"), "second"]


def test_one_that_is_executed_in_its_place(tmp_path: Path) -> None:
    """A fork that lets another command take its place is told by that one's id too."""
    code = "import os, sys; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    script = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    arguments = [python(), "-c", code, "-c", script]
    process = Process(arguments, dict(os.environ), tmp_path / "log")
    try:
        eventually(process.output, what="it has begun")
        pid = int(process.output())

        assert (client_of(pid), fork_of(process.pid)) == (process.pid, pid)
        assert parent_of(pid) == os.getpid()
    finally:
        process.kill()


@pytest.mark.parametrize("group", [False, True])
def test_signals_reach_whom_they_are_meant_for(tmp_path: Path, *, group: bool) -> None:
    """A signal to the process comes to its fork, one to its group to all of that."""
    expected = ["first SIGTERM", "second SIGTERM"] if group else ["first SIGTERM"]
    with _waiting(tmp_path) as (process, _):
        (os.killpg if group else os.kill)(process.pid, signal.SIGTERM)
        eventually(
            lambda: sorted(process.output().splitlines()[2:]) == expected,
            what="the signals come",
        )
        # Had it gone to both, that would have come by the time that this one is there.
        os.kill(process.pid, signal.SIGTERM)
        eventually(
            lambda: (
                sorted(process.output().splitlines()[2:])
                == sorted([*expected, "first SIGTERM"])
            ),
            what="one more comes",
        )


@pytest.mark.parametrize("group", [False, True])
def test_it_is_killed_with_whom_it_stands_behind(tmp_path: Path, *, group: bool) -> None:
    """SIGKILL to the process ends its fork, and to its group all that is in that."""
    with _waiting(tmp_path) as (process, pids):
        (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
        first, second = (psutil.Process(pid) for pid in pids.values())
        psutil.wait_procs([first, second] if group else [first])

        assert process.popen.wait() == -signal.SIGKILL
        assert second.is_running() is not group


def test_one_that_is_killed_takes_along_who_stands_for_it(tmp_path: Path) -> None:
    """SIGKILL to the fork itself is how its process ends, as its parent sees it."""
    with _waiting(tmp_path) as (process, pids):
        os.kill(pids["first"], signal.SIGKILL)

        assert process.popen.wait() == -signal.SIGKILL


def test_what_is_not_forked_is_in_the_list() -> None:
    """A file that starts a real interpreter is listed with its reason, and no other one."""
    tests = Path(__file__).parents[1]
    files = (file for file in tests.rglob("*.py") if file.parent.name != "warm")
    found = {
        file.relative_to(tests).as_posix()
        for file in files
        if "sys.executable" in file.read_text(encoding="utf-8")
    }

    assert found == REAL.keys()
