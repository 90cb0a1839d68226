"""The wheel and the source distribution of this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# They need an environment that only `make test-wheel` makes.
collect_ignore = [] if "CARBONAWARE_TEST_WHEEL" in os.environ else ["test_installed.py"]


def build(project: Path, folder: Path, *targets: str) -> list[Path]:
    """What hatchling makes of ``project``, in ``folder``."""
    options = [word for target in targets for word in ("--target", target)]
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run([*command, *options], cwd=project, check=True, capture_output=True)
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    (wheel,) = build(ROOT, tmp_path_factory.mktemp("wheel"), "wheel")
    return wheel


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution."""
    (sdist,) = build(ROOT, tmp_path_factory.mktemp("sdist"), "sdist")
    return sdist
