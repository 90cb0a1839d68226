"""The clock in processes of all kinds: whatever they ask tells its time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.clock import WallClock
from tests.clock.telling import DAYS, SECONDS, WAYS
from tests.warm import python

# Before its last minute, so that no test sees the day end.
START = datetime(2026, 3, 28, 18, 0, 30, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


class Teller:
    """A process that tells the time when it is asked."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self) -> dict[str, float]:
        """What time it is there, in seconds since the epoch, by every way to tell it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def a_teller(clock: WallClock, command: str) -> Iterator[Teller]:
    """A process on the clock."""
    with subprocess.Popen(
        [command, "-m", "tests.clock.telling"],
        env=os.environ | clock.environment() | {"TZ": "UTC"},
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Teller(process)


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    """A clock on an evening in March."""
    return WallClock(tmp_path / "clock", START)


@pytest.fixture(scope="module", params=["interpreter", "fork"])
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[float, dict[str, float], float]]:
    """What a process told: the time just before, its answers, and the time just after.

    Before a move, after it, and in a process that has started since.
    """
    clock = WallClock(tmp_path_factory.mktemp("clock") / "clock", START)
    command = sys.executable if request.param == "interpreter" else python()
    found = []

    def ask(teller: Teller) -> None:
        before = clock.now().timestamp()
        answers = teller.ask()
        found.append((before, answers, clock.now().timestamp()))

    with a_teller(clock, command) as first:
        ask(first)
        clock.move_to(START + 30 * HOUR)
        ask(first)
        clock.advance(24 * HOUR)
        with a_teller(clock, command) as later:
            ask(later)
    return found


@pytest.mark.parametrize("when", [0, 1, 2], ids=["at first", "moved", "started later"])
@pytest.mark.parametrize("way", [*WAYS, *SECONDS, *DAYS])
def test_every_way_to_tell_the_time(
    told: list[tuple[float, dict[str, float], float]], way: str, when: int
) -> None:
    """A process has the clock's time in threads, forks, children and SQL, at once."""
    before, answers, after = told[when]
    cut = 86400.0 if way in DAYS else 1.0 if way in SECONDS else 0.002

    assert before - cut <= answers[way] <= after


def test_it_goes_on_by_itself_and_monotonic_time_is_real(clock: WallClock) -> None:
    """The clock runs as fast as the machine's, whose monotonic time no move changes."""
    begun, there = time.monotonic(), clock.now()
    clock.advance(HOUR)
    while clock.now() == there + HOUR:
        pass
    passed = clock.now() - there - HOUR

    assert timedelta(0) < passed <= timedelta(seconds=time.monotonic() - begun)


def test_it_moves_forward_only(clock: WallClock) -> None:
    """What is past is refused, with both times in the message, and nothing changes."""
    with pytest.raises(ValueError, match="only moves forward: it is 2026-03-28 18"):
        clock.move_to(START - HOUR)
    with pytest.raises(ValueError, match="only moves forward, not by -1 day, 23:00:00"):
        clock.advance(-HOUR)

    clock.reach(START - HOUR)
    assert START <= clock.now() < START + HOUR


def test_the_test_itself_may_be_on_it(clock: WallClock) -> None:
    """Within the block this process has the clock's time, also after a move."""
    with clock.here():
        first = datetime.now(timezone.utc)
        clock.move_to(START + HOUR)
        second = datetime.now(timezone.utc)

    assert START <= first < START + HOUR <= second
    assert datetime.now(timezone.utc) > START + timedelta(days=1)


@pytest.mark.parametrize("kind", ["interpreter", "fork"])
def test_a_process_without_its_clock_does_not_start(clock: WallClock, kind: str) -> None:
    """A process whose clock is gone ends with an error: it would have another time."""
    environment = clock.environment()
    Path(environment["CA_TEST_CLOCK"]).unlink()
    done = subprocess.run(
        [sys.executable if kind == "interpreter" else python(), "-c", "print('started')"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "FileNotFoundError" in done.stderr


def test_times_of_files_are_real(clock: WallClock, tmp_path: Path) -> None:
    """What the operating system writes down is not on the clock."""
    file = tmp_path / "file"
    before = time.time()
    with clock.here():
        file.touch()

    assert file.stat().st_mtime >= before - 1
