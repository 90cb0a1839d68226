"""The page of a deployment: why its runs wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from carbonaware_prefect.pages.markdown import escape, table
from carbonaware_prefect.pages.runs import RunOnPage, link, percent, section, utc

__all__ = ["deployment_page", "described"]

# More would make a page that nobody reads.
_ROWS = 20


def described(deployment: str) -> str:
    """What the page is, for the list of artifacts."""
    return f"Why runs of {escape(deployment)} start when they do, by `carbonaware-prefect`."


def deployment_page(deployment: str, runs: Sequence[RunOnPage], written: datetime) -> str:
    """The page, in Markdown: the run that starts next with all its numbers, then others.

    Args:
        deployment: its name.
        runs: of it, at least one.
        written: now (UTC).
    """
    first, *others = sorted(runs, key=lambda run: (run.start, run.name))
    parts = [f"# Carbon-aware: {escape(deployment)}", section(first)]
    if others:
        parts += ["## Its later runs", _later(others)]
    parts.append(f"Written {utc(written)} by carbonaware-prefect.")
    return "\n\n".join(parts) + "\n"


def _later(runs: Sequence[RunOnPage]) -> str:
    rows = [
        (
            link(run),
            utc(run.nominal_start),
            utc(run.start),
            percent(None if run.decision is None else run.decision.saving),
            escape(run.sentence),
        )
        for run in runs[:_ROWS]
    ]
    told = table(("Run", "Nominal start", "Start", "Saving", "Why"), rows)
    more = len(runs) - _ROWS
    return f"{told}\n\nAnd {more} more." if more > 0 else told
