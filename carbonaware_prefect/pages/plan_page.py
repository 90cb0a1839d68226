"""The page of a pass that changed something: its moves and what they come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from carbonaware_prefect.core.choice import share_saved
from carbonaware_prefect.pages.markdown import escape, table
from carbonaware_prefect.pages.runs import (
    RunOnPage,
    grams,
    link,
    percent,
    short,
    utc,
)

__all__ = ["DESCRIPTION", "plan_page"]

DESCRIPTION = "What the last pass of `carbonaware-prefect` that changed something did."
# More would make a page that nobody reads.
_ROWS = 100
_HEAD = ("Run", "Start", "Saving", "Nominal start", "Deployment", "Done", "Why")


def plan_page(runs: Sequence[RunOnPage], faults: int, written: datetime) -> str:
    """The page, in Markdown.

    Args:
        runs: that the pass did something with, in order.
        faults: what it could not do.
        written: now (UTC).
    """
    parts = [
        "# Carbon-aware plan",
        f"Pass of {utc(written)}.",
        "\n".join(f"- {name}: {told}" for name, told in _totals(runs, faults)),
        table(_HEAD, [_row(run) for run in runs[:_ROWS]]),
    ]
    more = len(runs) - _ROWS
    if more > 0:
        parts.append(f"And {more} more.")
    return "\n\n".join(parts) + "\n"


def _row(run: RunOnPage) -> tuple[str, ...]:
    return (
        link(run),
        utc(run.start),
        percent(None if run.decision is None else run.decision.saving),
        utc(run.nominal_start),
        short(run.deployment),
        run.what,
        escape(run.sentence),
    )


def _totals(runs: Sequence[RunOnPage], faults: int) -> list[tuple[str, str]]:
    """How many runs of each kind, and means over those whose intensities are known."""
    counts = Counter(run.what for run in runs)
    rows = [(f"Runs {what}", str(count)) for what, count in sorted(counts.items())]
    known = [
        (decision.intensity_nominal, decision.intensity_slot)
        for run in runs
        if (decision := run.decision) is not None
        and decision.intensity_nominal is not None
        and decision.intensity_slot is not None
    ]
    if known:
        before = sum(nominal for nominal, _ in known) / len(known)
        after = sum(slot for _, slot in known) / len(known)
        rows += [
            ("Runs with known intensities", str(len(known))),
            ("Their mean intensity from the nominal starts", grams(before)),
            ("Their mean intensity in the slots", grams(after)),
            ("Expected saving, runs counted alike", percent(share_saved(before, after))),
        ]
    return [*rows, ("Could not be done", str(faults))] if faults else rows
