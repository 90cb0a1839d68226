"""The forms of the report on past runs: each takes the runs as they come, and the end."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TextIO

from carbonaware_prefect.cli.output import iso
from carbonaware_prefect.cli.reports.ledger_document import (
    COLUMNS,
    row_of,
    tally_document,
)
from carbonaware_prefect.cli.reports.ledger_table import as_markdown, show
from carbonaware_prefect.core.accounting.settlement import Settled
from carbonaware_prefect.reports.ledger import Ledger

__all__ = ["FORMS", "Form", "Heading"]

# A spreadsheet would take a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What the report is about.

    Attributes:
        since, until: of the due times (UTC).
        unit: functional unit; None for none.
        name: the name of a deployment by its id.
    """

    since: datetime
    until: datetime
    unit: str | None
    name: Callable[[str | None], str]


class Form(Protocol):
    """A form of the report. It is written in order: the runs, then the end."""

    def add(self, run: Settled) -> None:
        """One more run."""

    def end(self, ledger: Ledger, notes: list[str]) -> None:
        """No more runs; what they came to, and sentences for a person."""


class Csv:
    """One line for each run."""

    def __init__(self, stream: TextIO, heading: Heading) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        self._name = heading.name
        self._writer.writerow(COLUMNS)

    def add(self, run: Settled) -> None:
        """Its line."""
        values = row_of(run, self._name(run.deployment)).values()
        self._writer.writerow([_cell(value) for value in values])

    def end(self, ledger: Ledger, notes: list[str]) -> None:
        """Nothing: the lines are all."""


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


class Json:
    """One document, each run on a line of its own."""

    def __init__(self, stream: TextIO, heading: Heading) -> None:
        self._stream, self._heading = stream, heading
        self._between = "\n    "
        self._write(
            f'{{\n  "since": "{iso(heading.since)}",\n'
            f'  "until": "{iso(heading.until)}",\n  "runs": ['
        )

    def _write(self, text: str) -> None:
        self._stream.write(text)

    def add(self, run: Settled) -> None:
        """Its line."""
        row = row_of(run, self._heading.name(run.deployment))
        self._write(self._between + json.dumps(row, allow_nan=False))
        self._between = ",\n    "

    def end(self, ledger: Ledger, notes: list[str]) -> None:
        """The totals."""
        heading = self._heading
        rest = {
            "deployments": [
                {
                    "id": key,
                    "deployment": heading.name(key),
                    **tally_document(tally, heading.unit),
                }
                for key, tally in ledger.deployments.items()
            ],
            "total": tally_document(ledger.total, heading.unit),
            "others": ledger.others,
            "unreadable": ledger.unreadable,
            "notes": notes,
        }
        told = json.dumps(rest, indent=2, allow_nan=False)
        self._write(f"\n  ],{told.removeprefix('{')}\n")


class Table:
    """What all runs came to, for a terminal."""

    def __init__(self, stream: TextIO, heading: Heading) -> None:
        self._stream, self._heading = stream, heading

    def add(self, run: Settled) -> None:
        """Nothing: it is in the sums."""

    def end(self, ledger: Ledger, notes: list[str]) -> None:
        """All of it."""
        show(ledger, self._heading, notes, self._stream)


class Markdown(Table):
    """The same, for a page."""

    def end(self, ledger: Ledger, notes: list[str]) -> None:
        """All of it."""
        self._stream.write(as_markdown(ledger, self._heading, notes))


FORMS: Mapping[str, Callable[[TextIO, Heading], Form]] = {
    "table": Table,
    "json": Json,
    "csv": Csv,
    "markdown": Markdown,
}
"""By the words of ``--format``."""
