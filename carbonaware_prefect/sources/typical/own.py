"""A user's own typical days: learnt from files, tried, and put where they are found."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from pathlib import Path
from tempfile import NamedTemporaryFile
from zoneinfo import ZoneInfo

from carbonaware_prefect.errors import CarbonAwareError, InvalidSettingError
from carbonaware_prefect.sources.file.parsing import ReadAnswer
from carbonaware_prefect.sources.typical import table_file
from carbonaware_prefect.sources.typical.clocks import time_zone_of
from carbonaware_prefect.sources.typical.days import TypicalDays
from carbonaware_prefect.sources.typical.histories import read_histories
from carbonaware_prefect.sources.typical.learning import (
    learn_grams,
    lengths_of,
    years_of,
)
from carbonaware_prefect.sources.typical.tables import TypicalTables
from carbonaware_prefect.sources.typical.trial import WINDOWS, is_worth_it, try_table

__all__ = ["Learnt", "learn", "save"]

_KEY = re.compile(r"[A-Z]{2}(-[A-Z0-9]+)*", re.ASCII)
_MOSTLY_ESTIMATED = 0.5


@dataclass(frozen=True, slots=True)
class Learnt:
    """A table, and what a person should know before using it.

    Attributes:
        table: what was learnt.
        warnings: why it may not be worth using.
        notes: what was assumed in reading the files.
    """

    table: TypicalDays
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()


def learn(
    paths: Sequence[Path],
    zone: str,
    *,
    time_zone: str | None,
    tables: TypicalTables,
    today: date,
    files_time_zone: tzinfo | None = None,
    read_answer: ReadAnswer | None = None,
) -> Learnt:
    """Typical days from histories of one zone by one publisher.

    Args:
        paths: files of hourly or finer values; several years at once.
        zone: grid zone key.
        time_zone: IANA name of the zone's clock; None to find it out.
        tables: typical days that may know it.
        today: the date to write on the table.
        files_time_zone: of times in the files that name none; the zone's clock if None.
        read_answer: reads the saved answer of a service.

    Raises:
        ForecastFileError: (a ValueError) a file that is no history; says where and why.
        InvalidInputError: (a ValueError) no key of a zone, no clock, too little data.
    """
    if not _KEY.fullmatch(zone):
        msg = f"--zone: {zone!r} is no key of a zone; write e.g. DE or US-CAL-CISO"
        raise InvalidSettingError(msg)
    clock = time_zone_of(zone, time_zone, tables)
    history = read_histories(
        paths,
        zone,
        time_zone=files_time_zone or ZoneInfo(clock),
        read_answer=read_answer,
    )
    grams = learn_grams([history.pieces], clock)
    trial = try_table([history.pieces], clock)
    table = TypicalDays(
        zone=zone,
        time_zone=clock,
        source=f"own files: {', '.join(path.name for path in paths)}",
        publisher="own files",
        licence="that of the files",
        years=years_of([history.pieces], clock),
        boundary=history.boundary,
        hours=round(lengths_of([history.pieces])),
        grams=grams,
        built=today.isoformat(),
        minimum_saving=trial.minimum_saving,
        held_out=trial.held_out,
        trial=trial.windows,
    )
    return Learnt(table, tuple(_warnings(table, history.estimated)), history.notes)


def _warnings(table: TypicalDays, estimated: float) -> list[str]:
    found = []
    kept = table.trial[WINDOWS[-1]]
    if not is_worth_it(kept):
        found.append(
            f"This table is not worth using: on hours that it had not seen it kept "
            f"{kept.kept:.2f} of the possible saving and made {kept.worse:.0%} of the jobs "
            f"worse than at once. Use a live source for {table.zone}"
        )
    if estimated > _MOSTLY_ESTIMATED:
        found.append(f"{estimated:.0%} of the values are estimates of their publisher")
    return found


def save(table: TypicalDays, folder: Path) -> Path:
    """Write a table where the source `typical` looks for it; replaces an older one.

    Raises:
        CarbonAwareError: the folder cannot be written.
    """
    path = folder / f"{table.zone}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Whoever reads it meanwhile finds the old file or the new one, whole.
        with NamedTemporaryFile(
            "w", encoding="utf-8", dir=folder, prefix=".", suffix=".tmp", delete=False
        ) as file:
            file.write(table_file.render([table]))
        os.chmod(file.name, 0o644)  # noqa: PTH101  it has a name, not a path
        os.replace(file.name, path)  # noqa: PTH105
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}; give --out a folder"
        raise CarbonAwareError(msg) from None
    return path
