"""What is on the real clock is in the list, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.clock.real_time import RealTime

_ROOT = Path(__file__).parents[2]
_HERE = {Path(__file__), Path(__file__).with_name("real_time.py")}


def _sources() -> str:
    folders = (_ROOT / "tests", _ROOT / "benchmarks")
    files = {file for folder in folders for file in folder.rglob("*.py")} - _HERE
    return "\n".join(file.read_text() for file in sorted(files))


@pytest.mark.parametrize("why", RealTime, ids=lambda why: str(why.name))
def test_each_reason_is_one_that_is_used(why: RealTime) -> None:
    """No reason stays in the list whose tests have gone."""
    assert f"RealTime.{why.name}" in _sources()


def test_nothing_sleeps_for_what_a_clock_should_bring() -> None:
    """No test of a server waits for seconds to pass, but for less than one of them."""
    files = (_ROOT / "tests" / "server").rglob("test_*.py")
    slept = [
        f"{file.name}: {seconds}"
        for file in files
        for seconds in re.findall(r"\bsleep\(([^)]+)\)", file.read_text())
    ]

    assert slept == []
