"""The runs of a plan as a table that fits the terminal, or as long lines with all there is.

Names give way first: they are shortened in the middle, because people tell them apart by
both ends. Then columns go, those that a person misses least before the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from carbonaware_prefect.cli.output import (
    Times,
    grams,
    iso,
    percent,
    printable,
    shortened,
)
from carbonaware_prefect.planner.report import Outcome, Report

__all__ = ["WORDS", "notes", "plan_table", "wide_table"]

WORDS = {
    "cleaner_slot": "cleaner",
    "hours_kept_free": "hours kept free",
    "finish_by": "ends in time",
    "cleanest_now": "cleanest as is",
    "saving_too_small": "saves too little",
    "slot_reached": "slot reached",
    "window_closed": "window closed",
    "timeout_too_short": "time-out short",
    "no_allowed_start": "no start allowed",
    "no_place": "no place given",
    "no_forecast": "no forecast",
    "source_failed": "source failed",
    "invalid_setting": "wrong setting",
    "overridden": "set by a person",
    "not_scheduled": "no schedule's",
    "starts_soon": "starts soon",
    "moved_often_enough": "moved enough",
    "gain_too_small": "gains too little",
    "slots_taken": "slots taken",
    "redeployed": "redeployed",
    "started_already": "started already",
    "schedule_gone": "schedule gone",
    "crashed_while_leaving": "crashed",
    "crashed_while_starting": "crashed",
    "not_understood": "not understood",
}
"""Reason codes in the words of people, 16 letters at most."""
_MENDED_BY_A_PERSON = {"invalid_setting", "no_place"}
_MOST_NOTES = 20
_MOST_NAMES = 10
_PLEASANT_NAME, _SHORTEST_NAME = 14, 8
_GAP = "  "
# A weekday names one day only that long.
_WEEK = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column; those with the highest ``spare`` go first where it gets narrow."""

    title: str
    cell: Callable[[Outcome], str]
    spare: int = 0
    number: bool = True
    name: bool = False


def plan_table(report: Report, console: Console) -> Iterator[Text]:
    """The runs, one line each, no wider than the console."""
    plain = console.options.ascii_only
    columns = list(_columns(report))
    lines = [[column.title for column in columns]]
    lines += [
        [printable(column.cell(row)) for column in columns] for row in report.outcomes
    ]
    wanted = [max(cell_len(line[i]) for line in lines) for i in range(len(columns))]
    kept = _kept(columns, wanted, console.width)
    columns = [columns[i] for i in kept]
    widths = _narrowed(columns, [wanted[i] for i in kept], console.width)
    for line in ([cells[i] for i in kept] for cells in lines):
        parts = [
            shortened(text, width, ascii_only=plain)
            for text, width in zip(line, widths, strict=True)
        ]
        yield Text(_GAP.join(map(_aligned, parts, widths, columns)).rstrip())


def _aligned(text: str, width: int, column: _Column) -> str:
    filling = " " * (width - cell_len(text))
    return filling + text if column.number else text + filling


def _columns(report: Report) -> Iterator[_Column]:
    times = _times(report)
    local = bool(times.local)
    yield _Column("Deployment", lambda row: row.deployment, number=False, name=True)
    yield _Column("Run", lambda row: row.name, 6, number=False, name=True)
    yield _Column("Due", lambda row: times.local_time(row.nominal_start), 1)
    if local:
        yield _Column("UTC", lambda row: f"{row.nominal_start:%H:%M}", 7)
    yield _Column("Start", lambda row: _start(row, times))
    if local:
        yield _Column("UTC", lambda row: f"{row.start:%H:%M}", 2)
    yield _Column("Zone", _zone, 5, number=False)
    yield _Column("gCO2/kWh", _between, 4)
    yield _Column("Saving", _saving, 3)
    yield _Column("Why", _why, number=False)


def _times(report: Report) -> Times:
    rows = report.outcomes
    moments = [moment for row in rows for moment in (row.nominal_start, row.start)]
    return Times(moments, narrow=max(moments) - min(moments) <= _WEEK)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _kept(columns: Sequence[_Column], wanted: Sequence[int], width: int) -> list[int]:
    """Which columns there is room for, when names are shortened as far as is pleasant."""
    least = [
        min(each, _PLEASANT_NAME) if column.name else each
        for column, each in zip(columns, wanted, strict=True)
    ]
    kept = list(range(len(columns)))
    while _total([least[i] for i in kept]) > width:
        first = max(kept, key=lambda i: columns[i].spare)
        if not columns[first].spare:
            break
        kept.remove(first)
    return kept


