"""A forecast as one self-contained SVG file: a step line, axes, source and credit."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

from carbonaware_prefect.charts.scale import Scale, nice_ceiling, steps, tick_length, ticks
from carbonaware_prefect.core import Forecast

__all__ = ["HEAD", "STYLE", "draw_svg", "plain"]

_WIDTH, _LEFT, _RIGHT = 860, 64, 40
_TOP, _PLOT = 92, 260
_LINE = 17
_LETTERS = 118
# XML 1.0 allows no other control characters, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
STYLE = """\
text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#333}
.title{font-size:18px;font-weight:600;fill:#111}
.quiet{fill:#666}
.note{font-size:11px;fill:#666}
.grid{stroke:#e4e4e4;stroke-width:1}
.axis{stroke:#888;stroke-width:1}
.area{fill:#1b7f5a;fill-opacity:.13;stroke:none}
.line{fill:none;stroke:#1b7f5a;stroke-width:2;stroke-linejoin:round}"""

HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
    'width="{width}" height="{height}" role="img" '
    'aria-labelledby="chart-title chart-description">'
)


def draw_svg(
    forecast: Forecast,
    *,
    start: datetime,
    end: datetime,
    title: str,
    subtitle: str,
    notes: tuple[str, ...] = (),
) -> str:
    """An SVG document: the forecast from ``start`` to ``end``; gaps stay empty.

    Args:
        forecast: what to draw.
        start: left edge (aware).
        end: right edge (aware), later than ``start``.
        title: the heading, also the title for screen readers.
        subtitle: one line below it.
        notes: lines at the foot, e.g. the attribution; wrapped where they are long.
    """
    pieces = _pieces(forecast, start, end)
    values = [grams for stretch in pieces for _, _, grams in stretch]
    high = nice_ceiling(max(values, default=0.0))
    low = -nice_ceiling(-min(values)) if values and min(values) < 0 else 0.0
    scale = Scale(
        start=start, end=end, low=low, high=high,
        left=_LEFT, right=_WIDTH - _RIGHT, top=_TOP, height=_PLOT,
    )  # fmt: skip
    foot = [line for note in notes for line in textwrap.wrap(note, _LETTERS)]
    height = _TOP + _PLOT + 56 + _LINE * len(foot)
    body = [
        *_heading(title, subtitle, _described(forecast, values, start, end)),
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="{_LEFT}" y="30">{plain(title)}</text>',
        f'<text class="quiet" x="{_LEFT}" y="50">{plain(subtitle)}</text>',
        *_axes(scale, forecast.unit),
        *(part for stretch in pieces for part in _stretch(scale, stretch)),
        *(
            f'<text class="note" x="{_LEFT}" y="{_TOP + _PLOT + 60 + i * _LINE}">'
            f"{plain(line)}</text>"
            for i, line in enumerate(foot)
        ),
    ]
    head = HEAD.format(width=_WIDTH, height=height)
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *body, "</svg>", ""])


def plain(text: str) -> str:
    """A text as it may stand in the document."""
    return escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text))


def _heading(title: str, subtitle: str, description: str) -> Iterator[str]:
    yield f'<title id="chart-title">{plain(title)}</title>'
    yield f'<desc id="chart-description">{plain(f"{subtitle}. {description}")}</desc>'
    yield f"<style>{STYLE}</style>"


def _described(
    forecast: Forecast, values: list[float], start: datetime, end: datetime
) -> str:
    span = f"from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
    if not values:
        return f"No values {span}."
    hour = timedelta(hours=1)
    means = [one for one in steps(forecast, start, end, hour) if one.mean is not None]
    lowest = min(means, key=lambda one: one.mean or 0.0)
    return (
        f"Between {min(values):.0f} and {max(values):.0f} {forecast.unit} {span}, "
        f"lowest around {lowest.start:%Y-%m-%d %H:%M} UTC."
    )


Stretch = list[tuple[datetime, datetime, float]]


def _pieces(forecast: Forecast, start: datetime, end: datetime) -> list[Stretch]:
    """The stretches without a gap, cut to the edges of the picture."""
    stretches: list[Stretch] = []
    for interval, grams in forecast:
        low, high = max(start, interval.start), min(end, interval.end)
        if low >= high:
            continue
        if not stretches or stretches[-1][-1][1] != low:
            stretches.append([])
        stretches[-1].append((low, high, grams))
    return stretches


def _stretch(scale: Scale, stretch: Stretch) -> Iterator[str]:
    corners = [
        f"{scale.x(at):.1f},{scale.y(grams):.1f}"
        for low, high, grams in stretch
        for at in (low, high)
    ]
    first, last = scale.x(stretch[0][0]), scale.x(stretch[-1][1])
    zero = scale.y(0.0)
    around = f"{first:.1f},{zero:.1f} {' '.join(corners)} {last:.1f},{zero:.1f}"
    yield f'<polygon class="area" points="{around}"/>'
    yield f'<polyline class="line" points="{" ".join(corners)}"/>'


def _axes(scale: Scale, unit: str) -> Iterator[str]:
    right, bottom = _WIDTH - _RIGHT, _TOP + _PLOT
    yield f'<text class="quiet" x="{_LEFT}" y="{_TOP - 10}">{unit}</text>'
    for i in range(5):
        grams = scale.low + (scale.high - scale.low) * i / 4
        y = scale.y(grams)
        yield f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
        yield (
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{grams:.4g}</text>'
        )
    for moment in ticks(scale.start, scale.end, tick_length(scale.end - scale.start, 12)):
        x = scale.x(moment)
        yield f'<path class="axis" d="M{x:.1f} {bottom}v5"/>'
        midnight = (moment.hour, moment.minute) == (0, 0)
        label = f"{moment:%a %d %b}" if midnight else f"{moment:%H:%M}"
        yield f'<text x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{label}</text>'
    zero = scale.y(0.0)
    yield f'<line class="axis" x1="{_LEFT}" y1="{zero:.1f}" x2="{right}" y2="{zero:.1f}"/>'
    yield (
        f'<text class="quiet" x="{right}" y="{bottom + 38}" text-anchor="end">'
        "Time in UTC</text>"
    )
