"""Why a run waits, as a small SVG: the forecast, the allowed starts, the slot.

Made for a page in Prefect: legible at the width of a telephone, and on a ground of its
own, since a picture in a page cannot tell whether the page is dark.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from carbonaware_prefect.charts.scale import (
    Scale,
    Step,
    floor_to,
    nice_ceiling,
    steps,
    tick_length,
    ticks,
)
from carbonaware_prefect.charts.svg import HEAD, plain
from carbonaware_prefect.core import Forecast, Slot

__all__ = ["draw_decision"]

_WIDTH, _HEIGHT = 480, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 34, 72
_PLOT = _HEIGHT - _TOP - _BOTTOM
_MOST_STEPS = 240
_LENGTHS = tuple(
    timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 120, 240, 720, 1440)
)
_STYLE = """\
text{font:13px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#222}
.grid{stroke:#ddd}.axis{stroke:#666}.window{fill:#2f6fb0;fill-opacity:.14}
.line{fill:none;stroke:#333;stroke-width:2;stroke-linejoin:round}
.slot{fill:#1b7f5a;fill-opacity:.75}
.due{stroke:#b3452c;stroke-width:2;stroke-dasharray:5 3}"""


def draw_decision(
    forecast: Forecast,
    *,
    starts: Sequence[tuple[datetime, datetime]],
    nominal_start: datetime,
    slot: Slot,
    description: str,
) -> str:
    """An SVG document of 480 by 300; gaps of the forecast stay empty.

    Args:
        forecast: of the run's zone.
        starts: closed pieces of allowed starts, in order of time (UTC).
        nominal_start: when the run would have started (UTC).
        slot: where it starts instead, or all the same.
        description: what it shows, for who cannot see it.
    """
    first, last = _view(starts, nominal_start, slot)
    shown = _shown(forecast, first, last)
    means = [step.mean for step in shown if step.mean is not None]
    low = -nice_ceiling(-min(means)) if means and min(means) < 0 else 0.0
    scale = Scale(
        start=first, end=last, low=low, high=nice_ceiling(max(means, default=0.0)),
        left=_LEFT, right=_WIDTH - _RIGHT, top=_TOP, height=_PLOT,
    )  # fmt: skip
    body = [
        '<title id="chart-title">Forecast, allowed starts, nominal start and slot</title>',
        f'<desc id="chart-description">{plain(description)}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="#fff"/>',
        f'<text x="{_LEFT}" y="20">{plain(forecast.unit)}</text>',
        *_axes(scale),
        *(
            f'<rect class="window" x="{scale.x(a):.1f}" y="{_TOP}" '
            f'width="{max(1.0, scale.x(b) - scale.x(a)):.1f}" height="{_PLOT}"/>'
            for a, b in starts
        ),
        *_below(scale, shown, slot),
        *_lines(scale, shown),
        _due(scale.x(nominal_start), _TOP, _PLOT),
        *_legend(),
    ]
    head = HEAD.format(width=_WIDTH, height=_HEIGHT)
    return "\n".join([head, *body, "</svg>"])


def _view(
    starts: Sequence[tuple[datetime, datetime]], nominal: datetime, slot: Slot
) -> tuple[datetime, datetime]:
    """From before all that is marked until after it, in whole hours."""
    hour = timedelta(hours=1)
    ends = [nominal, slot.start, *(start for start, _ in starts)]
    first = floor_to(min(ends), hour)
    lasts = [
        nominal + slot.duration, slot.end, *(end + slot.duration for _, end in starts)
    ]  # fmt: skip
    last = floor_to(max(lasts), hour) + hour
    return first, max(last, first + 2 * hour)


def _shown(forecast: Forecast, first: datetime, last: datetime) -> list[Step]:
    span = last - first
    fitting = (length for length in _LENGTHS if span / length <= _MOST_STEPS)
    return steps(forecast, first, last, next(fitting, span / _MOST_STEPS))


def _stretches(shown: Sequence[Step]) -> Iterator[list[tuple[datetime, float]]]:
    """The corners of each stretch without a gap; steps of one height are one."""
    corners: list[tuple[datetime, float]] = []
    for step in shown:
        if step.mean is None:
            if corners:
                yield corners
            corners = []
        elif corners and corners[-1][1] == step.mean:
            corners[-1] = (step.end, step.mean)
        else:
            corners += [(step.start, step.mean), (step.end, step.mean)]
    if corners:
        yield corners


def _lines(scale: Scale, shown: Sequence[Step]) -> Iterator[str]:
    for corners in _stretches(shown):
        points = " ".join(
            f"{scale.x(at):.1f},{scale.y(value):.1f}" for at, value in corners
        )
        yield f'<polyline class="line" points="{points}"/>'


def _below(scale: Scale, shown: Sequence[Step], slot: Slot) -> Iterator[str]:
    """The slot, filled from zero to its mean."""
    left, right = scale.x(slot.start), scale.x(slot.end)
    height = [
        step.mean
        for step in shown
        if step.mean is not None and step.start < slot.end and step.end > slot.start
    ]
    top = scale.y(max([*height, scale.high / 20]))
    zero = scale.y(0.0)
    yield (
        f'<rect class="slot" x="{left:.1f}" y="{min(top, zero):.1f}" '
        f'width="{max(3.0, right - left):.1f}" height="{abs(zero - top):.1f}"/>'
    )


def _due(x: float, top: float, length: float) -> str:
    return f'<path class="due" d="M{x:.1f} {top}v{length}"/>'


def _axes(scale: Scale) -> Iterator[str]:
    right, bottom = _WIDTH - _RIGHT, _TOP + _PLOT
    for i in range(5):
        value = scale.low + (scale.high - scale.low) * i / 4
        y = scale.y(value)
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>'
    yield f'<path class="axis" d="M{_LEFT} {scale.y(0.0):.1f}H{right}"/>'
    for moment in ticks(scale.start, scale.end, tick_length(scale.end - scale.start, 6)):
        x = scale.x(moment)
        midnight = (moment.hour, moment.minute) == (0, 0)
        label = f"{moment:%a %d}" if midnight else f"{moment:%H:%M}"
        yield f'<path class="axis" d="M{x:.1f} {bottom}v5"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{label}</text>'


def _legend() -> Iterator[str]:
    y = _HEIGHT - 18
    yield f'<rect class="window" x="{_LEFT}" y="{y - 11}" width="16" height="13"/>'
    yield f'<text x="{_LEFT + 22}" y="{y}">allowed starts</text>'
    yield _due(_LEFT + 136, y - 12, 15)
    yield f'<text x="{_LEFT + 145}" y="{y}">nominal start</text>'
    yield f'<rect class="slot" x="{_LEFT + 252}" y="{y - 11}" width="16" height="13"/>'
    yield f'<text x="{_LEFT + 274}" y="{y}">slot</text>'
    yield f'<text x="{_WIDTH - _RIGHT}" y="{y}" text-anchor="end">UTC</text>'
