"""What ``carbonaware-prefect zones`` finds out, and how it looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from rich.console import Console
from rich.text import Text

from carbonaware_prefect.cli.output import new_table
from carbonaware_prefect.clouds.places import (
    Region,
    known_zones,
    regions,
    resolve_zone,
)
from carbonaware_prefect.errors import UnknownPlaceError
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.typical import SunDays, TypicalSource, TypicalTables
from carbonaware_prefect.sources.typical.tables import SUN
from carbonaware_prefect.sources.wiring.catalogue import Entry, entries
from carbonaware_prefect.sources.wiring.coverage import check_zone

__all__ = ["ZoneRow", "ZonesReport", "as_document", "collect", "show"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRow:
    """A zone, its cloud regions, and the sources that cover it.

    Attributes:
        zone: its key.
        regions: of the cloud providers asked for.
        entries: sources that may know it.
        typical: where its typical days are from: ``own``, ``odbl``, ``open`` or ``sun``;
            None where it has none.
        why_not: then the reason.
    """

    zone: str
    regions: tuple[Region, ...]
    entries: tuple[Entry, ...]
    typical: str | None
    why_not: str | None

    @property
    def usable(self) -> bool:
        """Whether any source delivers with the present settings."""
        return any(entry.missing is None for entry in self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonesReport:
    """The zones asked for, and every source there is."""

    rows: tuple[ZoneRow, ...]
    entries: tuple[Entry, ...]


def collect(
    settings: Settings, *, provider: str | None = None, zone: str | None = None
) -> ZonesReport:
    """All zones, or those of a provider, or one.

    Raises:
        UnknownPlaceError: (a ValueError) no such provider or zone.
    """
    catalogue = entries(settings)
    vendor = _provider(provider)
    if zone is None:
        covered = (entry.info.zones or frozenset() for entry in catalogue)
        names = sorted({*known_zones()}.union(*covered))
    else:
        key = resolve_zone(zone=zone) or ""
        check_zone(key, settings)
        names = [key]
    tables = TypicalTables.of(settings)
    rows = []
    for name in names:
        here = tuple(
            row for row in regions() if row.zone == name and vendor in {None, row.provider}
        )
        if vendor is None or here:
            covering = tuple(entry for entry in catalogue if entry.covers(name))
            why_not = tables.why_not(name)
            found = tables.found(name) if why_not is None else None
            rows.append(
                ZoneRow(
                    zone=name,
                    regions=here,
                    entries=covering,
                    typical=None if found is None else found[0],
                    why_not=why_not,
                )
            )
    return ZonesReport(rows=tuple(rows), entries=tuple(catalogue))


def _provider(given: str | None) -> str | None:
    if given is None:
        return None
    known = sorted({row.provider for row in regions()})
    asked = given.strip().lower()
    if asked in known:
        return asked
    near = get_close_matches(asked, known, n=1)
    nearest = f"nearest: {near[0]!r}; " if near else ""
    msg = f"unknown provider {given!r}; {nearest}known are {', '.join(known)}"
    raise UnknownPlaceError(msg)


def as_document(report: ZonesReport) -> dict[str, object]:
    """All of it, as JSON would have it."""
    return {
        "zones": [
            {
                "zone": row.zone,
                "usable": row.usable,
                "typical": {"kind": row.typical, "why_not": row.why_not},
                "regions": [
                    {
                        "provider": region.provider,
                        "region": region.region,
                        "location": region.location,
                    }
                    for region in row.regions
                ],
                "sources": [
                    {
                        "name": entry.name,
                        "usable": entry.missing is None,
                        "missing": entry.missing,
                    }
                    for entry in row.entries
                ],
            }
            for row in report.rows
        ],
        "sources": [
            {
                "name": entry.name,
                "title": entry.info.title,
                "signal": entry.info.signal,
                "coverage": entry.info.coverage,
                "attribution": entry.info.attribution,
                "licence": entry.info.licence,
                "url": entry.info.url,
                "usable": entry.missing is None,
                "missing": entry.missing,
            }
            for entry in report.entries
        ],
    }


def show(report: ZonesReport, console: Console) -> None:
    """The zones, then what each source is and lacks."""
    table = new_table(("Zone", False), ("Cloud regions", False), ("Sources", False))
    for row in report.rows:
        table.add_row(row.zone, _areas(row) or "-", _sources(row) or "none")
    console.print(table)
    console.print()
    for line in _legend(report):
        console.print(Text(line))


def _areas(row: ZoneRow) -> str:
    """A line for each provider."""
    names: dict[str, list[str]] = {}
    for region in row.regions:
        names.setdefault(region.provider, []).append(region.region)
    return "\n".join(f"{vendor}: {', '.join(areas)}" for vendor, areas in names.items())


def _sources(row: ZoneRow) -> str:
    """The usable ones first."""
    usable = [
        SunDays.name
        if entry.name == TypicalSource.name and row.typical == SUN
        else entry.name
        for entry in row.entries
        if entry.missing is None
    ]
    others = [f"({entry.name})" for entry in row.entries if entry.missing is not None]
    return ", ".join([*usable, *others])


def _legend(report: ZonesReport) -> Iterator[str]:
    named = {entry.name for row in report.rows for entry in row.entries}
    shown = [entry for entry in report.entries if entry.name in named]
    for entry in shown:
        text = f"{entry.name}: {entry.info.title}, {entry.info.signal} intensity"
        yield text if entry.missing is None else f"({text}) needs {entry.missing}"
    if any(entry.missing for entry in shown):
        yield "A source in brackets is not usable with the present settings."
    without = [f"{row.zone} ({row.why_not})" for row in report.rows if row.why_not]
    if without:
        yield f"Without typical days: {'; '.join(without)}."
