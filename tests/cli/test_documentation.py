"""The commands in docs/command-line.md run and print what the page shows."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from carbonaware_prefect.clouds import detection
from tests.cli.running import command, on_lambda

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
_BLOCK = re.compile(r"```console\n\$ carbonaware-prefect (.+)\n((?:.*\n)*?)```")
_EXAMPLES = _BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def test_every_command_has_an_example() -> None:
    """No command is left out of the page."""
    named = {shlex.split(line)[0] for line, _ in _EXAMPLES}

    assert named == {"forecast", "slot", "typical", "zones", "detect"}


def lines(text: str) -> list[str]:
    """Lines that hold words, with every number (a time, an intensity) made the same."""
    plain = (re.sub(r"[\d ]+", " ", line).strip() for line in text.splitlines())
    days = (re.sub(r"\b[A-Z][a-z]{2} ([A-Z][a-z]{2} )?:", "DAY:", line) for line in plain)
    # Which hours are the lowest depends on the season, the rest on the machine.
    other = ("DAY:", "CARBONAWARE_", "no CARBONAWARE_", "DMI")
    return [one for one in days if re.search("[a-z]{3}", one) and not one.startswith(other)]


@pytest.mark.parametrize(("line", "shown"), _EXAMPLES, ids=[line for line, _ in _EXAMPLES])
def test_example(
    line: str, shown: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It succeeds, and prints the lines of the page, but for numbers and the season."""
    monkeypatch.setattr(detection, "_THIS_PROCESS", on_lambda(tmp_path))
    done = command(
        *shlex.split(line), env={"CARBONAWARE_DETECT": "1"} if line == "detect" else {}
    )

    assert done.status == 0
    if "--json" in line:
        assert done.json.keys() == json.loads(shown).keys()
    elif "--from" in line:
        stripped = [part.rstrip() for part in done.out.splitlines()]
        assert stripped == shown.splitlines()
    else:
        assert lines(done.out) == lines(shown)
