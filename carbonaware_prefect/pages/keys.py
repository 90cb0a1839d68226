"""The keys of pages. Prefect allows lower-case letters, digits and dashes in one."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

__all__ = ["PLAN", "PageKeys", "page_keys"]

_PREFIX = "carbon-aware-"
PLAN = f"{_PREFIX}plan"
"""Of the page of a pass."""
# Names of deployments whose pages would lie where something else does.
_TAKEN = {"plan", "runs", "ledger"}
_PLAIN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_OTHER = re.compile(r"[^a-z0-9]+", re.ASCII)
_LONGEST, _DIGITS = 80, 8


@dataclass(frozen=True, slots=True)
class PageKeys:
    """Where the page of a deployment may lie.

    Attributes:
        first: made of its name alone.
        second: for where another deployment of that name has the first.
    """

    first: str
    second: str


def page_keys(name: str, deployment: str) -> PageKeys:
    """The keys for a deployment.

    Args:
        name: its name, ``nightly``.
        deployment: its id.
    """
    plain = len(name) <= _LONGEST and _PLAIN.fullmatch(name) and name not in _TAKEN
    said = name if plain else f"{_slug(name)}{_digest(name)}"
    return PageKeys(f"{_PREFIX}{said}", f"{_PREFIX}{_slug(name)}{_digest(deployment)}")


def _slug(name: str) -> str:
    said = _OTHER.sub("-", name.lower()).strip("-")[:_LONGEST].strip("-")
    return f"{said}-" if said else ""


def _digest(text: str) -> str:
    said = text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(said).hexdigest()[:_DIGITS]
