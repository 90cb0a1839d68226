"""Carbon intensity of one zone as a piecewise-constant function of time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from carbonaware_prefect.core.basis import Basis
from carbonaware_prefect.core.intervals import (
    Interval,
    from_microseconds,
    to_length,
    to_microseconds,
    to_utc,
)
from carbonaware_prefect.core.points import as_interval, as_moment, as_point, checked
from carbonaware_prefect.errors import InvalidForecastError

__all__ = ["Forecast", "Signal"]

Signal = Literal["average", "marginal"]
_SIGNALS = ("average", "marginal")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the forecast without a gap, in exact integers.

    ``values[i]`` holds from ``edges[i]`` to ``edges[i + 1]`` (microseconds since 1970)
    and is the intensity in grams per kWh times the forecast's ``scale``.
    """

    edges: tuple[int, ...]
    values: tuple[int, ...]

    def segment(self, moment: int) -> int:
        """Index of the value that holds at ``moment``; the last one at the very end."""
        return min(bisect_right(self.edges, moment), len(self.values)) - 1

    def integral(self, start: int, end: int) -> int:
        """Exact integral from ``start`` to ``end``, both inside the run."""
        edges, values = self.edges, self.values
        total, i = 0, self.segment(start)
        while edges[i + 1] < end:
            total += values[i] * (edges[i + 1] - start)
            start = edges[i + 1]
            i += 1
        return total + values[i] * (end - start)


