"""Which typical days answer for a zone: the user's own, the shipped ones, or the sun.

In this order: a table of the user's, one from data under the ODbL, one from data without
conditions, then the same of the zone that this one is a part of, and last the modelled
days of a zone where the sun sets the rhythm. The file under the ODbL can be left out.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path

import platformdirs

from carbonaware_prefect.errors import ForecastFileError
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.typical import table_file
from carbonaware_prefect.sources.typical.days import TypicalDays
from carbonaware_prefect.sources.typical.sun import SunDays

__all__ = [
    "ODBL",
    "OPEN",
    "OWN",
    "SUN",
    "Days",
    "TypicalTables",
    "country_mixes",
    "own_folder",
    "parent_of",
]

Days = TypicalDays | SunDays

OWN, ODBL, OPEN, SUN = "own", "odbl", "open", "sun"
"""Where typical days are from."""

_FILES = {ODBL: "typical_odbl.json", OPEN: "typical.json"}
_MIXES = "country_mixes.csv"
_KEY = re.compile(r"[A-Z]{2}(-[A-Z0-9]+)*", re.ASCII)

# Whose days stand for a part that has none: the country's share one mix closely enough.
_PARENTS = {f"SE-SE{i}": "SE" for i in range(1, 5)}


def parent_of(zone: str) -> str | None:
    """The zone whose table answers for a part of it, where the part has none."""
    return _PARENTS.get(zone)


def own_folder(settings: Settings) -> Path | None:
    """Where the user's own tables are; None where an empty setting says nowhere."""
    said = settings.typical_dir
    if said is None:
        return platformdirs.user_data_path("carbonaware-prefect") / "typical"
    return Path(said).expanduser() if said.strip() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TypicalTables:
    """All typical days that may answer.

    Attributes:
        folder: of the user's own tables, ``ZONE.json`` each; None for none.
        odbl: whether the tables under the ODbL are among them.
    """

    folder: Path | None = None
    odbl: bool = True

    @classmethod
    def of(cls, settings: Settings) -> TypicalTables:
        """Those that the settings allow."""
        return cls(folder=own_folder(settings), odbl=settings.typical_odbl)

    def days_of(self, zone: str | None) -> Days | None:
        """What answers for a zone, or None: there is no guess.

        A zone that goes by its country's table gets that under its own name.

        Raises:
            ForecastFileError: (a ValueError) the user's own table is broken.
        """
        found = self.found(zone or "")
        return None if found is None else found[1]

    def found(self, zone: str) -> tuple[str, Days] | None:
        """The same, with where it is from."""
        parent = parent_of(zone)
        for name in (zone, parent):
            for kind, days in self._tables(name or ""):
                return kind, replace(days, zone=zone)
        sun = _mixes().get(zone)
        return None if sun is None or sun.fault else (SUN, sun)

    def shipped(self, zone: str) -> TypicalDays | None:
        """The table of the package, whatever the user has of his own."""
        found = (_shipped(kind, zone) for kind in self._kinds())
        return next((days for days in found if days is not None), None)

    def each(self, zone: str) -> Iterator[tuple[str, Days]]:
        """All that could answer for a zone, whoever wins; its parent's not counted."""
        yield from self._tables(zone)
        sun = _mixes().get(zone)
        if sun is not None and not sun.fault:
            yield SUN, sun

    def why_not(self, zone: str) -> str | None:
        """Why a zone has no typical days; None where it has some."""
        try:
            if self.found(zone) is not None:
                return None
        except ForecastFileError as error:
            return str(error)
        lacks = "no history of it may be used"
        if not self.odbl and zone in _zones_of(ODBL):
            lacks = "CARBONAWARE_TYPICAL_ODBL leaves its table out"
        mix = _mixes().get(zone)
        if mix is not None:
            return f"{lacks}, and {mix.fault}"
        return f"{lacks}, and its own yearly mix is not known"

    def zones(self) -> tuple[str, ...]:
        """The zones that have typical days, with the parts of those zones, sorted."""
        tables = {zone for kind in self._kinds() for zone in _zones_of(kind)}
        tables.update(self._own_zones())
        parts = {part for part, whole in _PARENTS.items() if whole in tables}
        suns = {zone for zone, mix in _mixes().items() if not mix.fault}
        return tuple(sorted(tables | parts | suns))

    def _kinds(self) -> tuple[str, ...]:
        return (ODBL, OPEN) if self.odbl else (OPEN,)

    def _tables(self, zone: str) -> Iterator[tuple[str, TypicalDays]]:
        own = self._own(zone)
        if own is not None:
            yield OWN, own
        for kind in self._kinds():
            days = _shipped(kind, zone)
            if days is not None:
                yield kind, days

    def _own_zones(self) -> Iterator[str]:
        if self.folder is not None and self.folder.is_dir():
            names = (path.stem for path in self.folder.glob("*.json"))
            yield from (name for name in names if _KEY.fullmatch(name))

    def _own(self, zone: str) -> TypicalDays | None:
        # A zone comes from outside; it names a file only if it is no path.
        if self.folder is None or not zone.replace("-", "").isalnum():
            return None
        path = self.folder / f"{zone}.json"
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            msg = f"typical days {path} cannot be read: {error}; check or remove the file"
            raise ForecastFileError(msg) from error
        days = table_file.parse(text, zone, name=str(path))
        if days is None:
            msg = (
                f"typical days {path} say nothing about zone {zone}; make the file anew "
                f"with `carbonaware-prefect typical learn`, or remove it"
            )
            raise ForecastFileError(msg)
        return days


def _text(name: str) -> str:
    file = resources.files("carbonaware_prefect.sources.typical").joinpath(name)
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        # Whoever does without the ODbL may delete that file.
        if name == _FILES[ODBL]:
            return ""
        raise


@lru_cache(maxsize=64)
def _shipped(kind: str, zone: str) -> TypicalDays | None:
    return table_file.parse(_text(_FILES[kind]), zone, name=_FILES[kind])


@lru_cache(maxsize=2)
def _zones_of(kind: str) -> tuple[str, ...]:
    return table_file.zones_in(_text(_FILES[kind]))


@lru_cache(maxsize=1)
def _mixes() -> Mapping[str, SunDays]:
    """By zone, each that a mix is known of, whether the sun sets its rhythm or not."""
    return {
        row["zone"]: SunDays(
            zone=row["zone"],
            time_zone=row["time_zone"],
            latitude=float(row["latitude"]),
            longitude=float(row["longitude"]),
            solar=float(row["solar"]),
            wind=float(row["wind"]),
            hydro=float(row["hydro"]),
            year=int(row["year"]),
            mix_of=row["mix_of"],
        )
        for row in csv.DictReader(_text(_MIXES).splitlines())
    }


def country_mixes() -> Mapping[str, SunDays]:
    """The modelled days by zone, with those that the gate keeps out."""
    return _mixes()