def _narrowed(columns: Sequence[_Column], wanted: Sequence[int], width: int) -> list[int]:
    """How wide each column is; what is too much is taken from the longest names."""
    widths = list(wanted)
    names = [i for i, column in enumerate(columns) if column.name]
    for _ in range(_total(widths) - width):
        longest = max(names, key=lambda i: widths[i])
        widths[longest] = max(_SHORTEST_NAME, widths[longest] - 1)
    return widths


def _as_due(row: Outcome) -> bool:
    return abs(row.start - row.nominal_start) <= timedelta(seconds=1)


def _start(row: Outcome, times: Times) -> str:
    return "as due" if _as_due(row) else times.local_time(row.start)


def _zone(row: Outcome) -> str:
    return "-" if row.decision is None else row.decision.request.zone or "-"


def _between(row: Outcome) -> str:
    if row.decision is None:
        return "-"
    between = grams(row.decision.intensity_nominal)
    return between if _as_due(row) else f"{between}->{grams(row.decision.intensity_slot)}"


def _saving(row: Outcome) -> str:
    if row.decision is None or _as_due(row):
        return "-"
    return percent(row.decision.saving)


def _why(row: Outcome) -> str:
    return "not done" if row.fault else WORDS.get(row.reason, row.reason.replace("_", " "))


def notes(report: Report) -> Iterator[Text]:
    """What the times are, and what a person has to look at, once for all it is true of."""
    told: dict[str, list[str]] = {}
    for row in report.outcomes:
        if row.fault or row.reason in _MENDED_BY_A_PERSON:
            told.setdefault(row.fault or row.sentence, []).append(row.deployment)
    for sentence, deployments in list(told.items())[:_MOST_NOTES]:
        names = list(dict.fromkeys(deployments))
        named = len(names) == 1 and repr(names[0]) in sentence
        yield Text(printable(sentence if named else f"{', '.join(names)}: {sentence}"))
    if len(told) > _MOST_NOTES:
        yield Text(f"and {len(told) - _MOST_NOTES} more; see --wide or --json")
    yield from _in_order(report)
    local = _times(report).local
    yield Text(f"Times: {local[0]}; UTC where it says so" if local else "Times: UTC")


def _in_order(report: Report) -> Iterator[Text]:
    """Whose windows are cut, which the numbers alone would not explain."""
    cut = {
        row.deployment
        for row in report.outcomes
        if row.decision is not None and row.decision.request.ends_at_the_next_run
    }
    if not cut:
        return
    names = [printable(name) for name in sorted(cut)]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    yield Text(
        f"{', '.join(names[:_MOST_NAMES])}{more}: the window is longer than the interval "
        "of the schedule; no run starts after the next one is due "
        "(CARBONAWARE_OVERTAKE=1 allows it)"
    )


def wide_table(report: Report) -> Iterator[str]:
    """All that is known of each run, in aligned columns."""
    head = (
        "deployment", "run", "id", "due", "due (UTC)", "start", "start (UTC)", "action",
        "reason", "zone", "source", "gCO2/kWh due", "gCO2/kWh start", "saving", "in words",
    )  # fmt: skip
    lines = [head, *(_wide_cells(row) for row in report.outcomes)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _wide_cells(row: Outcome) -> tuple[str, ...]:
    decision = row.decision
    cells = (
        row.deployment,
        row.name,
        row.run,
        f"{row.nominal_start.astimezone():%Y-%m-%d %H:%M:%S%z}",
        iso(row.nominal_start),
        f"{row.start.astimezone():%Y-%m-%d %H:%M:%S%z}",
        iso(row.start),
        row.action.value,
        row.reason,
        _zone(row),
        "-" if decision is None else decision.source or "-",
        "-" if decision is None else grams(decision.intensity_nominal),
        "-" if decision is None else grams(decision.intensity_slot),
        _saving(row),
        f"{row.sentence} (not done: {row.fault})" if row.fault else row.sentence,
    )
    return tuple(printable(cell) for cell in cells)
