"""Place all runs together: on a grid of time, by prices, then mended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carbonaware_prefect.core.capacity import branch_and_bound as few
from carbonaware_prefect.core.capacity.demands import Job
from carbonaware_prefect.core.capacity.ejection_chains import relieve
from carbonaware_prefect.core.capacity.local_search import fill, rearrange
from carbonaware_prefect.core.capacity.occupancy import Held
from carbonaware_prefect.core.capacity.prices import Bidder, find_prices
from carbonaware_prefect.core.capacity.timetable import Grid, Places, Timetable, candidates
from carbonaware_prefect.core.starts import StartRange

__all__ = ["place_jointly"]

# Candidate starts: for each run, and for all together.
_MOST, _LEAST, _CANDIDATES = 96, 12, 120_000
# Rounds of prices, and how many candidates and buckets they may look at altogether.
_ROUNDS, _FEWEST_ROUNDS, _LOOKS = 40, 10, 4_000_000
# Tries to rearrange: for each of few runs, for each of many, and at most.
_TRIES, _BASE_TRIES, _TRIES_OF_MANY, _MOST_TRIES = 8, 2_000, 3, 8_000
# Steps of the search for chains: for each run, and bounds for all together.
_STEPS, _FEWEST_STEPS, _MOST_STEPS = 100, 2_000, 150_000
# How far above what the limits cost one by one the target of the prices lies.
_MARGIN = 1.2


def place_jointly(
    jobs: Sequence[Job],
    allowed: Sequence[Sequence[StartRange]],
    limits: Mapping[str, int],
    held: Sequence[Held],
    plain: tuple[int, int],
) -> list[int]:
    """A start for each run.

    Args:
        jobs: the runs.
        allowed: their allowed starts.
        limits: how many runs may hold each limit at once.
        held: what others hold already.
        plain: overload and cost of some other way to place them.
    """
    grid = Grid(jobs, allowed)
    each = max(_LEAST, min(_MOST, _CANDIDATES // len(jobs)))
    starts = [
        candidates(job, ranges, each, grid.width)
        for job, ranges in zip(jobs, allowed, strict=True)
    ]
    exact = [
        [job.cost(start) for start in own] for job, own in zip(jobs, starts, strict=True)
    ]
    # The largest difference becomes about a thousand, whatever the intensities.
    unit = max(1, max(own[-1] - own[0] for own in exact) // 1000)
    costs = [[(cost - own[0]) / unit for cost in own] for own in exact]
    room = _room(limits, held, grid)
    paid = _paid(jobs, starts, costs, room, _target(jobs, exact, plain) / unit, grid)
    places = [
        _places(job, own, cost, price, grid)
        for job, own, cost, price in zip(jobs, starts, costs, paid, strict=True)
    ]
    timetable = Timetable(places, limits, held, grid)
    _mend(timetable)
    return [own.starts[k] for own, k in zip(places, timetable.at, strict=True)]


def _paid(
    jobs: Sequence[Job],
    starts: Sequence[Sequence[int]],
    costs: Sequence[Sequence[float]],
    room: Mapping[str, Sequence[float]],
    target: float,
    grid: Grid,
) -> list[list[float]]:
    """The price of each candidate of each run."""
    bidders = [
        _bidder(job, own, cost, grid)
        for job, own, cost in zip(jobs, starts, costs, strict=True)
    ]
    work = sum(map(len, starts)) + len(room) * grid.buckets
    rounds = max(_FEWEST_ROUNDS, min(_ROUNDS, _LOOKS // work))
    prices = find_prices(bidders, room, target=target, rounds=rounds)
    return [bidder.paid(prices) for bidder in bidders]


def _bidder(job: Job, starts: Sequence[int], costs: Sequence[float], grid: Grid) -> Bidder:
    span = max(1, round(job.length / grid.bucket))
    share = job.length / (span * grid.bucket)
    last = grid.buckets - span
    return Bidder(
        costs=[cost / share for cost in costs],
        firsts=[min(last, round((s - grid.origin) / grid.bucket)) for s in starts],
        span=span,
        share=share,
        resources=job.resources,
    )


def _room(
    limits: Mapping[str, int], held: Sequence[Held], grid: Grid
) -> dict[str, list[float]]:
    """How many more runs may hold each limit, on average over each bucket."""
    room = {name: [float(limit)] * grid.buckets for name, limit in limits.items()}
    for start, end, resources in held:
        for k, part in grid.shares(start, end):
            for name in resources:
                if name in room:
                    room[name][k] = max(0.0, room[name][k] - part)
    return room


def _target(
    jobs: Sequence[Job],
    exact: Sequence[Sequence[int]],
    value: tuple[int, int],
) -> float:
    """About what the limits cost, judged by what they cost one by one.

    To resolve an overload is taken to cost as much as any start costs on average.
    """
    overload, cost = value
    least = sum(own[0] for own in exact)
    usual = sum(sum(own) // len(own) for own in exact)
    time = sum(job.length for job in jobs)
    return _MARGIN * (cost - least + overload * (usual - least) / time)


def _places(
    job: Job,
    starts: Sequence[int],
    costs: Sequence[float],
    prices: Sequence[float],
    grid: Grid,
) -> Places:
    wants = [cost + price for cost, price in zip(costs, prices, strict=True)]
    # Candidates come cheapest first, the nominal start first of equals: sorting keeps that.
    order = sorted(range(len(starts)), key=wants.__getitem__)
    return Places(
        resources=job.resources,
        starts=[starts[k] for k in order],
        masks=[grid.mask(starts[k], starts[k] + job.length) for k in order],
        costs=[costs[k] for k in order],
        prices=[prices[k] for k in order],
        wants=[wants[k] for k in order],
    )


def _mend(timetable: Timetable) -> None:
    """All runs on the timetable, then better and better."""
    runs = len(timetable.places)
    tries = min(_TRIES * runs, _BASE_TRIES + _TRIES_OF_MANY * runs, _MOST_TRIES)
    steps = max(_FEWEST_STEPS, min(_MOST_STEPS, _STEPS * runs))
    fill(timetable)
    rearrange(timetable, tries // 3)
    steps = relieve(timetable, steps)
    rearrange(timetable, tries - tries // 3)
    relieve(timetable, steps)
    if runs <= few.FEW:
        few.branch_and_bound(timetable)
