"""Derive ``carbonaware_prefect/clouds/regions.csv`` from the full region table.

    python scripts/build_regions.py FILE [--output FILE]

FILE has the columns ``provider, region, location, electricitymaps_zone, watttime_region``
and ``source`` (``zone:<codes>;wt:<codes>;avg:<codes>;note:<text>;lic:<code>=<licence>``).
The result keeps what the package reads, and for each row where that is from.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["COLUMNS", "reduce_rows"]

COLUMNS = ("provider", "region", "location", "zone", "watttime_region", "source")

_TARGET = Path(__file__).parents[1] / "carbonaware_prefect" / "clouds" / "regions.csv"

# The providers that can be named in a call. The table also has OVH, but the only source
# for its zones is under the AGPL, which was for cross-checks and is not copied from.
_PROVIDERS = ("aws", "azure", "gcp")

# Rows whose zone only that source states, but which follows from the location alone: all
# of mainland China is one zone.
_ONLY_CROSS_CHECK = "emdc"
_EVIDENT = ("CN",)
_INFERRED = "inferred-from-location"


def reduce_rows(rows: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """The rows the package keeps, sorted by provider and region.

    Raises:
        ValueError: a zone that nothing but the cross-check states.
    """
    kept = []
    for row in rows:
        if row["provider"] in _PROVIDERS:
            zone = row["electricitymaps_zone"]
            kept.append(
                {
                    "provider": row["provider"],
                    "region": row["region"],
                    "location": row["location"],
                    "zone": zone,
                    "watttime_region": row["watttime_region"],
                    "source": _source(row["source"], zone),
                }
            )
    return sorted(kept, key=lambda row: (row["provider"], row["region"]))


def _source(full: str, zone: str) -> str:
    """What the kept columns rest on, with the licences of just that."""
    # A note may hold a semicolon of its own.
    parts = dict(p.split(":", 1) for p in re.split(r";(?=[a-z]+:)", full))
    if parts["zone"] == _ONLY_CROSS_CHECK:
        if zone not in _EVIDENT:
            msg = f"zone {zone} is stated by {_ONLY_CROSS_CHECK} alone: find another source"
            raise ValueError(msg)
        parts["zone"] = _INFERRED
    codes = parts["zone"].split("+")
    checks = [code for code in codes if code.startswith(_ONLY_CROSS_CHECK)]
    if checks:
        # The zone rests on the others; the check agreed, or says ``!=`` what it found.
        parts["zone"] = "+".join(code for code in codes if code not in checks)
        parts["checked"] = checks[0]
    used = set(re.split(r"[+,]", f"{parts['zone']}+{parts.get('wt', '')}"))
    named = {re.split(r"!=|@", code)[0] for code in used}
    licences = [
        pair for pair in parts.get("lic", "").split(",") if pair.split("=")[0] in named
    ]
    kept = ("zone", "checked", "wt", "note")
    said = [f"{key}:{parts[key]}" for key in kept if key in parts]
    return ";".join([*said, *(["lic:" + ",".join(licences)] if licences else [])])


def main() -> None:
    """Write the reduced table."""
    parser = argparse.ArgumentParser(description="Derive the map of cloud regions.")
    parser.add_argument("file", type=Path, help="the full table")
    parser.add_argument("--output", type=Path, default=_TARGET, help="file to write")
    given = parser.parse_args()
    with given.file.open(encoding="utf-8", newline="") as file:
        rows = reduce_rows(csv.DictReader(file))
    with given.output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
