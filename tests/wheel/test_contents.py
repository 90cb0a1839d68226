"""What a release consists of: the package with its data, licences, and nothing else."""

from __future__ import annotations

import tarfile
import zipfile
from configparser import ConfigParser
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

from carbonaware_prefect import __version__
from tests.wheel.conftest import ROOT, build

PACKAGE = "carbonaware_prefect"
INFO = f"{PACKAGE}-{__version__}.dist-info"
DATA = (
    "py.typed",
    "clouds/regions.csv",
    "sources/typical/typical.json",
    "sources/typical/typical_odbl.json",
    "sources/typical/country_mixes.csv",
)


def package_files() -> set[str]:
    """The package in this checkout, without what running it leaves behind."""
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / PACKAGE).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def metadata(wheel: Path) -> Message:
    """Of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return message_from_string(archive.read(f"{INFO}/METADATA").decode())


def test_wheel_is_the_package_and_its_licences(wheel: Path) -> None:
    """Every file of the package, LICENSE and NOTICE; no test, script or document."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    # The licence of the database stands beside it.
    assert {name for name in names if not name.startswith(INFO)} == package_files() | {
        f"{PACKAGE}/sources/typical/ODbL-1.0.txt"
    }
    assert {name for name in names if "/licenses/" in name} == {
        f"{INFO}/licenses/LICENSE",
        f"{INFO}/licenses/NOTICE",
        f"{INFO}/licenses/LICENSES/ODbL-1.0.txt",
    }


def test_sdist_is_the_package_and_what_builds_it(sdist: Path) -> None:
    """Besides the package what its build reads, and the two licence files."""
    top = f"{PACKAGE}-{__version__}/"
    with tarfile.open(sdist) as archive:
        names = {name.removeprefix(top) for name in archive.getnames()}

    assert names - package_files() == {
        ".gitignore", "LICENSE", "LICENSES/ODbL-1.0.txt", "NOTICE", "PKG-INFO",
        "README.md", "pyproject.toml",
    }  # fmt: skip
    assert package_files() <= names


@pytest.mark.parametrize("name", DATA)
def test_data_is_whole(wheel: Path, name: str) -> None:
    """Tables and the mark of typed packages are there, as they are in the checkout."""
    with zipfile.ZipFile(wheel) as archive:
        shipped = archive.read(f"{PACKAGE}/{name}")

    assert shipped == (ROOT / PACKAGE / name).read_bytes()


def test_wheel_from_the_sdist_is_the_same(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    """Who builds from the source distribution gets what the wheel has."""
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    (again,) = build(unpacked, tmp_path / "wheel", "wheel")

    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert contents(second) == contents(first)


def contents(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """Each file by its name."""
    return {name: archive.read(name) for name in archive.namelist()}


def test_metadata_says_what_it_is(wheel: Path) -> None:
    """Name, version, licence, lowest Python, and the README as its long description."""
    said = metadata(wheel)

    assert (said["Name"], said["Version"]) == ("carbonaware-prefect", __version__)
    assert (said["License-Expression"], said["Requires-Python"]) == (
        "Apache-2.0 AND ODbL-1.0",
        ">=3.10",
    )
    assert said.get_all("License-File") == [
        "LICENSE",
        "LICENSES/ODbL-1.0.txt",
        "NOTICE",
    ]
    assert said.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")


def test_entry_points(wheel: Path) -> None:
    """The command, and the module of blocks that Prefect is to import."""
    found = ConfigParser()
    with zipfile.ZipFile(wheel) as archive:
        found.read_string(archive.read(f"{INFO}/entry_points.txt").decode())

    assert dict(found["console_scripts"]) == {"carbonaware-prefect": f"{PACKAGE}.cli:main"}
    assert dict(found["prefect.collections"]) == {PACKAGE: f"{PACKAGE}.blocks"}
