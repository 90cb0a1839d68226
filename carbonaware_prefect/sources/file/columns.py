"""Which columns of a table hold what, by the names that people and programs give them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from carbonaware_prefect.sources.file.faults import refusal

__all__ = ["INTENSITY", "Columns", "factor_in", "find_columns", "time_zone_named"]

INTENSITY = (
    "gco2_per_kwh",
    "carbon_intensity_gco2_per_kwh",
    "forecast_gco2_per_kwh",
    "intensity",
)
"""Names of the intensity that win over all others."""
_START = frozenset({
    "start", "start time", "starts at", "start date", "from", "valid from",
    "period start", "time", "datetime", "date time", "date and time", "timestamp", "date",
    "begin", "beginning", "zeit", "zeitpunkt", "zeitstempel", "datum", "datum von",
    "datum zeit", "datum und uhrzeit", "startzeit", "beginn", "anfang", "von", "debut",
    "date debut", "date de debut", "date heure", "date et heure", "horodatage",
    "date heures",
})  # fmt: skip
_DATE = frozenset({"date", "datum", "start date"})
_CLOCK = frozenset(
    {"time", "uhrzeit", "zeit", "heure", "heures", "start time", "anfang"}
)  # fmt: skip
_END = frozenset({
    "end", "end time", "ends at", "end date", "to", "until", "valid to", "period end",
    "ende", "bis", "datum bis", "endzeit", "fin", "date fin", "date de fin", "jusqu a",
})  # fmt: skip
_ISSUED = frozenset({"issued at", "issued", "issue time", "reference time"})
_ZONE = frozenset({"zone", "zone id", "zone key"})
_ESTIMATED = frozenset({"data estimated", "estimated", "is estimated"})
_UNIT = frozenset({"unit", "units", "einheit", "einheiten", "unite", "unites"})
_VALUE = re.compile(r"intensit|co2|emissionsfaktor|emission factor|facteur d emission")
_PLAIN = re.compile(r"forecast|prognose|vorhersage|prevision|value|wert|valeur")
_FORECAST = re.compile(r"forecast|predict|prognose|vorhersage|prevision|prevu")
_NO_VALUE = re.compile(
    r"%|percent|prozent|pour ?cent|share|anteil|\bpart\b|index|rank|price|preis|prix"
)
# The names that exports of Electricity Maps have had for what they measure.
_LIFECYCLE = re.compile(r"life[ -]?cycle|\blca\b")
_DIRECT = re.compile(r"\bdirect\b")
_OF_PRODUCTION = re.compile(r"\bproduction\b")
# The small two of CO2 in UTF-8, as Excel saves it after taking it for Windows' code page.
_TORN_TWO = "\u00e2\u201a\u201a"
_PER = re.compile(
    r"\b(?P<mass>mg|g|kg|t|lbs?)[ _]?(?:co2[ _-]?(?:equivalents?|eq|e|aq)?)?[ _]?"
    r"(?:/|per|pro|par)[ _]?(?P<energy>kwh|mwh|gwh)\b"
)
_RATIO = re.compile(r"\w ?/ ?[kmg]?wh\b")
_GRAMS = {"mg": 0.001, "g": 1.0, "kg": 1000.0, "t": 1e6, "lb": 453.59237, "lbs": 453.59237}
_KWH = {"kwh": 1.0, "mwh": 1000.0, "gwh": 1e6}
_UTC_OFFSET = re.compile(r"(?:utc|gmt) ?(?:([+-]\d\d?)(?::?([0-5]\d))?)?", re.ASCII)
_AREA = re.compile(r"[A-Za-z_]+/[A-Za-z_]+(?:/[A-Za-z_]+)?(?:[+-]\d\d?)?", re.ASCII)
# Where a name means the civil time of a region, with summer time.
_CIVIL = {"cet/cest": "Europe/Berlin", "mez/mesz": "Europe/Berlin"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where in a row things stand; None where the table has no such column.

    Attributes:
        start: of the start, or of its date where ``clock`` holds the time of day.
        value: of the intensity.
        clock, end, unit, zone: of these.
        issued: of when the forecast was published.
        factor: converts the intensity to gCO2/kWh, where no column ``unit`` says more.
        time_zone: what the header names for times without one.
        estimated: of whether the value is an estimate.
        boundary: ``lifecycle`` or ``direct`` where the intensity's name says so.
    """

    start: int
    value: int
    clock: int | None = None
    end: int | None = None
    unit: int | None = None
    zone: int | None = None
    issued: int | None = None
    factor: float = 1.0
    time_zone: tzinfo | None = None
    estimated: int | None = None
    boundary: str | None = None


