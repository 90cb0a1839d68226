"""What holds for every test: it is alone, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from carbonaware_prefect.demo.processes import end_all, living
from tests import sweeper
from tests.prefect_server.fixtures import server, world
from tests.warm import host

__all__ = ["server", "world"]


# A process that was told to end may need a while for it.
_ENDING_SECONDS = 20.0


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start, also where they run in the background.

    A shell starts background jobs with SIGINT ignored, and children inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and spread what takes all cores among the rest.

    Two files with the mark ``infra`` at the same time would slow one another beyond
    their time limits.
    """
    marks: dict[Path, set[str]] = {}
    for item in items:
        marks.setdefault(item.path, set()).update(mark.name for mark in item.iter_markers())
    heavy = [path for path, names in marks.items() if "infra" in names]
    light = [
        path for path, names in marks.items() if "server" in names and "infra" not in names
    ]
    place = {path: (at + 0.5) / len(light) for at, path in enumerate(light)}
    place |= {path: at / len(heavy) for at, path in enumerate(heavy)}
    items.sort(key=lambda item: place.get(item.path, 1.0))


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Set up before all other fixtures, and so looks when all others have ended."""
    mark = sweeper.watch()
    yield

    def others() -> list[psutil.Process]:
        return [each for each in living(sweeper.VARIABLE, mark) if each.pid != host()]

    psutil.wait_procs(others(), timeout=_ENDING_SECONDS)
    left = []
    for process in others():
        with contextlib.suppress(psutil.Error):
            left.append(" ".join(process.cmdline()))
    end_all(sweeper.VARIABLE, mark)
    assert left == [], "processes are left"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing is asked on link-local addresses, and no forecast outlives its test.
    monkeypatch.setenv("CARBONAWARE_DETECT", "0")
    monkeypatch.setenv("CARBONAWARE_CACHE_DIR", "")
    # Nor do typical days that somebody learnt on this machine count.
    monkeypatch.setenv("CARBONAWARE_TYPICAL_DIR", "")
