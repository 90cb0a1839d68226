"""What the watcher of the demo sees: lines that stay, and in a terminal a live board.

Without a terminal there are only the lines, without colours, each with its second.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from carbonaware_prefect.charts.terminal import Chart

__all__ = ["Actor", "LiveShow", "PlainShow", "Show", "show_on"]


@dataclass(frozen=True, slots=True)
class Actor:
    """One line of the board: who, in which state, and what is there of it."""

    name: str
    state: str
    presence: str


class Show(Protocol):
    """Where the story is told."""

    @property
    def ascii_only(self) -> bool:
        """Whether only ASCII arrives there."""

    def seconds(self) -> float:
        """Since the curtain rose."""

    def tell(self, text: str) -> None:
        """Something that happens."""

    def check(self, text: str) -> None:
        """Something that was looked at and holds."""

    def fail(self, text: str, detail: str = "") -> None:
        """Something that does not hold, and the end of a log."""

    def chart(self, chart: Chart) -> None:
        """The forecast and the slot in it."""

    def table(self, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        """The result."""

    def board(self, doing: str, actors: list[Actor]) -> None:
        """How things stand at this moment."""

    def off(self) -> None:
        """No board from here on."""


class PlainShow:
    """Lines of text, each with its second."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._start = time.monotonic()

    @property
    def ascii_only(self) -> bool:
        """Whether the stream's encoding lacks blocks."""
        return not _speaks_unicode(self._stream)

    def seconds(self) -> float:
        """Since the curtain rose."""
        return time.monotonic() - self._start

    def tell(self, text: str) -> None:
        """A line."""
        for line in text.splitlines():
            stamped = f"[{self.seconds():5.1f} s] {line}".rstrip()
            encoding = self._stream.encoding or "utf-8"
            readable = stamped.encode(encoding, "replace").decode(encoding)
            print(readable, file=self._stream, flush=True)

    def check(self, text: str) -> None:
        """A line that says ok."""
        self.tell(f"ok    {text}")

    def fail(self, text: str, detail: str = "") -> None:
        """A line that says so, after the log."""
        self.tell(detail)
        self.tell(f"FAILED {text}")

    def chart(self, chart: Chart) -> None:
        """The chart's lines."""
        self.tell("\n".join(f"      {line}" for line in chart.lines))

    def table(self, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        """Columns of equal width."""
        lines = [head, *rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for first, *rest in lines:
            cells = [
                f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True)
            ]
            self.tell("  ".join([f"{first:<{widths[0]}}", *cells]))

    def board(self, doing: str, actors: list[Actor]) -> None:
        """Nothing: a log needs no board."""

    def off(self) -> None:
        """Nothing."""


class LiveShow:
    """Coloured lines, and below them a board that is drawn anew all the time."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False)
        self._start = time.monotonic()
        self._spinner = Spinner("line" if self.ascii_only else "dots", style="cyan")
        self._live = Live(
            console=self._console, transient=True, refresh_per_second=8, screen=False
        )
        self._live.start()

    @property
    def ascii_only(self) -> bool:
        """Whether the terminal's encoding lacks blocks."""
        return self._console.options.ascii_only

    def seconds(self) -> float:
        """Since the curtain rose."""
        return time.monotonic() - self._start

    def tell(self, text: str) -> None:
        """A line."""
        for line in text.splitlines():
            self._say(Text(line))

    def check(self, text: str) -> None:
        """A line with a tick."""
        mark = "ok" if self.ascii_only else "✓"
        self._say(Text(text), mark=mark, style="bold green")

    def fail(self, text: str, detail: str = "") -> None:
        """A line with a cross, after the log."""
        self._console.print(Text(detail, style="dim"))
        mark = "FAILED" if self.ascii_only else "✗"
        self._say(Text(text), mark=mark, style="bold red")

    def chart(self, chart: Chart) -> None:
        """The chart, its slot in green."""
        lines = []
        for line in chart.lines:
            text = Text(line, style="yellow")
            text.stylize("bold green", *chart.slot)
            lines.append(text)
        self._console.print(*(Text("            ") + line for line in lines), sep="\n")

    def table(self, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        """A table with a frame."""
        table = Table(header_style="bold")
        for i, title in enumerate(head):
            table.add_column(title, justify="right" if i else "left")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def board(self, doing: str, actors: list[Actor]) -> None:
        """How things stand, below all lines."""
        grid = Table.grid(padding=(0, 2))
        for actor in actors:
            grid.add_row(
                Text(f"    {actor.name}"),
                Text(actor.state, style=_COLOURS.get(actor.state.split()[0], "")),
                Text(actor.presence, style="dim"),
            )
        self._spinner.update(text=Text(f" {doing}", style="cyan"))
        board: RenderableType = Group(Text(""), self._spinner, grid)
        self._live.update(board)

    def off(self) -> None:
        """Take the board away and give the terminal back."""
        self._live.update(Text(""))
        self._live.stop()

    def _say(self, text: Text, *, mark: str = "", style: str = "") -> None:
        line = Table.grid(padding=(0, 1))
        line.add_column(width=8, justify="right")
        line.add_column(width=max(1, len(mark)))
        line.add_column()
        line.add_row(
            Text(f"{self.seconds():.1f} s", style="dim"), Text(mark, style=style), text
        )
        self._console.print(line)


_COLOURS = {
    "Scheduled": "yellow", "Late": "yellow", "Pending": "cyan", "Running": "bold cyan",
    "Completed": "green",
}  # fmt: skip


def _speaks_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().startswith("utf")


@contextmanager
def show_on(stream: TextIO) -> Iterator[Show]:
    """The show that suits the stream."""
    live = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    show: Show = LiveShow(stream) if live else PlainShow(stream)
    try:
        yield show
    finally:
        show.off()
