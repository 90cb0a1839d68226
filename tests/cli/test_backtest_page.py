"""The page on back-tests prints what its commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.running import command

PAGE = (Path(__file__).parents[2] / "docs" / "backtest.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```console\n\$ carbonaware-prefect (.+)\n((?:.*\n)*?)```", PAGE)


@pytest.fixture
def in_folder_of_the_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trace that the page's script writes, in the working folder."""
    monkeypatch.chdir(tmp_path)
    (script,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(script, {})  # noqa: S102  our own page


@pytest.mark.usefixtures("in_folder_of_the_trace")
@pytest.mark.parametrize(("line", "shown"), COMMANDS, ids=[line for line, _ in COMMANDS])
def test_example(line: str, shown: str) -> None:
    """Each succeeds; the output that the page shows is the command's, to the digit."""
    done = command(*shlex.split(line))

    assert done.status == 0
    assert "0.0 %" in done.out
    if shown:
        assert [part.rstrip() for part in done.out.splitlines()] == shown.splitlines()
