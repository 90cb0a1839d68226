"""What pyproject.toml promises, and the versions that a file pins for one Python."""

from __future__ import annotations

import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["FILES", "PROJECT", "PYTHONS", "pins"]

_ROOT = Path(__file__).parents[1]
FILES = ("constraints.txt", "constraints-lowest.txt")
PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# Those that the classifiers name, "3.10" first.
PYTHONS = [
    said.rpartition(" ")[2]
    for said in PROJECT["project"]["classifiers"]
    if said.startswith("Programming Language :: Python :: 3.")
]


def pins(file: str, python: str | None = None) -> dict[str, str]:
    """The pinned version by canonical name; ``python`` ("3.11") is by default this one.

    Raises:
        ValueError: a package with two pins for this Python, or one that is no pin.
    """
    environment = (
        {} if python is None else {"python_version": python, "python_full_version": python}
    )
    found: dict[str, str] = {}
    for line in (_ROOT / file).read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pin = Requirement(line)
        if pin.marker is not None and not pin.marker.evaluate(environment):
            continue
        name = canonicalize_name(pin.name)
        (bound,) = pin.specifier
        if bound.operator != "==" or name in found:
            message = f"{file}: {line} is no pin, or a second one for {name}."
            raise ValueError(message)
        found[name] = bound.version
    return found
