"""Reads the versions that a constraints file pins for one Python."""

from __future__ import annotations

from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["FILES", "pins"]

_ROOT = Path(__file__).parents[1]
FILES = ("constraints.txt", "constraints-lowest.txt")


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
