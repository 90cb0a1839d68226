"""What is in the wheel and in the source distribution beside the code."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Read = Callable[[str], str]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both, built from this working copy."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Read:
    """Reads a file of the wheel by the end of its name."""
    (path,) = built.glob("*.whl")
    archive = zipfile.ZipFile(path)

    def read(name: str) -> str:
        (found,) = [each for each in archive.namelist() if each.endswith(name)]
        return archive.read(found).decode()

    return read


@pytest.fixture(scope="module")
def sdist(built: Path) -> Read:
    """Reads a file of the source distribution by the end of its name."""
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        contents = {
            member.name: file.read().decode(errors="replace")
            for member in archive.getmembers()
            if (file := archive.extractfile(member)) is not None
        }

    def read(name: str) -> str:
        (found,) = [text for each, text in contents.items() if each.endswith(name)]
        return found

    return read


@pytest.mark.parametrize("name", ["NOTICE", "LICENSES/ODbL-1.0.txt"])
def test_notice_and_licences_are_in_both(wheel: Read, sdist: Read, name: str) -> None:
    """As they are here."""
    expected = (ROOT / name).read_text(encoding="utf-8")

    assert wheel(f"licenses/{name}") == expected
    assert sdist(f"/{name}") == expected


def test_the_licence_stands_beside_the_database(wheel: Read) -> None:
    """Who finds the one finds the other."""
    text = wheel("carbonaware_prefect/sources/typical/ODbL-1.0.txt")

    assert text.startswith("## Open Data Commons Open Database License (ODbL)")
    assert wheel("carbonaware_prefect/sources/typical/typical_odbl.json")


def test_the_metadata_names_both_licences(wheel: Read, sdist: Read) -> None:
    """As an SPDX expression."""
    expected = "License-Expression: Apache-2.0 AND ODbL-1.0"

    assert expected in wheel(".dist-info/METADATA").splitlines()
    assert expected in sdist("PKG-INFO").splitlines()


def test_the_notice_credits_each_database() -> None:
    """Who made the data, by whom it came, and what was changed."""
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")

    for name in ("typical.json", "typical_odbl.json", "country_mixes.csv"):
        assert f"carbonaware_prefect/sources/typical/{name}" in notice
    for word in ("Electricity Maps", "is inferred", "Our World in Data", "CarbonCast"):
        assert word in notice


def test_the_tables_are_small() -> None:
    """All typical days together add less than 1.5 MB to the package."""
    folder = ROOT / "carbonaware_prefect" / "sources" / "typical"
    data = [*folder.glob("*.json"), *folder.glob("*.csv"), ROOT / "LICENSES/ODbL-1.0.txt"]

    assert sum(path.stat().st_size for path in data) < 1_500_000
