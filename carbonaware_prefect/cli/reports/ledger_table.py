"""The report on past runs for people: tables and sentences, on a terminal or a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Protocol, TextIO

from rich.console import Console
from rich.text import Text

from carbonaware_prefect.cli.output import grams, printable
from carbonaware_prefect.core.accounting.settlement import Fate, Grade
from carbonaware_prefect.core.accounting.tally import Sums, Tally
from carbonaware_prefect.reports.ledger import Ledger

__all__ = ["CAVEATS", "as_markdown", "show"]

_FATES = {
    Fate.WORKED: "worked",
    Fate.UNDER_WAY: "under way",
    Fate.WAITING: "waiting",
    Fate.NEVER_WORKED: "ended without working",
    Fate.UNREADABLE: "with times that could not be read",
}
# Titles with their widths on a terminal.
_TITLES = (
    ("Runs", 6),
    ("Moved", 6),
    ("Worse", 6),
    ("at once", 8),
    ("actual", 7),
    ("Saving", 8),
    ("Forecast", 9),
)
_ENERGY_TITLES = (("g saved", 9),)
_FIRST = 20
_ORDER = list(Grade)
_KILO = 1000
CAVEATS = (
    "g/kWh: means over the time in which runs worked, and over the same from their nominal "
    "starts. Only what is measured shows a saving; the others are estimates. Intensities "
    "are of the whole grid."
)


class Headed(Protocol):
    """What the report is about."""

    @property
    def since(self) -> datetime:
        """First due time (UTC)."""

    @property
    def until(self) -> datetime:
        """The due times end before it."""

    @property
    def unit(self) -> str | None:
        """Functional unit; None for none."""

    @property
    def name(self) -> Callable[[str | None], str]:
        """Gives the name of a deployment."""


def show(ledger: Ledger, heading: Headed, notes: list[str], stream: TextIO) -> None:
    """The report on a terminal; plain where the stream is none."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    console.print(Text(_title(heading), style="bold"))
    console.print()
    energy = _has_energy(ledger.total)
    titles = _titles(energy=energy)
    widths = [width for _, width in titles]
    lines = list(_lines(ledger, heading, energy=energy))
    if lines:
        heads = _aligned("Deployment, by", [title for title, _ in titles], widths)
        console.print(Text(f"{heads}\n{'─' * len(heads)}"))
        for name, by, *cells in lines:
            # Beside the numbers there is no room for both.
            if name:
                console.print(Text(printable(name)))
            console.print(Text(_aligned(f"  {by}", cells, widths)))
        console.print()
    for sentence in _sentences(ledger, heading, notes):
        console.print(Text(printable(sentence)))


def _aligned(first: str, cells: Sequence[str], widths: Sequence[int]) -> str:
    pairs = zip(cells, widths, strict=True)
    return f"{first:<{_FIRST}}{''.join(f'{cell:>{width}}' for cell, width in pairs)}"


def as_markdown(ledger: Ledger, heading: Headed, notes: list[str]) -> str:
    """The report as a page."""
    energy = _has_energy(ledger.total)
    titles = ["Deployment", "by", *(title for title, _ in _titles(energy=energy))]
    lines = [
        titles,
        ["---", "---", *["---:"] * (len(titles) - 2)],
        *_lines(ledger, heading, energy=energy),
    ]
    table = "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)
    told = "\n".join(f"- {_escaped(each)}" for each in _sentences(ledger, heading, notes))
    return f"# {_title(heading)}\n\n{table}\n\n{told}\n"


def _escaped(text: str) -> str:
    """Text that Markdown takes for nothing else."""
    plain = printable(text)
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in plain)


def _title(heading: Headed) -> str:
    since, until = (f"{at:%Y-%m-%d %H:%M}" for at in (heading.since, heading.until))
    return f"Runs due from {since} to {until} UTC"


def _titles(*, energy: bool) -> tuple[tuple[str, int], ...]:
    return (*_TITLES, *_ENERGY_TITLES) if energy else _TITLES


def _has_energy(tally: Tally) -> bool:
    return any(sums.with_energy for sums in tally.sums.values())


def _lines(ledger: Ledger, heading: Headed, *, energy: bool) -> Iterator[list[str]]:
    named = sorted((heading.name(key), tally) for key, tally in ledger.deployments.items())
    for name, tally in (*named, ("All", ledger.total)):
        shown = name
        for (grade, signal), sums in sorted(
            tally.sums.items(), key=lambda each: (_ORDER.index(each[0][0]), each[0][1])
        ):
            by = grade.value if signal == "average" else f"{grade.value}, {signal}"
            yield [shown, by, *_figures(sums), *(_energy(sums) if energy else ())]
            shown = ""
        if tally.unknown:
            dashes = ["-"] * (len(_titles(energy=energy)) - 1)
            yield [shown, Grade.UNKNOWN.value, str(tally.unknown), *dashes]


def _figures(sums: Sums) -> list[str]:
    return [
        str(sums.runs),
        str(sums.moved),
        str(sums.worse),
        grams(sums.nominal),
        grams(sums.actual),
        _percent(sums.saving),
        _percent(sums.promised_saving),
    ]


def _energy(sums: Sums) -> list[str]:
    if not sums.with_energy:
        return ["-"]
    return [f"{sums.grams_nominal - sums.grams:.0f}"]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _sentences(ledger: Ledger, heading: Headed, notes: list[str]) -> Iterator[str]:
    total = ledger.total
    parts = [f"{total.fates[f]} {words}" for f, words in _FATES.items() if total.fates[f]]
    yield f"{total.runs} runs with a record" + (f": {', '.join(parts)}" if parts else "")
    if total.unknown:
        yield f"Of those that worked, by unknown intensities: {total.unknown}"
    special = {
        "started by a person before their slot": total.overridden,
        "moved more than once": total.replanned,
        "put back after a redeploy": total.restored,
    }
    if any(special.values()):
        told = (f"{number} {words}" for words, number in special.items() if number)
        yield f"Among them: {', '.join(told)}"
    if total.no_record:
        yield f"Without a record, and so unknown, of these deployments: {total.no_record}"
    if ledger.others:
        yield f"Without a record, of other deployments or of none: {ledger.others}"
    if ledger.unreadable:
        yield f"Runs that the server cannot answer with, unknown: {ledger.unreadable}"
    if heading.unit is not None:
        rate = total.rate
        told_rate = "unknown" if rate is None else f"{_weight(rate)} per {heading.unit}"
        yield f"SCI, operational emissions alone: {told_rate} ({total.units:g} counted)"
    yield from notes
    yield CAVEATS


def _weight(value: float) -> str:
    return f"{value:.3g} g" if value < _KILO else f"{value / _KILO:.3g} kg"
