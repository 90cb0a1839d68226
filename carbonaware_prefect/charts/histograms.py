"""Pairs of histograms as one self-contained SVG file."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from carbonaware_prefect.charts.svg import HEAD, STYLE, plain

__all__ = ["Histogram", "draw_histograms"]

_WIDTH, _LEFT, _RIGHT = 860, 64, 40
_GAP, _TOP = 48, 92
_PLOT, _ROW = 96, 168
_LINE, _LETTERS = 17, 118
_PANEL = (_WIDTH - _LEFT - _RIGHT - _GAP) / 2
_TICKS = 8
_BARS = "\n.bar{fill:#1b7f5a}.bad{fill:#b3452c}"


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many of something lie in each bin.

    Attributes:
        bins: low edge, high edge and count, next to one another, in order.
        unit: of the edges.
    """

    bins: Sequence[tuple[float, float, int]]
    unit: str


def draw_histograms(
    rows: Sequence[tuple[str, Histogram, Histogram]],
    *,
    titles: tuple[str, str],
    title: str,
    subtitle: str,
    notes: Sequence[str] = (),
) -> str:
    """An SVG document: for each row a heading and two histograms with bars in percent.

    The histograms of one column share their axes. Bars below zero have a colour of their
    own.

    Args:
        rows: heading, and what to draw.
        titles: of the two columns.
        title: the heading, also the title for screen readers.
        subtitle: one line below it.
        notes: lines at the foot, wrapped where they are long.
    """
    foot = [line for note in notes for line in textwrap.wrap(note, _LETTERS)]
    bottom = _TOP + _ROW * len(rows)
    height = bottom + 20 + _LINE * len(foot)
    told = ". ".join([subtitle, *(heading for heading, _, _ in rows)])
    body = [
        HEAD.format(width=_WIDTH, height=height),
        f'<title id="chart-title">{plain(title)}</title>',
        f'<desc id="chart-description">{plain(told)}</desc>',
        f"<style>{STYLE}{_BARS}</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="{_LEFT}" y="30">{plain(title)}</text>',
        f'<text class="quiet" x="{_LEFT}" y="50">{plain(subtitle)}</text>',
    ]
    columns = ([row[1] for row in rows], [row[2] for row in rows])
    for column, drawn in enumerate(columns):
        left = _LEFT + column * (_PANEL + _GAP)
        axis = _Axis.of(drawn, left)
        body.append(
            f'<text class="quiet" x="{left:.1f}" y="{_TOP - 16}">'
            f"{plain(titles[column])}, share of the runs</text>"
        )
        for i, histogram in enumerate(drawn):
            body += axis.panel(histogram, _TOP + i * _ROW + 24)
    body += [
        f'<text x="{_LEFT}" y="{_TOP + i * _ROW + 10}">{plain(heading)}</text>'
        for i, (heading, _, _) in enumerate(rows)
    ]
    body += [
        f'<text class="note" x="{_LEFT}" y="{bottom + 10 + i * _LINE}">{plain(line)}</text>'
        for i, line in enumerate(foot)
    ]
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', *body, "</svg>", ""])


@dataclass(frozen=True, slots=True)
class _Axis:
    """From values to coordinates, for all histograms of a column."""

    left: float
    low: float
    high: float
    top: float

    @classmethod
    def of(cls, histograms: Sequence[Histogram], left: float) -> _Axis:
        """One that has room for all of them."""
        edges = [edge for each in histograms for b in each.bins for edge in b[:2]]
        shares = [share for each in histograms for share in _shares(each)]
        low, high = min(edges, default=0.0), max(edges, default=1.0)
        return cls(left, low, high, max(shares, default=1.0))

    def x(self, value: float) -> float:
        """How far right a value lies."""
        return self.left + _PANEL * (value - self.low) / (self.high - self.low)

    def panel(self, histogram: Histogram, top: float) -> Iterator[str]:
        """One histogram with its axis."""
        base = top + _PLOT
        for (low, high, _), share in zip(histogram.bins, _shares(histogram), strict=True):
            tall = _PLOT * share / self.top
            kind = "bad" if high <= 0 and histogram.unit == "%" else "bar"
            yield (
                f'<rect class="{kind}" x="{self.x(low) + 0.5:.1f}" y="{base - tall:.1f}" '
                f'width="{max(1.0, self.x(high) - self.x(low) - 1):.1f}" '
                f'height="{tall:.1f}"><title>{low:g} to {high:g} {histogram.unit}: '
                f"{100 * share:.1f} %</title></rect>"
            )
        yield (
            f'<line class="axis" x1="{self.left:.1f}" y1="{base:.1f}" '
            f'x2="{self.left + _PANEL:.1f}" y2="{base:.1f}"/>'
        )
        yield (
            f'<text class="note" x="{self.left - 6:.1f}" y="{top + 8:.1f}" '
            f'text-anchor="end">{100 * self.top:.0f} %</text>'
        )
        for value in self._ticks(histogram):
            yield (
                f'<text class="note" x="{self.x(value):.1f}" y="{base + 16:.1f}" '
                f'text-anchor="middle">{value:g} {histogram.unit}</text>'
            )

    def _ticks(self, histogram: Histogram) -> Iterator[float]:
        """Edges of bins, few enough to be read, zero among them where it is one."""
        if not histogram.bins:
            return
        width = histogram.bins[0][1] - histogram.bins[0][0]
        first, last = round(self.low / width), round(self.high / width)
        step = -(-(last - first) // _TICKS)
        for i in range(first, last + 1):
            if i % step == 0:
                yield i * width


def _shares(histogram: Histogram) -> list[float]:
    total = sum(count for _, _, count in histogram.bins)
    return [count / total for _, _, count in histogram.bins]
