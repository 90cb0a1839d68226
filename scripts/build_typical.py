"""Derive ``carbonaware_prefect/sources/typical.json`` from hourly traces.

    python scripts/build_typical.py FOLDER [--output FILE]

FOLDER holds ``eia_<KEY>_2022.csv`` and ``cc_<KEY>_lifecycle_2020_2021.csv`` with the
columns ``start`` (UTC) and ``carbon_intensity_gco2_per_kwh``. For each zone the table
says the mean intensity by month, day type (weekday, weekend) and local hour. A second run
on the same traces writes the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from math import fsum
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

from carbonaware_prefect.sources.typical import TypicalDays

__all__ = ["ZONES", "Supplier", "Zone", "average_days", "derive", "read_trace"]

_HOUR = timedelta(hours=1)
_TARGET = Path(__file__).parents[1] / "carbonaware_prefect" / "sources" / "typical.json"

# One digit is finer than the traces deserve and coarse enough that noise makes no order.
_DECIMALS = 1

# Each month has at least eight weekend days; below this a hole has eaten the cell.
_FEWEST = 4

# Five hours of PJM (1 and 2 October 2022) lie at 43-47 g/kWh, between neighbours near 300:
# 0.13 of the median. The next lowest value of any trace is 0.28 of its median, and real.
_IMPLAUSIBLE = 0.2

# California reported the start of the hour to EIA-930 until 16 June 2022, the end of it
# from then on (singularity-energy/open-grid-emissions, pull request 300). The trace is
# shifted as if all were ends. Seen in it too: until that day the morning's fall comes
# 0.4 h after sunrise, from then on 1.2 h, and in the CarbonCast trace 1.6 h all along.
_CISO_REPORTS_ENDS = datetime(2022, 6, 16, 7, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Supplier:
    """Who made a group of traces, under which licence, with which factors."""

    file_name: str
    source: str
    licence: str
    boundary: str


# The factors were recomputed from the published mix: gas 490, hydro 24, nuclear 12,
# wind 11 and other 230 g/kWh, the lifecycle medians of IPCC AR5.
EIA = Supplier(
    "eia_{}_2022.csv",
    "US Energy Information Administration, Form EIA-930, generation mix with IPCC AR5 "
    "factors, via HewlettPackard/dc-rl @ a92b475",
    "MIT; underlying data US public domain",
    "lifecycle",
)
CARBONCAST = Supplier(
    "cc_{}_lifecycle_2020_2021.csv",
    "CarbonCast (aamyli/CarbonCast @ fb8fe4f), from EIA, ENTSO-E and OpenNEM "
    "generation mix",
    "Apache-2.0",
    "lifecycle",
)


@dataclass(frozen=True)
class Zone:
    """Where the table of a zone comes from.

    The grams are on the scale of the first supplier; any other adds only its shape.
    """

    key: str
    time_zone: str
    suppliers: tuple[Supplier, ...]


# Two suppliers use other factors, so their grams never mix. EIA 2022 sets the scale where
# there are both: it is the newer year, and makes grams comparable among the US zones.
ZONES: Mapping[str, Zone] = {
    "AU-QLD": Zone("AUS_QLD", "Australia/Brisbane", (CARBONCAST,)),
    "DE": Zone("DE", "Europe/Berlin", (CARBONCAST,)),
    "ES": Zone("ES", "Europe/Madrid", (CARBONCAST,)),
    "NL": Zone("NL", "Europe/Amsterdam", (CARBONCAST,)),
    "PL": Zone("PL", "Europe/Warsaw", (CARBONCAST,)),
    "SE": Zone("SE", "Europe/Stockholm", (CARBONCAST,)),
    "US-CAL-CISO": Zone("CISO", "America/Los_Angeles", (EIA, CARBONCAST)),
    "US-MIDA-PJM": Zone("PJM", "America/New_York", (EIA,)),
    "US-MIDW-MISO": Zone("MISO", "America/Chicago", (EIA,)),
    "US-NW-BPAT": Zone("BPAT", "America/Los_Angeles", (EIA,)),
    "US-SW-AZPS": Zone("AZPS", "America/Phoenix", (EIA,)),
    "US-TEX-ERCO": Zone("ERCO", "America/Chicago", (EIA, CARBONCAST)),
}


def read_trace(folder: Path, key: str, supplier: Supplier) -> dict[datetime, float]:
    """The gCO2eq/kWh of each hour (UTC start), without implausible lows.

    Holes stay holes. Known faults in the labels are put right.
    """
    path = folder / supplier.file_name.format(key)
    with path.open(encoding="utf-8", newline="") as file:
        hours = {
            _true_start(row["start"], key, supplier): float(
                row["carbon_intensity_gco2_per_kwh"]
            )
            for row in csv.DictReader(file)
        }
    floor = _IMPLAUSIBLE * median(hours.values())
    return {start: grams for start, grams in hours.items() if grams >= floor}


def _true_start(label: str, key: str, supplier: Supplier) -> datetime:
    start = datetime.fromisoformat(label.replace("Z", "+00:00")).astimezone(timezone.utc)
    if key == "CISO" and supplier is EIA and start + _HOUR < _CISO_REPORTS_ENDS:
        return start + _HOUR
    # CarbonCast took EIA-930's labels, which say the hour's end, for its start. That is
    # right for California (see above) and an hour late for Texas, whose evening rise comes
    # an hour after the EIA trace's in all months, when the sun has already set.
    if key == "ERCO" and supplier is CARBONCAST:
        return start - _HOUR
    return start


def average_days(
    traces: Iterable[Mapping[datetime, float]],
    time_zone: str,
    *,
    fewest: int = _FEWEST,
) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """Mean by month, day type and local hour, in parts of each trace's own mean.

    Args:
        traces: hour to intensity, each in its own scale.
        time_zone: IANA name that the local hours are of.
        fewest: how many samples each cell must have.

    Raises:
        ValueError: a cell has fewer samples, so there is nothing to say for that hour.
    """
    local = ZoneInfo(time_zone)
    cells: dict[tuple[int, int, int], list[float]] = {}
    for hours in traces:
        mean = fsum(hours.values()) / len(hours)
        for start, grams in hours.items():
            at = start.astimezone(local)
            cell = (at.month - 1, int(at.weekday() >= 5), at.hour)  # noqa: PLR2004
            cells.setdefault(cell, []).append(grams / mean)

    def cell_mean(cell: tuple[int, int, int]) -> float:
        samples = cells.get(cell, [])
        if len(samples) < fewest:
            month, weekend, hour = cell
            msg = (
                f"only {len(samples)} samples for month {month + 1}, "
                f"{'weekend' if weekend else 'weekday'}, {hour}:00 {time_zone}; "
                f"{fewest} are needed: give traces with fewer holes"
            )
            raise ValueError(msg)
        return fsum(samples) / len(samples)

    return tuple(
        tuple(tuple(cell_mean((m, d, h)) for h in range(24)) for d in range(2))
        for m in range(12)
    )


def derive(folder: Path, zone: str) -> TypicalDays:
    """The table of one zone from the traces in a folder."""
    made = ZONES[zone]
    traces = [read_trace(folder, made.key, supplier) for supplier in made.suppliers]
    scale = fsum(traces[0].values()) / len(traces[0])
    local = ZoneInfo(made.time_zone)
    years = {start.astimezone(local).year for hours in traces for start in hours}
    shape = average_days(traces, made.time_zone)
    return TypicalDays(
        zone=zone,
        time_zone=made.time_zone,
        source=" + ".join(
            f"{supplier.source}{'' if i == 0 else ' (shape only)'}"
            for i, supplier in enumerate(made.suppliers)
        ),
        licence=" + ".join(supplier.licence for supplier in made.suppliers),
        # A trace's first or last hours may belong to a neighbouring year in local time.
        years=tuple(
            year
            for year in sorted(years)
            if sum(s.astimezone(local).year == year for t in traces for s in t) > 24  # noqa: PLR2004
        ),
        boundary=made.suppliers[0].boundary,
        hours=sum(len(hours) for hours in traces),
        grams=tuple(
            tuple(tuple(round(scale * part, _DECIMALS) for part in day) for day in month)
            for month in shape
        ),
    )


def render(tables: Iterable[TypicalDays]) -> str:
    """The JSON text: one line for each day, so that a change shows in a diff."""
    zones = []
    for table in tables:
        about = {
            "time_zone": table.time_zone,
            "source": table.source,
            "licence": table.licence,
            "years": list(table.years),
            "boundary": table.boundary,
            "hours": table.hours,
        }
        months = ",\n".join(
            "[" + ",\n".join(json.dumps(day, separators=(",", ":")) for day in month) + "]"
            for month in table.grams
        )
        head = json.dumps(about, ensure_ascii=False)[:-1]
        zones.append(f'"{table.zone}": {head}, "grams": [\n{months}]}}')
    unit = '"unit": "gCO2eq/kWh", "cells": "month, [weekday, weekend], local hour"'
    return f'{{{unit}, "zones": {{\n' + ",\n".join(zones) + "}}\n"


def main() -> None:
    """Write the table of all zones."""
    parser = argparse.ArgumentParser(description="Derive the table of typical days.")
    parser.add_argument("folder", type=Path, help="folder with the traces")
    parser.add_argument("--output", type=Path, default=_TARGET, help="file to write")
    given = parser.parse_args()
    text = render(derive(given.folder, zone) for zone in ZONES)
    given.output.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
