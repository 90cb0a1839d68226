"""``carbonaware-prefect report``: from the options to the runs, and out again."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from carbonaware_prefect.cli.failing import moment_of, reading_prefect
from carbonaware_prefect.cli.output import out, printable
from carbonaware_prefect.cli.reports.ledger_forms import FORMS, Form, Heading
from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.core.intervals import to_utc
from carbonaware_prefect.errors import InvalidSettingError
from carbonaware_prefect.planner.api import open_api
from carbonaware_prefect.reports.ledger import Ledger, Reader, read_ledger
from carbonaware_prefect.reports.power import Powers
from carbonaware_prefect.reports.reading import Asked, Deployments, read_pools
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.wiring.histories import (
    WITH_HISTORY,
    Histories,
    MeasuredFile,
)
from carbonaware_prefect.sources.wiring.past import read_revised

__all__ = ["Wanted", "report"]

_USUAL = timedelta(days=30)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ZONED = re.compile(r"(?P<zone>[A-Z]{2}[A-Z0-9-]*)=(?P<path>.+)", re.ASCII)
_UNIT = re.compile(r"[^\W_][\w -]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the options say, in their words; None where they say nothing."""

    since: str | None = None
    until: str | None = None
    deployment: str | None = None
    zone: str | None = None
    form: str = "table"
    out: Path | None = None
    history: tuple[str, ...] = ()
    unit: str | None = None


def report(wanted: Wanted) -> None:
    """Read the runs and write the report.

    Raises:
        InvalidInputError: (a ValueError) a word that is not allowed.
    """
    if wanted.form not in FORMS:
        msg = f"--format: {wanted.form!r} is none of {', '.join(FORMS)}"
        raise InvalidSettingError(msg)
    if wanted.unit is not None and not _UNIT.fullmatch(wanted.unit):
        msg = f"--functional-unit: {wanted.unit!r} is no name; write e.g. run or image"
        raise InvalidSettingError(msg)
    settings, now = Settings.read(), utc_now()
    until = _moment(wanted.until, "--until", now)
    since = _moment(wanted.since, "--since", until - _USUAL)
    if until <= since:
        msg = f"--until: {until.isoformat()} is not after --since, {since.isoformat()}"
        raise InvalidSettingError(msg)
    asked = Asked(since=since, until=until, zone=wanted.zone)
    histories, notes = _histories(wanted.history, settings, now)
    with _destination(wanted.out) as stream:
        work = _read(wanted, asked, settings, histories, notes, stream)
        with reading_prefect():
            asyncio.run(work)


async def _read(
    wanted: Wanted,
    asked: Asked,
    settings: Settings,
    histories: Histories,
    notes: list[str],
    stream: TextIO,
) -> None:
    async with open_api() as api:
        deployments = await Deployments.read(api)
        if wanted.deployment is not None:
            named = deployments.named(wanted.deployment)
            asked = Asked(
                since=asked.since, until=asked.until, zone=asked.zone, deployments=named
            )
        powers = Powers(settings, await read_pools(api))
        heading = Heading(
            since=asked.since, until=asked.until, unit=wanted.unit, name=deployments.name
        )
        form = FORMS[wanted.form](stream, heading)
        reader = Reader(
            api=api,
            deployments=deployments,
            histories=histories,
            powers=powers,
            functional_unit=wanted.unit,
        )
        ledger = await _settle(reader, asked, form)
        form.end(ledger, [*notes, *histories.notes, *powers.notes])


async def _settle(reader: Reader, asked: Asked, form: Form) -> Ledger:
    with _progress() as told:
        return await read_ledger(reader, asked, on_run=form.add, on_progress=told)


def _moment(words: str | None, option: str, default: datetime) -> datetime:
    """A day, from its beginning in UTC, or a time with an offset."""
    if words is not None and _DATE.fullmatch(words.strip()):
        words = f"{words.strip()}T00:00Z"
    return to_utc(moment_of(words, option, default), option)


def _histories(
    words: tuple[str, ...], settings: Settings, now: datetime
) -> tuple[Histories, list[str]]:
    """The files and sources that the options name, and what was assumed in reading them."""
    named = tuple(word for word in words if word in WITH_HISTORY)
    files: dict[str, MeasuredFile] = {}
    notes: list[str] = []
    for word in words:
        if word in named:
            continue
        zoned = _ZONED.fullmatch(word)
        path = Path(zoned["path"] if zoned else word)
        history = read_revised(path, zoned["zone"] if zoned else None, settings)
        zone = history.actual.zone
        if zone is None:
            msg = (
                f"--history: {printable(path.name)} does not say of which zone it is; "
                "write ZONE=FILE"
            )
            raise InvalidSettingError(msg)
        if zone in files:
            msg = f"--history: there are two files of zone {zone}; give one"
            raise InvalidSettingError(msg)
        files[zone] = MeasuredFile(zone, history)
        notes += [f"{path.name}: {note}" for note in history.notes]
    return Histories(settings, files=tuple(files.values()), named=named, now=now), notes


@contextmanager
def _destination(path: Path | None) -> Iterator[TextIO]:
    """Where the report goes; a file appears whole or not at all."""
    if path is None:
        # A name must not end the command on a terminal without UTF-8.
        out()
        yield sys.stdout
        return
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            yield file
        part.replace(path)
    except OSError as error:
        msg = f"--out: {printable(str(path))} cannot be written: {error.strerror}"
        raise InvalidSettingError(msg) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Shows on standard error how many runs have been read, where that is a terminal."""
    console = Console(stderr=True, highlight=False, markup=False)
    columns = TextColumn("Reading runs"), BarColumn(), MofNCompleteColumn()
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=None)

        def told(done: int, expected: int) -> None:
            bar.update(task, completed=done, total=expected)

        yield told
