"""Runs that are planned together: what each asks for and what it gets."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import lru_cache

from carbonaware_prefect.core.forecast import Forecast
from carbonaware_prefect.core.intervals import to_length, to_microseconds, to_utc
from carbonaware_prefect.core.starts import StartRange, Starts
from carbonaware_prefect.errors import InvalidInputError

__all__ = ["Demand", "Job", "Placement", "joined"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A run that is to be placed beside others.

    Attributes:
        key: tells it from the others; equal choices are settled in order of the keys.
        forecast: intensity where it runs. Runs of one zone had better share one object,
            so that what is known of it is shared too.
        duration: expected run time.
        ranges: first and last allowed start of each piece of its window, both included.
        nominal: its own nominal start, always allowed, in the window or not; None where
            it must not start there any more.
        resources: names of the limits that it counts against.
        minimum_saving: what a start away from the nominal one must save at least, as a
            part of one. Where the nominal mean is not positive or not known, any
            strictly cleaner start will do.
    """

    key: str
    forecast: Forecast
    duration: timedelta
    ranges: tuple[tuple[datetime, datetime], ...]
    nominal: datetime | None = None
    resources: tuple[str, ...] = ()
    minimum_saving: float = 0.0

    def __post_init__(self) -> None:
        to_length(self.duration)
        if not (math.isfinite(self.minimum_saving) and self.minimum_saving >= 0):
            msg = (
                f"minimum_saving must be a number from 0 on, got {self.minimum_saving!r}; "
                "e.g. 0.02 for 2 %"
            )
            raise InvalidInputError(msg)
        if self.nominal is not None:
            object.__setattr__(self, "nominal", to_utc(self.nominal, "nominal"))
        ranges = sorted(
            (to_utc(low, "first start"), to_utc(high, "last start"))
            for low, high in self.ranges
        )
        for low, high in ranges:
            if high < low:
                msg = (
                    f"a piece of the window must not end before it starts, got "
                    f"{low.isoformat()} to {high.isoformat()}"
                )
                raise InvalidInputError(msg)
        object.__setattr__(self, "ranges", tuple(ranges))
        object.__setattr__(self, "resources", tuple(dict.fromkeys(self.resources)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a demand is to start.

    Attributes:
        key: the demand's.
        start: chosen start (UTC); None where it has no nominal start and the forecast
            covers no whole slot in its window.
        mean_intensity: mean gCO2eq/kWh from there on over its duration; None where the
            forecast does not cover that.
        intensity_nominal: the same from the nominal start.
        displaced: whether it would start elsewhere if there were no limits.
        exceeded: the limits that are exceeded at some moment of its slot.
    """

    key: str
    start: datetime | None
    mean_intensity: float | None
    intensity_nominal: float | None = None
    displaced: bool = False
    exceeded: tuple[str, ...] = ()


class Job:
    """A demand in exact integers (microseconds since 1970).

    Its cost is the integral of the intensity over its slot, in a unit that all jobs
    share, so that the costs of several can be added.

    Attributes:
        key: the demand's.
        starts: all starts of its duration in its forecast.
        length: its duration.
        ranges: its window.
        nominal: its nominal start or None.
        nominal_total: the total there; None where it is not covered.
        resources: the limits that it counts against.
        alone: the start that it would choose without limits and the total there; None
            where there is no start, or no total.
    """

    __slots__ = (
        "_ceiling",
        "_weight",
        "alone",
        "key",
        "length",
        "nominal",
        "nominal_total",
        "ranges",
        "resources",
        "starts",
    )

    def __init__(self, demand: Demand, starts: Starts) -> None:
        self.key: str = demand.key
        self.starts: Starts = starts
        self.length: int = starts.length
        self.resources: tuple[str, ...] = demand.resources
        self._weight = 1
        self.ranges: list[StartRange] = joined(
            [(to_microseconds(a), to_microseconds(b)) for a, b in demand.ranges]
        )
        self.nominal: int | None = None
        self.nominal_total: int | None = None
        self._ceiling: int | None = None
        if demand.nominal is not None:
            self.nominal = to_microseconds(demand.nominal)
            self.nominal_total = starts.total(self.nominal)
        if self.nominal_total is not None:
            self._ceiling = self.nominal_total - 1
            if self.nominal_total > 0:
                part, whole = _kept(demand.minimum_saving)
                self._ceiling = min(self._ceiling, self.nominal_total * part // whole)
        self.alone: tuple[int | None, int | None] = self._alone()

    def reach(self) -> tuple[int, int]:
        """The first moment that it might hold, and the end of the last one."""
        ranges = self.ranges
        if self.nominal is not None:
            ranges = [*ranges, (self.nominal, self.nominal)]
        first = min(low for low, _ in ranges)
        return first, max(high for _, high in ranges) + self.length

    def confine(self, limits: Container[str]) -> bool:
        """Forget all other limits; whether any is left."""
        self.resources = tuple([name for name in self.resources if name in limits])
        return bool(self.resources)

    def _alone(self) -> tuple[int | None, int | None]:
        found = self.starts.lowest(self.ranges)
        if found is None or (self._ceiling is not None and found[0] > self._ceiling):
            return self.nominal, self.nominal_total
        return found[1], found[0]

    def allowed(self) -> list[StartRange]:
        """All starts that it may choose: clean enough ones, and its nominal start."""
        if self._ceiling is None:
            ranges = self.starts.covered(self.ranges)
        else:
            ranges = self.starts.below(self.ranges, self._ceiling)
        if self.nominal is None:
            return ranges
        return joined([*ranges, (self.nominal, self.nominal)])

    def scale(self) -> int:
        """What a gram per kWh is in its forecast's integers."""
        return self.starts.scale // self.length

    def weigh(self, scale: int) -> None:
        """Count costs in a scale that all jobs share."""
        self._weight = scale // self.scale()

    def cost(self, start: int) -> int:
        """The cost of a start; of one that is not covered, more than of any that is."""
        total = self.starts.total(start)
        return (self.starts.most() + 1 if total is None else total) * self._weight

    def cheapest(self, ranges: Sequence[StartRange]) -> tuple[int, int]:
        """The lowest cost in ranges of what is allowed, and the start that has it.

        The nominal start comes first among equals, then the earliest.
        """
        found = self.starts.lowest(ranges)
        best = None if found is None else (found[0] * self._weight, found[1])
        if self.nominal is not None:
            nominal = self.nominal
            inside = any(low <= nominal <= high for low, high in ranges)
            if inside and (best is None or self.cost(nominal) <= best[0]):
                return self.cost(nominal), nominal
        assert best is not None  # noqa: S101  what is allowed is covered or nominal
        return best


def joined(ranges: list[StartRange]) -> list[StartRange]:
    """The same starts as disjoint ranges in order of time."""
    result: list[StartRange] = []
    for low, high in sorted(ranges):
        if result and low <= result[-1][1]:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return result


@lru_cache(maxsize=256)
def _kept(minimum_saving: float) -> tuple[int, int]:
    """What may be left of the nominal mean, as an exact ratio of the decimal number."""
    return (1 - Fraction(repr(float(minimum_saving)))).as_integer_ratio()
