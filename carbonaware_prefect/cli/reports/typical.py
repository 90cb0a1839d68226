"""What ``carbonaware-prefect typical show`` finds out, and how it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from carbonaware_prefect.cli.output import new_table
from carbonaware_prefect.errors import (
    ForecastFileError,
    NoForecastError,
)
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.typical import Days, Kept, TypicalDays, TypicalTables
from carbonaware_prefect.sources.typical.sun import SunDays
from carbonaware_prefect.sources.typical.tables import OWN, SUN, parent_of
from carbonaware_prefect.sources.typical.trial import WINDOWS

__all__ = [
    "Shown",
    "ShownDays",
    "collect",
    "days_document",
    "document",
    "show_all",
    "show_trial",
    "show_zone",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDays:
    """The typical days of a zone, and where they are from.

    Attributes:
        zone: that was asked for.
        kind: ``own``, ``odbl``, ``open`` or ``sun``.
        days: the table, or the model.
        part_of: the zone whose table it is, where it is not the zone's own.
    """

    zone: str
    kind: str
    days: Days
    part_of: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What was found.

    Attributes:
        rows: of each zone that has typical days.
        faults: what is wrong with tables of the user's that cannot be read.
    """

    rows: Sequence[ShownDays]
    faults: Sequence[str] = ()


def show_trial(days: TypicalDays, console: Console) -> None:
    """What a table kept on hours that it had not seen."""
    if not days.trial:
        return
    console.print(Text(f"Tried on hours that it had not seen: {days.held_out}."))
    table = new_table(
        ("Window", True), ("Possible", True), ("Kept of it", True), ("Jobs worse", True)
    )
    for hours, kept in sorted(days.trial.items()):
        table.add_row(
            f"{hours} h", f"{kept.possible:.1%}", f"{kept.kept:.2f}", f"{kept.worse:.0%}"
        )
    console.print(table)
    if days.minimum_saving is not None:
        console.print(
            Text(f"Least expected saving that is worth a move: {days.minimum_saving:.0%}")
        )


def collect(settings: Settings, *, zone: str | None = None) -> Shown:
    """What answers for each zone, or for one.

    Raises:
        NoForecastError: (a LookupError) there are none for that zone.
        ForecastFileError: (a ValueError) the user's table of that zone is broken.
    """
    tables = TypicalTables.of(settings)
    if zone is not None:
        row = _row(tables, zone.strip())
        if row is None:
            msg = (
                f"no typical days of zone {zone!r}; see `carbonaware-prefect typical show`"
            )
            raise NoForecastError(msg)
        return Shown([row])
    rows, faults = [], []
    for each in tables.zones():
        try:
            row = _row(tables, each)
        except ForecastFileError as error:
            faults.append(str(error))
            continue
        if row is not None:
            rows.append(row)
    return Shown(rows, faults)


def _row(tables: TypicalTables, zone: str) -> ShownDays | None:
    found = tables.found(zone)
    if found is None:
        return None
    kind, days = found
    has_its_own = kind == SUN or next(tables.each(zone), None) is not None
    part_of = None if has_its_own else parent_of(zone)
    return ShownDays(zone=zone, kind=kind, days=days, part_of=part_of)


def _row_document(row: ShownDays) -> dict[str, object]:
    """One zone, as JSON would have it."""
    return {"zone": row.zone, "kind": row.kind, "part_of": row.part_of} | days_document(
        row.days
    )


def days_document(days: Days) -> dict[str, object]:
    """Typical days, as JSON would have them."""
    return {
        "zone": days.zone,
        "name": days.name,
        "time_zone": days.time_zone,
        "source": days.source,
        "licence": days.licence,
        "years": list(days.years),
        "boundary": days.boundary,
        "built": days.built or None,
        "minimum_saving": days.minimum_saving,
        "held_out": days.held_out or None,
        "trial": {
            str(hours): {
                "possible": kept.possible,
                "kept": kept.kept,
                "worse": kept.worse,
            }
            for hours, kept in sorted(days.trial.items())
        },
    }


def document(shown: Shown) -> dict[str, object]:
    """All of it, as JSON would have it."""
    zones = [_row_document(row) for row in shown.rows]
    return {"zones": zones, "faults": list(shown.faults)}


def show_all(shown: Shown, console: Console) -> None:
    """A line for each zone, and what is broken."""
    table = new_table(
        ("Zone", False), ("From", False), ("Years", False),
        ("Kept", True), ("Worse", True), ("Least", True),
    )  # fmt: skip
    for row in shown.rows:
        kept = row.days.trial.get(WINDOWS[-1])
        table.add_row(
            row.zone,
            Text(_from(row)),
            _years(row.days),
            *_shares(kept),
            "-" if row.days.minimum_saving is None else f"{row.days.minimum_saving:.0%}",
        )
    console.print(table)
    console.print()
    for fault in shown.faults:
        console.print(Text(f"Warning: {fault}.", style="yellow"))
    console.print(
        Text(
            "Kept: share of the possible saving on hours that the table had not seen, for "
            "jobs of 2 h that may wait 24 h. Worse: share of those jobs that did worse "
            "than at once. Least: expected saving that is worth a move."
        )
    )


def _from(row: ShownDays) -> str:
    if isinstance(row.days, SunDays):
        return f"sun, mix of {row.days.mix_of}"
    publisher = "own files" if row.kind == OWN else row.days.publisher
    return publisher if row.part_of is None else f"{publisher} ({row.part_of})"


def _years(days: Days) -> str:
    ends = sorted({min(days.years), max(days.years)})
    return "-".join(map(str, ends))


def _shares(kept: Kept | None) -> tuple[str, str]:
    return ("-", "-") if kept is None else (f"{kept.kept:.2f}", f"{kept.worse:.0%}")


def show_zone(rows: Sequence[ShownDays], console: Console) -> None:
    """All that is known of one zone's days."""
    for row in rows:
        days = row.days
        whole = "" if row.part_of is None else f" (those of {row.part_of})"
        console.print(Text(f"Typical days of {row.zone}{whole}", style="bold"))
        console.print(Text(f"Source: {days.source}"))
        console.print(Text(f"Licence: {days.licence}"))
        console.print(Text(f"Years: {', '.join(map(str, days.years))}"))
        console.print(Text(f"Clock: {days.time_zone}"))
        if isinstance(days, SunDays):
            console.print(Text(f"Modelled from the sun and the mix of {days.mix_of}:"))
            shares = f"solar {days.solar:.1%}, wind {days.wind:.1%}, hydro {days.hydro:.1%}"
            console.print(Text(f"{shares}. Savings are percent of a modelled day."))
        else:
            console.print(Text(f"Factors: {days.boundary}; built {days.built}"))
            show_trial(days, console)
