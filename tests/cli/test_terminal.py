"""What a person at a terminal sees, and what Ctrl-C does."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal

import pytest

from tests.sources.contract.server import Reply, serve

COMMAND = [sys.executable, "-m", "carbonaware_prefect"]
ASK = [*COMMAND, "forecast", "--zone", "DE", "--hours", "3"]


def on_a_terminal(
    command: list[str], stream: Literal["stdout", "stderr"], env: Mapping[str, str]
) -> tuple[int, str]:
    """Exit status, and what arrives at the terminal that the stream is."""
    ours, theirs = pty.openpty()
    nowhere = subprocess.DEVNULL
    out, err = (theirs, nowhere) if stream == "stdout" else (nowhere, theirs)
    around = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **env}
    process = subprocess.Popen(command, stdin=nowhere, stdout=out, stderr=err, env=around)
    os.close(theirs)
    seen = b""
    # The end of a terminal is an error on Linux.
    with suppress(OSError):
        while part := os.read(ours, 4096):
            seen += part
    os.close(ours)
    return process.wait(timeout=60), seen.decode(errors="replace")


def test_colours_only_where_wanted() -> None:
    """A terminal gets colours, unless NO_COLOR is set."""
    status, coloured = on_a_terminal(ASK, "stdout", {})
    plain = on_a_terminal(ASK, "stdout", {"NO_COLOR": "1"})[1]

    assert status == 0
    assert "\x1b[32m" in coloured
    assert "\x1b[32m" not in plain
    assert "zone DE" in plain


def test_progress_of_what_takes_long() -> None:
    """A slow source gets a spinner on the terminal, which goes away again."""
    with serve() as api:

        def slowly(_: object) -> Reply:
            time.sleep(1.5)
            return Reply(status=404)

        api.answer = slowly
        env = {"CARBONAWARE_ENERGY_CHARTS_URL": api.url}
        command = [*ASK, "--source", "energy_charts"]
        status, seen = on_a_terminal(command, "stderr", env)

    assert status == 1
    assert "Asking energy_charts" in seen
    assert "Error: " in seen


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_ctrl_c(more: list[str]) -> None:
    """An interrupt ends the command at once with status 130 and without a traceback."""
    with serve() as api:
        api.answer = lambda _: Reply(manner="silence")
        process = subprocess.Popen(
            [*ASK, "--source", "energy_charts", *more],
            env={**os.environ, "CARBONAWARE_ENERGY_CHARTS_URL": api.url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 30
        while not api.asked and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)

    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err


def test_a_reader_that_leaves() -> None:
    """A pipe that is closed early is no traceback."""
    read, write = os.pipe()
    os.close(read)
    command = [*COMMAND, "zones", "--json"]
    done = subprocess.run(
        command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(write)

    assert "Traceback" not in done.stderr
