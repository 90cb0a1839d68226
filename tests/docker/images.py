"""Images from what is installed here, and from no registry.

The base image has this interpreter and the package's dependencies at the same paths, so
that the Dockerfiles build on it without a network. The package itself is not installed;
its wheel is where pip looks for packages.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from io import BytesIO
from pathlib import Path

import docker
from packaging.requirements import Requirement

_ROOT = Path(__file__).parents[2]
_PACKAGE = "carbonaware-prefect"
_SHELL = Path("/bin/sh")
_WHEELS = "/opt/wheels"
_SKIPPED = re.compile(
    r"\.opt-[12]\.pyc$|/(site-packages|dist-packages|test|idlelib|tkinter|turtledemo|"
    r"lib2to3|ensurepip|config-[^/]*)(/|$)"
)
_FOLDERS = {Path("/tmp"): 0o1777, Path("/root"): 0o755, Path("/etc"): 0o755}  # noqa: S108
_TEXTS = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "/etc/group": "root:x:0:\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",
}


def import_base_image(client: docker.DockerClient, name: str, folder: Path) -> None:
    """Make the image ``name``; ``folder`` is for what is built on the way."""
    wheel = _build_wheel(folder)
    files = {path: path for path in [*_interpreter(), *_installed()]}
    files |= {_SHELL: _SHELL.resolve(), Path(_WHEELS, wheel.name): wheel}
    import_image(
        client,
        name,
        folder,
        files,
        PATH=f"{Path(sys.executable).parent}:/bin",
        LANG="C.UTF-8",
        # No index and no network; the build backend is installed.
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=_WHEELS,
        PIP_NO_BUILD_ISOLATION="0",
        PIP_QUIET="1",
        PIP_ROOT_USER_ACTION="ignore",
    )


def import_image(
    client: docker.DockerClient,
    name: str,
    folder: Path,
    files: Mapping[Path, Path],
    **environment: str,
) -> None:
    """Make the image ``name`` from files, by path in it, and what they are linked to."""
    tar = folder / "image.tar"
    with tarfile.open(tar, "w") as archive:
        linked = {path: path.resolve() for path in _libraries(files.values())}
        _write(archive, {**linked, **files})
    repository, _, tag = name.partition(":")
    with tar.open("rb") as data:
        client.api.import_image_from_data(
            data,
            repository=repository,
            tag=tag,
            changes=[f"ENV {name}={value}" for name, value in environment.items()],
        )
    tar.unlink()


def _write(archive: tarfile.TarFile, files: Mapping[Path, Path]) -> None:
    folders = _FOLDERS | {parent: 0o755 for path in files for parent in path.parents}
    for folder, mode in sorted(folders.items()):
        entry = tarfile.TarInfo(str(folder))
        entry.type, entry.mode = tarfile.DIRTYPE, _FOLDERS.get(folder, mode)
        archive.addfile(entry)
    for path, source in files.items():
        entry = archive.gettarinfo(source, str(path))
        entry.uid = entry.gid = 0
        with source.open("rb") as content:
            archive.addfile(entry, content if entry.isreg() else None)
    for name, text in _TEXTS.items():
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(text), 0o644
        archive.addfile(entry, BytesIO(text.encode()))


def _build_wheel(folder: Path) -> Path:
    """The package's wheel, built from this working copy."""
    subprocess.run(
        [
            sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--no-index",
            "--no-build-isolation", "--wheel-dir", folder, _ROOT,
        ],
        check=True,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel


def _interpreter() -> Iterator[Path]:
    """The interpreter under all its names, its configuration and standard library."""
    for name in ("python", "python3", Path(sys.executable).name):
        path = Path(sys.executable).with_name(name)
        while path.is_symlink():
            yield path
            path = Path(os.path.normpath(path.parent / path.readlink()))
        yield path
    if (config := Path(sys.prefix, "pyvenv.cfg")).exists():
        yield config
    for path in Path(sysconfig.get_path("stdlib")).rglob("*"):
        if path.is_file() and not _SKIPPED.search(str(path)):
            yield path


def _installed() -> Iterator[Path]:
    """The files of the package's dependencies, of its build backend, and of pip."""
    wanted = [Requirement(text) for text in metadata.requires(_PACKAGE) or []]
    wanted = [one for one in wanted if _applies(one, "")]
    wanted += [Requirement("hatchling"), Requirement("pip")]
    seen: set[tuple[str, str]] = set()
    while wanted:
        requirement = wanted.pop()
        found = metadata.distribution(requirement.name)
        for extra in {"", *requirement.extras} - {x for n, x in seen if n == found.name}:
            seen.add((found.name, extra))
            needed = [Requirement(text) for text in found.requires or []]
            wanted += [one for one in needed if _applies(one, extra)]
        yield from _files(found)


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _files(found: metadata.Distribution) -> Iterator[Path]:
    for file in found.files or []:
        path = Path(os.path.normpath(str(found.locate_file(file))))
        # The server's pages are large, and no server runs in a container.
        if path.is_file() and "/prefect/server/ui" not in str(path):
            yield path


def _libraries(files: Iterable[Path]) -> set[Path]:
    """The shared libraries that programs and libraries among these are linked to."""
    binaries = [path for path in files if ".so" in path.name or path.parent.name == "bin"]
    said = subprocess.run(
        ["ldd", *binaries], capture_output=True, text=True, check=False
    ).stdout
    return {Path(path) for path in re.findall(r"^\s.*?(/\S+) \(0x", said, re.MULTILINE)}
