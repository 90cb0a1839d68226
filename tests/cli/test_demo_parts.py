"""The demo's parts, without a server."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import psutil
import pytest

from carbonaware_prefect.charts.terminal import draw
from carbonaware_prefect.core import Interval, Slot, find_slot
from carbonaware_prefect.demo import forecast as forecasts
from carbonaware_prefect.demo.api import State
from carbonaware_prefect.demo.interrupts import InterruptedDemo, Interrupts
from carbonaware_prefect.demo.measure import measure
from carbonaware_prefect.demo.processes import end_all, living
from carbonaware_prefect.demo.show import show_on
from carbonaware_prefect.demo.waiting import until
from carbonaware_prefect.demo.watch import RUN_VARIABLE, Stay, Watch
from carbonaware_prefect.errors import DemoFailedError
from carbonaware_prefect.sources.file import FileSource

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)


def at(seconds: float) -> datetime:
    """That many seconds after noon."""
    return NOON + seconds * SECOND


def state(kind: str, seconds: float, name: str = "") -> State:
    """A state of that type, that many seconds after noon."""
    return State(kind, name or kind.capitalize(), "", at(seconds), None)


def test_forecast_file_has_the_dip(tmp_path: Path) -> None:
    """The written file, read by the file source, is cleanest at the dip."""
    file = tmp_path / "forecast.csv"
    forecasts.write(forecasts.dipping_at(at(40)), file)
    read = FileSource(file).fetch(None, Interval(NOON, at(140)))
    slot = find_slot(read, earliest=NOON, latest_start=at(120), duration=20 * SECOND)

    assert Slot(at(40), at(60), forecasts.LOW) == slot


def test_chart_marks_the_slot() -> None:
    """The marked columns are those of the slot, and their bars are the lowest."""
    slot = Slot(at(40), at(60), forecasts.LOW)
    chart = draw(forecasts.dipping_at(at(40)), slot, now=NOON)
    first, last = chart.slot

    assert chart.lines[-1][first:last] == "---slot---"
    assert chart.lines[0].rstrip() == chart.lines[0]
    assert chart.lines[0][first:last].strip() == ""
    assert chart.lines[-2][first:last] == "█" * 10


def test_chart_in_ascii() -> None:
    """Where blocks do not arrive, the chart does with ASCII."""
    slot = Slot(at(2), at(4), forecasts.LOW)
    chart = draw(forecasts.dipping_at(at(2)), slot, now=NOON, ascii_only=True)

    assert all(line.isascii() for line in chart.lines)
    assert "^" in chart.lines[-1]


def test_measurements() -> None:
    """The worker is held from each taking until the process is gone, and not between."""
    history = [
        state("SCHEDULED", 0),
        state("PENDING", 1),
        state("PENDING", 1.5, "Submitting"),
        state("RUNNING", 4),
        state("SCHEDULED", 5),
        state("SCHEDULED", 36, "Late"),
        state("PENDING", 40),
        state("RUNNING", 45.2),
        state("COMPLETED", 47),
    ]
    stays = [
        Stay(at(2), at(6), {1}, megabytes=100, megabyte_seconds=300),
        Stay(at(41), at(48), {2}, megabytes=100, megabyte_seconds=600),
    ]
    measured = measure(history, stays, slot=at(45), nominal=300, chosen=100)

    assert measured.worker_seconds == 5 + 8
    assert measured.sleeping_worker_seconds == 47
    assert measured.ratio == 3.6
    assert (measured.waited_seconds, measured.late_seconds) == (40.2, 0.2)
    assert measured.memory_megabyte_seconds == 900
    assert measured.sleeping_memory_megabyte_seconds == 900 + 35 * 100
    assert measured.saving_percent == 66.7


def test_measurements_of_a_run_that_stayed() -> None:
    """A run that was taken once only is no result, it is a failure."""
    history = [state("SCHEDULED", 0), state("PENDING", 1), state("RUNNING", 4)]

    with pytest.raises(DemoFailedError, match="took the run 1 times"):
        measure(history, [Stay(at(2), at(48))], slot=at(45), nominal=300, chosen=100)


def test_a_signal_raises_where_it_is_welcome() -> None:
    """Once, at once, with the exit status that a shell gives; the handlers come back."""
    before = signal.getsignal(signal.SIGTERM)
    interrupts = Interrupts()
    with interrupts:
        with (
            pytest.raises(InterruptedDemo, match="SIGTERM") as caught,
            interrupts.welcome(),
        ):
            signal.raise_signal(signal.SIGTERM)
        with interrupts.welcome():
            signal.raise_signal(signal.SIGINT)

    assert caught.value.exit_status == 143
    assert before is signal.getsignal(signal.SIGTERM)


def test_a_signal_waits_while_held() -> None:
    """A signal in a held block is raised after it, and what the block does is done."""
    interrupts, done = Interrupts(), []

    def start_a_child() -> None:
        with interrupts.held():
            signal.raise_signal(signal.SIGINT)
            done.append("child")
        done.append("never")

    with interrupts, pytest.raises(InterruptedDemo), interrupts.welcome():
        start_a_child()

    assert done == ["child"]


def test_a_signal_while_clearing() -> None:
    """A signal outside of any welcoming block is raised when everything is over."""
    done = []

    def clear() -> None:
        with Interrupts():
            signal.raise_signal(signal.SIGINT)
            done.append("cleared")

    with pytest.raises(InterruptedDemo):
        clear()

    assert done == ["cleared"]


def test_until_gives_up() -> None:
    """What does not come true fails in time, and says what it was."""
    with pytest.raises(DemoFailedError, match="not within 0 s: rain"):
        until(lambda: None, within=0.1, what="rain", every=0.01)


def test_plain_lines() -> None:
    """Without a terminal each line has its second and no colours, whatever is told."""
    stream = io.StringIO()
    with show_on(stream) as show:
        show.tell("one\ntwo")
        show.check("three")
        show.board("nothing to see", [])
        show.table(("a", "b"), [("c", "long")])
        show.fail("four", "log")
    lines = stream.getvalue().splitlines()

    assert all(line.startswith("[  0.0 s] ") for line in lines)
    assert (
        "|".join(line[10:] for line in lines)
        == "one|two|ok    three|a     b|c  long|log|FAILED four"
    )


def test_plain_lines_in_ascii() -> None:
    """A stream that speaks ASCII only gets what it can bear, and no error."""
    raw = io.BytesIO()
    with show_on(io.TextIOWrapper(raw, encoding="ascii")) as show:
        assert show.ascii_only
        show.tell("a name: Zürich")

        assert raw.getvalue().endswith(b"a name: Z?rich\n")


SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_end_all_finds_what_left_its_parent() -> None:
    """Processes in sessions of their own, whose parent is gone, are found and ended."""
    script = f"import subprocess; subprocess.Popen({SLEEPER!r}, start_new_session=True)"
    mark = f"test-{os.getpid()}"
    subprocess.run(
        [sys.executable, "-c", script], env=os.environ | {"MARK": mark}, check=True
    )
    orphans = list(living("MARK", mark))

    assert len(orphans) == 1
    assert end_all("MARK", mark) == 1
    assert list(living("MARK", mark)) == []


def test_watch_sees_a_run_come_and_go() -> None:
    """A child with a run's id is a stay with memory and an end."""
    child = subprocess.Popen(SLEEPER, env=os.environ | {RUN_VARIABLE: "some-run"})
    watch = Watch(os.getpid())
    try:
        until(lambda: watch.present("some-run"), within=10, what="it is seen")
        assert [child.pid] == watch.anywhere("some-run")
        time.sleep(0.6)
        child.kill()
        child.wait()
        until(lambda: not watch.present("some-run"), within=10, what="it is gone")
        (stay,) = watch.stays("some-run")
    finally:
        watch.close()
        child.kill()
        child.wait()

    assert {child.pid} == stay.pids
    assert stay.end is not None
    assert 0.3 < (stay.end - stay.start).total_seconds() < 10
    assert stay.megabytes > 1
    assert stay.megabyte_seconds > 0
    assert not psutil.pid_exists(child.pid)
