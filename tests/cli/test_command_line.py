"""What a shell sees of ``carbonaware-prefect``."""

from __future__ import annotations

import subprocess
import sys

import pytest

from carbonaware_prefect import __version__
from tests.warm import python

COMMANDS = ("demo", "forecast", "slot", "zones", "detect")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command with these arguments, ended."""
    return subprocess.run(
        [python(), "-m", "carbonaware_prefect", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_version() -> None:
    """``--version`` prints the version and nothing else."""
    done = run("--version")

    assert (0, f"{__version__}\n") == (done.returncode, done.stdout)


@pytest.mark.parametrize(
    "arguments", [("--help",), *((name, "--help") for name in COMMANDS)]
)
def test_help(arguments: tuple[str, ...]) -> None:
    """Help names the command, in whole sentences, and succeeds."""
    done = run(*arguments)

    assert done.returncode == 0
    for name in COMMANDS if len(arguments) == 1 else arguments[:1]:
        assert name in done.stdout
    assert "." in done.stdout


@pytest.mark.parametrize("arguments", [("nonsense",), ("demo", "--nonsense")])
def test_usage(arguments: tuple[str, ...]) -> None:
    """A command or option that does not exist is a usage error: exit status 2."""
    done = run(*arguments)

    assert done.returncode == 2
    assert "nonsense" in done.stderr


def test_help_is_fast() -> None:
    """Help imports neither Prefect nor httpx nor the demo."""
    code = (
        "import sys; from carbonaware_prefect.cli.app import app\n"
        "print({'prefect', 'httpx', 'psutil', 'carbonaware_prefect.demo'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout == "set()\n"
