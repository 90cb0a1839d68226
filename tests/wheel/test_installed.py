"""The wheel where it is installed alone: its command, one delayed run, its blocks.

`make test-wheel` makes that environment and names its folder in CARBONAWARE_TEST_WHEEL.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from carbonaware_prefect import __version__, blocks
from tests.prefect_server.process import clean_environment

_FOLDER = Path(os.environ["CARBONAWARE_TEST_WHEEL"])
_WHERE = """
import importlib.util, json
import carbonaware_prefect as package
tests = importlib.util.find_spec("tests") is not None
print(json.dumps([package.__file__, tests, package.__version__]))
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder outside of this checkout, to run in."""
    return tmp_path


def run(elsewhere: Path, program: str, *arguments: str) -> str:
    """The standard output of a program of the environment."""
    programs = _FOLDER / "bin"
    done = subprocess.run(
        [programs / program, *arguments],
        cwd=elsewhere,
        env=clean_environment()
        | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PREFECT_HOME": str(elsewhere / "prefect"),
            "CARBONAWARE_DETECT": "0",
            "CARBONAWARE_CACHE_DIR": "",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
            "DO_NOT_TRACK": "1",
            "COLUMNS": "200",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_nothing_else_of_the_checkout_is_there(elsewhere: Path) -> None:
    """The package comes from the environment, and no folder of tests can be imported."""
    file, tests, version = json.loads(run(elsewhere, "python", "-c", _WHERE))

    assert Path(file).is_relative_to(_FOLDER / "lib")
    assert (tests, version) == (False, __version__)


def test_command_line(elsewhere: Path) -> None:
    """The command finds a slot with the data that the wheel brings."""
    said = json.loads(
        run(
            elsewhere, "carbonaware-prefect", "slot", "--zone", "DE",
            "--from", "2026-11-27T12:00Z", "--window", "8h", "--duration", "1h", "--json",
        )
    )  # fmt: skip

    assert said["source"]["name"] == "typical"


def test_blocks_can_be_registered(elsewhere: Path) -> None:
    """`prefect block register -m` knows the blocks of the module."""
    said = run(
        elsewhere, "prefect", "block", "register", "-m", "carbonaware_prefect.blocks"
    )

    for name in blocks.__all__:
        assert str(getattr(blocks, name)._block_type_name) in said


def test_one_delayed_run(elsewhere: Path) -> None:
    """The demo: a run gives its worker back, waits for its slot and completes."""
    said = json.loads(run(elsewhere, "carbonaware-prefect", "demo", "--json"))

    assert said["ok"] is True
