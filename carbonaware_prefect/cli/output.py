"""Where all output of the command line goes through."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = [
    "Times",
    "grams",
    "is_narrow",
    "iso",
    "new_table",
    "out",
    "percent",
    "print_document",
    "printable",
    "shortened",
    "working",
]

_NARROW = 60  # columns, below which a table has to be brief
_PATIENCE = 0.4  # seconds before a spinner shows


def out() -> Console:
    """Standard output; without a terminal it is plain."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A place name or a credit must not end the command on a terminal without UTF-8.
        sys.stdout.reconfigure(errors="replace")
    return Console(highlight=False, markup=False, emoji=False)


def is_narrow(console: Console) -> bool:
    """Whether tables have to be brief."""
    return console.width < _NARROW


def print_document(document: Mapping[str, object]) -> None:
    """One JSON document on standard output."""
    print(json.dumps(document, indent=2, allow_nan=False))


@contextmanager
def working(what: str) -> Iterator[None]:
    """Say on the terminal what is going on, where it takes longer than a moment."""
    console = Console(stderr=True, highlight=False, markup=False)
    if not console.is_terminal:
        yield
        return
    status = console.status(Text(what))
    timer = threading.Timer(_PATIENCE, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()


def new_table(*columns: tuple[str, bool]) -> Table:
    """A table; each column has its title, and whether its cells are numbers."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for title, number in columns:
        table.add_column(
            Text(title),
            justify="right" if number else "left",
            no_wrap=number,
            overflow="fold",
        )
    return table


class Times:
    """How moments look in a table: in UTC, and by the clock here where it differs.

    Args:
        moments: all that will be shown.
        narrow: whether there is only room for the weekday and the time.
    """

    def __init__(self, moments: Iterable[datetime], *, narrow: bool) -> None:
        self._offsets = sorted({f"{moment.astimezone():%z}" for moment in moments})
        self._form = "%a %H:%M" if narrow else "%a %d %b %H:%M"

    @property
    def local(self) -> list[str]:
        """The title of the column of local times, if there is to be one."""
        if not any(offset.strip("+-0") for offset in self._offsets):
            return []
        return [f"UTC{self._offsets[0]}" if len(self._offsets) == 1 else "Local"]

    def local_time(self, moment: datetime) -> str:
        """The moment by the clock here."""
        shown = f"{moment.astimezone():{self._form}}"
        return f"{shown} {moment.astimezone():%z}" if len(self._offsets) > 1 else shown

    def cells(self, start: datetime, end: datetime | None = None) -> list[str]:
        """The moment in UTC, and in local time; with an end, a span."""
        until = f"-{end:%H:%M}" if end else ""
        cells = [f"{start:{self._form}}{until}"]
        if self.local:
            form = "%H:%M" if len(self._offsets) == 1 else "%H:%M %z"
            cells.append(f"{start.astimezone():{form}}")
        return cells


def printable(text: str) -> str:
    """The text without what a terminal would obey: control characters as they are written.

    Names and messages come from servers and files; an escape sequence in them could hide
    or forge lines.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def shortened(text: str, width: int, *, ascii_only: bool) -> str:
    """The text in that many letters; what is too long loses its middle."""
    if len(text) <= width:
        return text
    mark = "..." if ascii_only else "\u2026"
    kept = max(0, width - len(mark))
    return text[: kept - kept // 2] + mark + text[len(text) - kept // 2 :]


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC, e.g. ``2026-11-21T00:00:00Z``."""
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def grams(value: float | None) -> str:
    """An intensity for a table."""
    return "-" if value is None else f"{value:.0f}"


def percent(part: float | None) -> str:
    """A saving as the change it makes, e.g. ``-35 %``."""
    if part is None:
        return "-"
    change = round(-100 * part)
    return f"{change:+d} %" if change else "0 %"