class Forecast:
    """Carbon intensity (gCO2eq/kWh) of one zone over half-open UTC intervals.

    Build one with `from_points` or `from_intervals`. A gap stays a gap: it is never
    bridged, interpolated or read as zero. Zero and negative values are legal numbers.

    A value counts as the decimal number it prints as (``100.1`` is exactly 1001/10),
    and all sums are exact integers, so that equal means are found equal and the
    earliest of them wins.

    Attributes:
        zone: grid zone key, e.g. ``"DE"``, or None.
        source: name of the source it came from, or None.
        signal: ``"average"`` or ``"marginal"``.
        issued_at: when the source published it (UTC), or None.
        basis: what it rests on, where more can be said than its source's name.
        scale: what one gram per kWh is in the integers of ``stretches``.
        stretches: the stretches without a gap, in order of time.
    """

    __slots__ = ("basis", "issued_at", "scale", "signal", "source", "stretches", "zone")

    stretches: tuple[Stretch, ...]
    scale: int
    zone: str | None
    source: str | None
    signal: Signal
    issued_at: datetime | None
    basis: Basis | None

    def __init__(
        self,
        pieces: Iterable[tuple[int, int, Decimal]],
        *,
        zone: str | None = None,
        source: str | None = None,
        signal: Signal = "average",
        issued_at: datetime | None = None,
        basis: Basis | None = None,
    ) -> None:
        if signal not in _SIGNALS:
            msg = f"signal must be one of {', '.join(_SIGNALS)}; got {signal!r}"
            raise InvalidForecastError(msg)
        ordered = list(pieces)
        if not ordered:
            msg = "a forecast needs at least one point, got none"
            raise InvalidForecastError(msg)
        # One common power of ten makes every value an integer.
        places = max(max(0, -_exponent(value)) for _, _, value in ordered)
        self.scale = 10**places
        self.stretches = tuple(_stretches(ordered, places))
        self.zone = zone
        self.source = source
        self.signal = signal
        self.basis = basis
        self.issued_at = None if issued_at is None else to_utc(issued_at, "issued_at")

    @classmethod
    def from_points(
        cls,
        points: Iterable[tuple[datetime, float]],
        *,
        end: datetime,
        zone: str | None = None,
        source: str | None = None,
        signal: Signal = "average",
        issued_at: datetime | None = None,
        basis: Basis | None = None,
    ) -> Forecast:
        """A forecast in which each point holds until the next one starts.

        Args:
            points: ``(start, grams_per_kwh)``, aware starts strictly increasing.
            end: where the last point's interval ends.
            zone: see the class, as for the next three.
            source: see the class.
            signal: see the class.
            issued_at: see the class.
            basis: see the class.

        Raises:
            InvalidForecastError: (a ValueError) naive, unsorted or duplicate starts, no
                points, an end that is not after the last start, and values that are
                absent, NaN, infinite or no numbers.
        """
        pairs = [as_point(point) for point in points]
        starts = [as_moment(start, i) for i, (start, _) in enumerate(pairs)]
        ends = [*starts, as_moment(end, None)][1:]
        return cls(
            checked(starts, ends, [value for _, value in pairs], "point"),
            zone=zone,
            source=source,
            signal=signal,
            issued_at=issued_at,
            basis=basis,
        )

    @classmethod
    def from_intervals(
        cls,
        intervals: Iterable[tuple[datetime, datetime, float]],
        *,
        zone: str | None = None,
        source: str | None = None,
        signal: Signal = "average",
        issued_at: datetime | None = None,
        basis: Basis | None = None,
    ) -> Forecast:
        """A forecast from ``(start, end, grams_per_kwh)``, possibly with gaps.

        Raises:
            InvalidForecastError: (a ValueError) as for `from_points`, and for intervals
                that overlap or end before they start.
        """
        triples = [as_interval(interval) for interval in intervals]
        starts = [as_moment(start, i) for i, (start, _, _) in enumerate(triples)]
        ends = [as_moment(end, i) for i, (_, end, _) in enumerate(triples)]
        return cls(
            checked(starts, ends, [value for _, _, value in triples], "interval"),
            zone=zone,
            source=source,
            signal=signal,
            issued_at=issued_at,
            basis=basis,
        )

    @property
    def modelled(self) -> bool:
        """Whether its values are percent of a modelled day and no grams."""
        return self.basis is not None and self.basis.modelled

    @property
    def unit(self) -> str:
        """Of its values."""
        return "% of a modelled day" if self.modelled else "gCO2eq/kWh"

    @property
    def start(self) -> datetime:
        """Where the first interval starts (UTC)."""
        return from_microseconds(self.stretches[0].edges[0])

    @property
    def end(self) -> datetime:
        """Where the last interval ends (UTC)."""
        return from_microseconds(self.stretches[-1].edges[-1])

    def __len__(self) -> int:
        return sum(len(stretch.values) for stretch in self.stretches)

    def __iter__(self) -> Iterator[tuple[Interval, float]]:
        """The intervals with their intensity in gCO2eq/kWh, in order of time."""
        for stretch in self.stretches:
            moments = [from_microseconds(edge) for edge in stretch.edges]
            for i, value in enumerate(stretch.values):
                yield Interval(moments[i], moments[i + 1]), value / self.scale

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Forecast) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    def __hash__(self) -> int:
        return hash((self.stretches, self.scale, self.zone, self.source, self.issued_at))

    def __repr__(self) -> str:
        return (
            f"<Forecast zone={self.zone} source={self.source} signal={self.signal} "
            f"{self.start.isoformat()} to {self.end.isoformat()}, {len(self)} intervals>"
        )

    def mean(self, start: datetime, duration: timedelta) -> float | None:
        """Time-weighted mean over ``[start, start + duration)`` in gCO2eq/kWh.

        None when the forecast does not cover all of it.
        """
        begin = to_microseconds(to_utc(start, "start"))
        length = to_length(duration)
        for stretch in self.stretches:
            if stretch.edges[0] <= begin and begin + length <= stretch.edges[-1]:
                return stretch.integral(begin, begin + length) / (length * self.scale)
        return None


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # noqa: S101  finite, so never "n" or "F"
    return exponent


def _stretches(pieces: list[tuple[int, int, Decimal]], places: int) -> Iterator[Stretch]:
    """Join neighbours into stretches without a gap."""
    edges: list[int] = []
    values: list[int] = []
    for start, end, value in pieces:
        if edges and edges[-1] != start:
            yield Stretch(tuple(edges), tuple(values))
            edges, values = [], []
        if not edges:
            edges.append(start)
        edges.append(end)
        numerator, denominator = value.as_integer_ratio()
        values.append(numerator * 10**places // denominator)
    yield Stretch(tuple(edges), tuple(values))
