"""Files of typical days: a JSON document with a line for each day, read zone by zone.

    {"unit": "gCO2eq/kWh", "cells": "month, [weekday, weekend], local hour",
     "zones": {
    "GB": {"time_zone": "Europe/London", "source": "...", "licence": "...",
     "years": [2021, 2022, 2023], ..., "grams": [
    [[...],
    [...]],
    ...]},
    ...}}

It is plain JSON. Since each zone starts a line of its own, one zone is found by its text
and the others are never parsed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from carbonaware_prefect.errors import ForecastFileError
from carbonaware_prefect.sources.typical.days import Kept, TypicalDays

__all__ = ["FORMAT", "parse", "render", "zones_in"]

FORMAT = "carbonaware-prefect typical days 1"

_ZONE = re.compile(r'^"([A-Z0-9-]+)": \{', re.MULTILINE)
_TEXTS = (
    "time_zone", "source", "publisher", "licence", "boundary", "built", "held_out",
)  # fmt: skip
_CELLS = (12, 2, 24)
_LAST_YEAR = 9999


def zones_in(text: str) -> tuple[str, ...]:
    """The zones of a file, in its order."""
    return tuple(_ZONE.findall(text))


def parse(text: str, zone: str, *, name: str) -> TypicalDays | None:
    """The typical days of one zone, or None where the file has none.

    Args:
        text: of the file.
        zone: grid zone key.
        name: of the file, for messages.

    Raises:
        ForecastFileError: (a ValueError) it is no table of typical days; says why.
    """
    start = text.find(f'\n"{zone}": {{')
    if start < 0:
        return None
    following = _ZONE.search(text, start + 2)
    end = following.start() if following else text.rstrip().rfind("}}")
    body = text[start:end].rstrip().rstrip(",")
    try:
        about = json.loads("{" + body + "}")[zone]
    except (ValueError, RecursionError) as error:
        _fail(name, zone, f"is no JSON: {error}")
    return _days(about, zone, name)


def _days(about: Mapping[str, Any], zone: str, name: str) -> TypicalDays:
    for key in _TEXTS:
        said = about.get(key)
        # It will stand in sentences, labels and on terminals.
        if not isinstance(said, str) or not said.isprintable():
            _fail(name, zone, f"needs a text of one line in {key!r}")
    try:
        ZoneInfo(about["time_zone"])
    except (KeyError, ValueError, OSError):
        _fail(name, zone, "has a 'time_zone' which there is not")
    years, least = about.get("years", []), about.get("minimum_saving")
    if not _are_years(years):
        _fail(name, zone, "needs a list 'years' of whole numbers")
    if least is not None and not (_is_number(least) and 0 <= least < 1):
        _fail(name, zone, "has a 'minimum_saving' that is none; it must be a share below 1")
    hours = about.get("hours")
    if not isinstance(hours, int):
        _fail(name, zone, "needs a whole number 'hours'")
    return TypicalDays(
        zone=zone,
        years=tuple(years),
        hours=hours,
        minimum_saving=least,
        grams=_cells(about.get("grams"), zone, name),
        trial=_trial(about.get("trial", {}), zone, name),
        **{key: about[key] for key in _TEXTS},
    )


def _trial(trial: Any, zone: str, name: str) -> dict[int, Kept]:
    try:
        return {int(hours): Kept(*map(float, shares)) for hours, shares in trial.items()}
    except (AttributeError, OverflowError, TypeError, ValueError):
        _fail(name, zone, "needs 'trial' with three shares by hours")


def _cells(grams: Any, zone: str, name: str) -> tuple[tuple[tuple[float, ...], ...], ...]:
    months, types, hours = _CELLS
    try:
        cells = tuple(tuple(tuple(day) for day in month) for month in grams)
    except TypeError:
        cells = ()
    sizes = {(len(cells), len(month), len(day)) for month in cells for day in month}
    if sizes != {_CELLS} or not all(
        _is_number(value) for month in cells for day in month for value in day
    ):
        _fail(name, zone, f"needs {months} months of {types} days of {hours} numbers")
    return cells


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _are_years(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(year, int) and 0 < year <= _LAST_YEAR for year in value)
    )


def _fail(name: str, zone: str, fault: str) -> NoReturn:
    msg = (
        f"typical days {name}: zone {zone} {fault}; make the file anew with "
        f"`carbonaware-prefect typical learn`"
    )
    raise ForecastFileError(msg)


def render(tables: Iterable[TypicalDays], **about: str) -> str:
    """The text of a file: one line for each day, so that a change shows in a diff.

    Args:
        tables: the zones.
        about: what else the head says, e.g. ``licence``.
    """
    head = {
        "format": FORMAT,
        **about,
        "unit": "gCO2eq/kWh",
        "cells": "month, [weekday, weekend], local hour",
        "trial": "by window in hours: possible saving, share kept, share of jobs worse",
    }
    zones = ",\n".join(_zone(table) for table in tables)
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "zones": {{\n{zones}}}}}\n'


def _zone(table: TypicalDays) -> str:
    about = {
        **{key: getattr(table, key) for key in _TEXTS},
        "years": list(table.years),
        "hours": table.hours,
        "minimum_saving": table.minimum_saving,
        "trial": {
            str(hours): [kept.possible, kept.kept, kept.worse]
            for hours, kept in table.trial.items()
        },
    }
    months = ",\n".join(
        "[" + ",\n".join(json.dumps(day, separators=(",", ":")) for day in month) + "]"
        for month in table.grams
    )
    head = json.dumps(about, ensure_ascii=False)[:-1]
    return f'"{table.zone}": {head}, "grams": [\n{months}]}}'
