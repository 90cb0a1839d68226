"""Derive the tables of typical days from hourly traces, and say what they are worth.

    python -m scripts.build_typical FOLDER [--output DIR] [--without-inferred]

FOLDER holds the traces that ``scripts/traces.py`` names. Writes ``typical.json`` and
``typical_odbl.json``, and prints the tables of docs/typical.md. A second run on the same
traces writes the same bytes.

A zone whose table does not beat starting at once on hours that it has not seen, or makes
more than a quarter of the jobs worse, stops the build: nothing is written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.sources.typical import TypicalDays, table_file
from carbonaware_prefect.sources.typical.learning import (
    learn_grams,
    lengths_of,
    years_of,
)
from carbonaware_prefect.sources.typical.trial import WINDOWS, is_worth_it, try_table
from scripts.report_typical import report
from scripts.traces import EM_2022, ODBL_ZONES, OPEN_ZONES, Zone, read_trace

__all__ = ["FILES", "build", "derive"]

_TARGET = Path(__file__).parents[1] / "carbonaware_prefect/sources/typical"

FILES = {"typical.json": OPEN_ZONES, "typical_odbl.json": ODBL_ZONES}
_ABOUT = {
    "typical.json": {"licence": "MIT and Apache-2.0; each zone says which"},
    "typical_odbl.json": {
        "licence": "Open Database License (ODbL) 1.0, see LICENSES/ODbL-1.0.txt",
        "attribution": "Contains information from Electricity Maps "
        "(https://www.electricitymaps.com), which is made available under the Open "
        "Database License (ODbL) 1.0. Changed: averaged by month, day type and hour.",
    },
}


def derive(folder: Path, zone: str, made: Zone, built: str) -> TypicalDays:
    """The table of one zone, with what it kept on hours that it had not seen.

    Raises:
        SystemExit: it is not worth shipping.
    """
    traces = [read_trace(folder, made, supplier) for supplier in made.suppliers]
    trial = try_table(traces, made.time_zone)
    kept = trial.windows[WINDOWS[-1]]
    if not is_worth_it(kept):
        msg = (
            f"{zone}: on hours that it has not seen its table keeps {kept.kept:.2f} of the "
            f"possible saving and makes {kept.worse:.0%} of the jobs worse; a table that "
            "does no better must not be shipped: take the zone out, or give better data"
        )
        raise SystemExit(msg)
    return TypicalDays(
        zone=zone,
        time_zone=made.time_zone,
        source=" + ".join(
            f"{supplier.source}{'' if i == 0 else ' (shape only)'}"
            for i, supplier in enumerate(made.suppliers)
        ),
        publisher=" and ".join(supplier.publisher for supplier in made.suppliers),
        licence=" + ".join(supplier.licence for supplier in made.suppliers),
        years=years_of(traces, made.time_zone),
        boundary="lifecycle",
        hours=round(lengths_of(traces)),
        grams=learn_grams(traces, made.time_zone),
        built=built,
        minimum_saving=trial.minimum_saving,
        held_out=trial.held_out,
        trial=trial.windows,
    )


def _dated(table: TypicalDays, before: str, name: str) -> TypicalDays:
    """The table with the date of the one before, where nothing else has changed."""
    old = table_file.parse(before, table.zone, name=name)
    if old is not None and replace(old, built=table.built) == table:
        return old
    return table


def build(
    folder: Path,
    target: Path,
    *,
    inferred: bool = True,
    files: Mapping[str, Mapping[str, Zone]] = FILES,
    shipped: Path = _TARGET,
) -> Mapping[str, Mapping[str, TypicalDays]]:
    """All tables by file and zone, written once all are found worth it.

    Args:
        folder: of the traces.
        target: folder to write to.
        inferred: whether zones whose licence is inferred are among them.
        files: the zones of each file.
        shipped: folder of the tables whose dates stay where the target has none.
    """
    today = utc_now().date().isoformat()
    texts, tables = {}, {}
    for name, zones in files.items():
        path = target / name
        known = path if path.exists() else shipped / name
        before = known.read_text(encoding="utf-8") if known.exists() else ""
        before = before if table_file.FORMAT in before else ""
        found = {}
        for zone, made in zones.items():
            if inferred or EM_2022 not in made.suppliers:
                found[zone] = _dated(derive(folder, zone, made, today), before, name)
        tables[name] = found
        texts[path] = table_file.render(found.values(), **_ABOUT[name])
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return tables


def main() -> None:
    """Write both files and print what they are worth."""
    parser = argparse.ArgumentParser(description="Derive the tables of typical days.")
    parser.add_argument("folder", type=Path, help="folder with the traces")
    parser.add_argument("--output", type=Path, default=_TARGET, help="folder to write to")
    parser.add_argument(
        "--without-inferred",
        action="store_true",
        help="leave out the zones whose licence is inferred",
    )
    given = parser.parse_args()
    tables = build(given.folder, given.output, inferred=not given.without_inferred)
    sys.stdout.write(report(given.folder, tables))


if __name__ == "__main__":
    main()
