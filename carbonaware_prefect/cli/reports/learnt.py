"""What ``carbonaware-prefect typical learn`` does, and how it tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from carbonaware_prefect.cli.reports.typical import days_document, show_trial
from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.errors import InvalidSettingError
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.typical import TypicalTables, own
from carbonaware_prefect.sources.typical.tables import own_folder
from carbonaware_prefect.sources.wiring.saved import answer_reader
from carbonaware_prefect.sources.wiring.zones import locations_of

__all__ = ["LearntReport", "learn", "learnt_document", "show_learnt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntReport:
    """A table that was learnt, and where it went.

    Attributes:
        learnt: the table and its warnings.
        path: the file.
        used: whether the source `typical` looks there.
    """

    learnt: own.Learnt
    path: Path
    used: bool


def learn(
    files: Sequence[Path],
    zone: str,
    *,
    time_zone: str | None,
    folder: Path | None,
    settings: Settings,
) -> LearntReport:
    """Learn, try and write a table.

    Raises:
        CarbonAwareError: a file that is no history, too little data, no such zone or
            clock, or a folder that cannot be written.
    """
    configured = own_folder(settings)
    target = folder or configured
    if target is None:
        msg = "CARBONAWARE_TYPICAL_DIR is empty, so no table is read; name a folder: --out"
        raise InvalidSettingError(msg)
    learnt = own.learn(
        files,
        zone,
        time_zone=time_zone,
        tables=TypicalTables.of(settings),
        today=utc_now().date(),
        files_time_zone=settings.forecast_time_zone,
        read_answer=answer_reader(
            signal=settings.sdk_signal or "average",
            locations=locations_of(settings.sdk_locations),
        ),
    )
    path = own.save(learnt.table, target)
    used = configured is not None and target.resolve() == configured.resolve()
    return LearntReport(learnt=learnt, path=path, used=used)


def learnt_document(report: LearntReport) -> dict[str, object]:
    """All of it, as JSON would have it."""
    return {
        **days_document(report.learnt.table),
        "path": str(report.path),
        "used": report.used,
        "warnings": list(report.learnt.warnings),
        "notes": list(report.learnt.notes),
    }


def show_learnt(report: LearntReport, console: Console) -> None:
    """What was learnt, what it is worth, where it is."""
    table = report.learnt.table
    years = ", ".join(map(str, table.years))
    console.print(
        Text(
            f"Learnt typical days of {table.zone} ({table.time_zone}) from "
            f"{table.hours:,} hours of {years}.",
            style="bold",
        )
    )
    show_trial(table, console)
    for warning in report.learnt.warnings:
        console.print(Text(f"Warning: {warning}.", style="yellow"))
    for note in report.learnt.notes:
        console.print(Text(f"{note}."))
    console.print(Text(f"Written to {report.path}", overflow="fold"))
    if not report.used:
        console.print(Text(f"To use it, set CARBONAWARE_TYPICAL_DIR={report.path.parent}"))
