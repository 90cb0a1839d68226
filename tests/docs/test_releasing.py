"""The steps of RELEASING.md that can be tried without releasing anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.docs.documents import ROOT, text_of

STEPS = text_of("RELEASING.md")


def test_targets_exist() -> None:
    """Each `make` of the steps is a target."""
    named = set(re.findall(r"`make ([\w-]+)", STEPS))

    assert named
    assert named <= set(re.findall(r"^([\w-]+):", text_of("Makefile"), re.MULTILINE))


def test_version_is_set_where_it_is_read(tmp_path: Path) -> None:
    """The command of the steps writes the version that the build and the package read."""
    (words,) = re.findall(r"`\.venv/bin/python (-m hatchling version [\d.]+)`", STEPS)
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, tmp_path)
    file = tmp_path / "carbonaware_prefect" / "_version.py"
    file.parent.mkdir()
    shutil.copy(ROOT / "carbonaware_prefect" / "_version.py", file)

    subprocess.run([sys.executable, *words.split()], cwd=tmp_path, check=True)

    version = words.split()[-1]
    assert f'\n__version__ = "{version}"\n' in file.read_text(encoding="utf-8")
