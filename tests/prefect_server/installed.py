"""Names the installed versions that keep Prefect from working, when something does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, requires, version

import httpx
from packaging.requirements import Requirement

from tests.pins import FILES, pins

__all__ = ["culprits", "naming_the_culprit"]

_DAMAGE = {
    "fastapi": "0.151 answers 422 to null limits, with 0.155 Prefect 3.8 does not start",
    "sqlalchemy": (
        "with 2.1 Prefect 3.8 never schedules a run, before 2.0.16 no server starts"
    ),
}
Find = Callable[[str], str]


@contextmanager
def naming_the_culprit() -> Iterator[None]:
    """Begin the message of a failure with the versions that may be why."""
    try:
        yield
    except (AssertionError, httpx.HTTPError) as error:
        message = f"{culprits()}\n{error}"
        raise AssertionError(message) from None


def culprits(find: Find = version) -> str:
    """What is wrong with the installed versions, in a sentence.

    Those beyond our bounds, which pip allows when something is installed later; else
    those that were never tested together.
    """
    outside = [
        f"{bound.name} {found} is not within {bound.specifier}{_damage(bound.name)}"
        for bound in map(Requirement, requires("carbonaware-prefect") or ())
        if (found := _installed(find, bound.name))
        and not bound.specifier.contains(found, prereleases=True)
    ]
    if outside:
        what = f"THE INSTALLED VERSIONS DO NOT WORK TOGETHER: {'; '.join(outside)}."
    elif untested := _untested(find):
        what = (
            f"All versions are within our bounds. If one of them is why, a bound is "
            f"missing for one that was not tested: {', '.join(untested)}."
        )
    else:
        what = "The installed versions were tested together: they are not why."
    return f"{what} See docs/versions.md."


def _damage(name: str) -> str:
    return f" ({_DAMAGE[name]})" if name in _DAMAGE else ""


def _installed(find: Find, name: str) -> str | None:
    try:
        return find(name)
    except PackageNotFoundError:
        return None


def _untested(find: Find) -> list[str]:
    """Installed versions that stand in neither of the sets that were tested together."""
    tested: dict[str, set[str]] = {}
    for file in FILES:
        for name, pin in pins(file).items():
            tested.setdefault(name, set()).add(pin)
    return [
        f"{name} {found} (tested: {', '.join(sorted(known))})"
        for name, known in sorted(tested.items())
        if (found := _installed(find, name)) and found not in known
    ]
