"""Candidate places on a grid of time, and who holds what there, as bits of integers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

from carbonaware_prefect.core.capacity.demands import Job
from carbonaware_prefect.core.capacity.occupancy import Held
from carbonaware_prefect.core.starts import StartRange

__all__ = ["Grid", "Moves", "Places", "Timetable", "Value", "better", "candidates"]

Moves = list[tuple[int, int]]
"""Runs and the places they take, by their numbers."""

Value = tuple[int, float]
"""Overload in cells, and cost."""

_SECOND = 1_000_000
# Widths in time: of cells, of buckets, of the steps between candidates.
_WIDTHS = tuple(
    seconds * _SECOND
    for seconds in (
        1,
        5,
        10,
        15,
        30,
        60,
        120,
        300,
        600,
        900,
        1800,
        3600,
        7200,
        14400,
        86400,
    )
)
_CELLS = 4500
_BUCKETS = 400
# What is less is the rounding of floats.
_NOTHING = 1e-9


class Grid:
    """Time in cells of equal width; a slot holds every cell that it touches.

    Where it makes no more than some thousands, cells divide all durations, nominal
    starts and ends of windows; then the grid is exact. Else it errs on the safe side.
    """

    def __init__(
        self, jobs: Sequence[Job], allowed: Sequence[Sequence[StartRange]]
    ) -> None:
        first = min(ranges[0][0] for ranges in allowed)
        end = max(
            ranges[-1][1] + job.length for job, ranges in zip(jobs, allowed, strict=True)
        )
        unit = 0
        for job in jobs:
            ends = (moment for pair in job.ranges for moment in pair)
            unit = gcd(unit, job.length, job.nominal or 0, *ends)
        self.width: int = max(
            max((w for w in _WIDTHS if unit % w == 0), default=_WIDTHS[0]),
            _wide_enough(end - first, _CELLS, _WIDTHS[0]),
        )
        self.origin: int = first - first % self.width
        self.cells: int = -((self.origin - end) // self.width)
        self.bucket: int = _wide_enough(self.cells * self.width, _BUCKETS, self.width)
        self.buckets: int = -(-self.cells * self.width // self.bucket) + 1
        self._masks: dict[tuple[int, int], int] = {}

    def mask(self, start: int, end: int) -> int:
        """The cells that ``[start, end)`` touches, as bits."""
        low = max(0, (start - self.origin) // self.width)
        high = max(low, min(self.cells, -((self.origin - end) // self.width)))
        found = self._masks.get((low, high))
        if found is None:
            found = self._masks[low, high] = ((1 << (high - low)) - 1) << low
        return found

    def shares(self, start: int, end: int) -> Iterator[tuple[int, float]]:
        """Each bucket that ``[start, end)`` meets, and which part of it."""
        first = max(0, (start - self.origin) // self.bucket)
        for k in range(first, self.buckets):
            low = self.origin + k * self.bucket
            if low >= end:
                return
            yield k, (min(end, low + self.bucket) - max(start, low)) / self.bucket


def _wide_enough(span: int, most: int, unit: int) -> int:
    """The least width, a multiple of the unit, that divides a span in so many parts."""
    fitting = (w for w in _WIDTHS if w % unit == 0 and span <= w * most)
    return next(fitting, _WIDTHS[-1])


def candidates(job: Job, ranges: Sequence[StartRange], most: int, width: int) -> list[int]:
    """Starts worth trying, the cheapest first: in even steps, and the best of all.

    Args:
        job: the run.
        ranges: its allowed starts.
        most: about how many.
        width: the least step.
    """
    span = sum(high - low for low, high in ranges)
    step = max(width, _wide_enough(span, most, _WIDTHS[0]))
    chosen = {job.cheapest(ranges)[1]}
    for low, high in ranges:
        marks = range(low + -low % step, high + 1, step)
        chosen.update(marks or (job.cheapest([(low, high)])[1],))
    if job.nominal is not None:
        chosen.add(job.nominal)
    return sorted(chosen, key=lambda start: (job.cost(start), start != job.nominal, start))


@dataclass(slots=True)
class Places:
    """The candidate places of one run, the most wanted first.

    ``wants[k]`` is what place ``k`` costs above the run's cheapest one (``costs``), plus
    its price.
    """

    resources: tuple[str, ...]
    starts: list[int]
    masks: list[int]
    costs: list[float]
    prices: list[float]
    wants: list[float]


class Timetable:
    """Which run is at which place, and who holds which cells of each limit."""

    def __init__(
        self,
        places: Sequence[Places],
        limits: Mapping[str, int],
        held: Iterable[Held],
        grid: Grid,
    ) -> None:
        self.places = places
        self.at: list[int] = [-1] * len(places)
        fixed = list(held)
        most, everything = len(places) + len(fixed), (1 << grid.cells) - 1
        self.loads: dict[str, Load] = {
            name: Load(limit, most, everything) for name, limit in limits.items()
        }
        for start, end, resources in fixed:
            for name in resources:
                if name in limits:
                    self.loads[name].add(grid.mask(start, end))
        # Who holds a cell is looked up by stretches of some cells.
        self._stretch = max(1, grid.cells // 96)
        self._holders: dict[str, dict[int, dict[int, None]]] = {n: {} for n in limits}

    def put(self, run: int, place: int) -> None:
        """Let a run hold one of its places."""
        self.at[run] = place
        places = self.places[run]
        mask = places.masks[place]
        stretches = self._stretches(mask)
        for name in places.resources:
            self.loads[name].add(mask)
            holders = self._holders[name]
            for stretch in stretches:
                holders.setdefault(stretch, {})[run] = None

    def take(self, run: int) -> int:
        """Undo `put`; the place that the run held."""
        place = self.at[run]
        places = self.places[run]
        mask = places.masks[place]
        stretches = self._stretches(mask)
        for name in places.resources:
            self.loads[name].remove(mask)
            holders = self._holders[name]
            for stretch in stretches:
                del holders[stretch][run]
        return place

    def put_all(self, moves: Moves) -> Value:
        """Put runs on the timetable; the overload and the cost that they add."""
        overload, cost = 0, 0.0
        for run, place in moves:
            overload += self.added(run, place)
            cost += self.places[run].costs[place]
            self.put(run, place)
        return overload, cost

    def holders(self, name: str, cell: int) -> list[int]:
        """The runs that hold a cell of a limit."""
        bit = 1 << cell
        at, places = self.at, self.places
        near = self._holders[name].get(cell // self._stretch, ())
        return [run for run in near if places[run].masks[at[run]] & bit]

    def near(self, name: str, mask: int) -> list[int]:
        """The runs that hold a limit about when ``mask`` does."""
        found: set[int] = set()
        for stretch in self._stretches(mask):
            found.update(self._holders[name].get(stretch, ()))
        return sorted(found)

    def full(self, run: int) -> int:
        """The cells that are full for a run which is not on the timetable."""
        cells = 0
        for name in self.places[run].resources:
            cells |= self.loads[name].full
        return cells

    def added(self, run: int, place: int) -> int:
        """How many cells of limits the run would overload there."""
        places = self.places[run]
        mask = places.masks[place]
        return sum([(mask & self.loads[n].full).bit_count() for n in places.resources])

    def least(self, run: int) -> int:
        """The place with the least added overload, then the least cost."""
        costs = self.places[run].costs
        return min(range(len(costs)), key=lambda k: (self.added(run, k), costs[k], k))

    def _stretches(self, mask: int) -> range:
        low, high = (mask & -mask).bit_length() - 1, mask.bit_length() - 1
        return range(low // self._stretch, high // self._stretch + 1)


def better(now: Value, before: Value) -> bool:
    """Whether there is less overload, or less cost at the same overload."""
    return now[0] < before[0] or (now[0] == before[0] and now[1] < before[1] - _NOTHING)


class Load:
    """How many runs hold each cell of one limit: one integer for each binary digit.

    A cell counts from ``2 ** top - limit`` on, so that digit ``top`` says whether the
    limit is reached.

    Attributes:
        full: the cells at the limit or over it, as bits.
        over: those over it.
    """

    __slots__ = ("_digits", "full", "over")

    full: int
    over: int

    def __init__(self, limit: int, most: int, everything: int) -> None:
        top = max(limit, most).bit_length()
        start = (1 << top) - limit
        self._digits = [everything if start >> i & 1 else 0 for i in range(top + 1)]
        self._read()

    def add(self, mask: int) -> None:
        """One more run holds these cells."""
        digits, i = self._digits, 0
        while mask:
            digit = digits[i]
            digits[i] = digit ^ mask
            mask &= digit
            i += 1
        self._read()

    def remove(self, mask: int) -> None:
        """One run less holds these cells."""
        digits, i = self._digits, 0
        while mask:
            digit = digits[i]
            digits[i] = digit ^ mask
            mask &= ~digit
            i += 1
        self._read()

    def _read(self) -> None:
        *lower, self.full = self._digits
        some = 0
        for digit in lower:
            some |= digit
        self.over = self.full & some