def find_columns(cells: Sequence[str], where: str) -> Columns | None:
    """The columns that a header names; None where that line is no header.

    Raises:
        ForecastFileError: (a ValueError) it is one, and could be read in two ways.
    """
    names = [_plain(cell) for cell in cells]
    bare = [_bare(name) for name in names]
    starts = [i for i, name in enumerate(bare) if name in _START]
    values = _value_columns(names, bare)
    if not starts or not values:
        return None
    clock = None
    dates = [i for i in starts if bare[i] in _DATE]
    clocks = [i for i, name in enumerate(bare) if name in _CLOCK]
    if len(dates) == 1 and len(clocks) == 1:
        starts, clock = dates, clocks[0]
    start = _the_one(starts, names, ("start", "utc"), where, "the start")
    value = _the_one(values, names, (), where, "the intensity")
    ends = [i for i, name in enumerate(bare) if name in _END]
    return Columns(
        start=start,
        clock=clock,
        value=value,
        end=_the_one(ends, names, ("end", "utc"), where, "the end") if ends else None,
        unit=_first(bare, _UNIT),
        zone=_first(bare, _ZONE),
        issued=_first(bare, _ISSUED),
        factor=factor_in(names[value], default=1.0) or 1.0,
        time_zone=time_zone_named(cells[start], where),
        estimated=_first(bare, _ESTIMATED),
        boundary=_boundary(names[value]),
    )


def factor_in(text: str, *, default: float | None = None) -> float | None:
    """What converts the unit in a text to gCO2/kWh; ``default`` where it names none."""
    found = _PER.search(_plain(text))
    if found is None:
        return default
    return _GRAMS[found["mass"]] / _KWH[found["energy"]]


def time_zone_named(text: str, where: str) -> tzinfo | None:
    """The time zone in a header such as ``Zeit (Europe/Berlin)`` or ``start_utc``.

    Raises:
        ForecastFileError: (a ValueError) CET or MEZ alone, which many write all year.
    """
    if area := _AREA.search(text):
        try:
            return ZoneInfo(area[0])
        except (KeyError, ValueError, OSError):
            pass
    words = _plain(text)
    for said, area_name in _CIVIL.items():
        if said in words:
            return ZoneInfo(area_name)
    if re.search(r"\b(cet|mez|cest|mesz)\b", words):
        fault = (
            "names a time zone in its header that may stand for winter time or for the "
            "time of the clocks; write UTC+1 or Europe/Berlin there"
        )
        raise refusal(where, fault)
    found = re.search(rf"\b{_UTC_OFFSET.pattern}", words)
    if found is None:
        return None
    hours, minutes = found[1] or "0", int(found[2] or 0)
    ahead = timedelta(hours=int(hours), minutes=-minutes if hours[0] == "-" else minutes)
    return timezone(ahead) if abs(ahead) < timedelta(days=1) else None


def _plain(text: str) -> str:
    """In small letters of ASCII, with single blanks."""
    text = text.replace(_TORN_TWO, "2")
    flat = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[\s_']+", " ", flat).strip()


def _bare(name: str) -> str:
    """Without what stands in brackets, and without the word UTC."""
    bare = re.sub(r"[(\[].*?[)\]]", " ", name)
    bare = re.sub(r"\b(utc|gmt|cet/cest|mez/mesz|local|lokal)\b", " ", bare)
    bare = re.sub(r"[^a-z0-9]+", " ", bare).strip()
    # A column named "UTC" alone.
    return bare or ("time" if re.search(r"\b(utc|gmt)\b", name) else "")


def _value_columns(names: Sequence[str], bare: Sequence[str]) -> list[int]:
    exact = {name.replace("_", " ") for name in INTENSITY}
    certain = [i for i, name in enumerate(names) if name in exact]
    if certain:
        return certain
    possible = [i for i, name in enumerate(names) if _may_be_value(name)]
    likely = [i for i in possible if _VALUE.search(names[i]) or _PER.search(names[i])]
    found = likely or [i for i in possible if _PLAIN.fullmatch(bare[i])]
    foreseen = [i for i in found if _FORECAST.search(names[i])]
    return foreseen if len(foreseen) == 1 else _widest(names, found)


def _widest(names: Sequence[str], found: Sequence[int]) -> list[int]:
    """Of the same intensity by several boundaries: life cycle, consumption."""
    lifecycle = [i for i in found if _LIFECYCLE.search(names[i])]
    whole = [i for i in found if not _boundary(names[i])]
    consumed = [i for i in whole if not _OF_PRODUCTION.search(names[i])]
    return lifecycle or consumed or list(found)


def _boundary(name: str) -> str | None:
    if _LIFECYCLE.search(name):
        return "lifecycle"
    return "direct" if _DIRECT.search(name) else None


def _may_be_value(name: str) -> bool:
    """Whether a column may hold an intensity: neither a share nor a price per MWh."""
    other_ratio = _RATIO.search(name) and not _PER.search(name)
    return not _NO_VALUE.search(name) and not other_ratio


def _the_one(
    found: Sequence[int],
    names: Sequence[str],
    preferred: Sequence[str],
    where: str,
    what: str,
) -> int:
    """The only one of the columns, or the only one whose name has a preferred word."""
    for word in preferred:
        by_name = [i for i in found if re.search(rf"\b{word}\b", names[i])]
        if len(by_name) == 1:
            return by_name[0]
    if len(found) == 1:
        return found[0]
    name = (*preferred, INTENSITY[0])[0]
    fault = f"has {len(found)} columns that may be {what}; name one of them {name!r}"
    raise refusal(where, fault)


def _first(names: Sequence[str], wanted: frozenset[str]) -> int | None:
    return next((i for i, name in enumerate(names) if name in wanted), None)
