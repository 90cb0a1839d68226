"""Runs that compete for slots, spread so that all together emit least.

Placing runs of different lengths, costs and windows under limits is NP-hard, so this is a
heuristic with some guarantees.

**What is minimised.** First the overload: the time for which limits are exceeded, times by
how much, over all limits. Then the emissions: the sum over the runs of mean intensity
times duration (each run draws the same power). A run starts nowhere but at its allowed
starts: its nominal start, and the starts in its window that save enough against it. So the
window wins over the limits, and a limit is exceeded only by runs for which the search
found no place.

**How.** 1. *One by one*, in order of their nominal starts, each run takes the cleanest
free place; where none is free, the one with the least overload. This is exact in time.
2. *Together*, on a grid of time and some dozens of candidate starts for each run: prices
for every moment of every limit (`prices`), all runs placed by what they cost with prices,
groups of them rearranged (`rearrange`) and overloads resolved by chains of moves
(`chains`). 3. The better of the two is taken, and each run moves once more to its best
free place, exact in time, for a few rounds, as long as anything gets better.

**What holds by construction.** Overload, then emissions, are never worse than one by one.
No run emits more than at its nominal start, where that is allowed and its intensity is
known; so all together don't either. The same input gives the same result, in any order of
the runs.

**What is only measured** (``python -m benchmarks capacity``): how near the optimum it
comes. There is no proven bound for that.

The work is bounded: rounds, tries and steps are counted, not timed, and there are fewer of
them for each run where many runs compete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carbonaware_prefect.core.capacity.demands import Job
from carbonaware_prefect.core.capacity.joint import place_jointly
from carbonaware_prefect.core.capacity.occupancy import Held, Occupancy
from carbonaware_prefect.core.starts import StartRange

__all__ = ["spread"]

_POLISH = 3


def spread(
    jobs: Sequence[Job], limits: Mapping[str, int], held: Sequence[Held]
) -> list[int]:
    """A start for each of the jobs, in microseconds since 1970.

    Args:
        jobs: the runs, in order of their keys, each with a start that it may choose.
            Their resources are names of limits, at least one.
        limits: how many runs may hold each limit at once.
        held: what others hold already.
    """
    scale = max(job.scale() for job in jobs)
    for job in jobs:
        job.weigh(scale)
    allowed = [job.allowed() for job in jobs]
    plain = _one_by_one(jobs, allowed, Occupancy(limits, held))
    value = _value(jobs, plain, limits, held)
    joint = place_jointly(jobs, allowed, limits, held, value)
    best = joint if _value(jobs, joint, limits, held) < value else plain
    return _polished(jobs, allowed, best, Occupancy(limits, held))


def _one_by_one(
    jobs: Sequence[Job], allowed: Sequence[Sequence[StartRange]], occupancy: Occupancy
) -> list[int]:
    """Each run in its turn takes the best place that is left."""

    def turn(i: int) -> tuple[int, int]:
        nominal = jobs[i].nominal
        return (allowed[i][0][0] if nominal is None else nominal), i

    at = [0] * len(jobs)
    for i in sorted(range(len(jobs)), key=turn):
        _, _, at[i] = occupancy.best(jobs[i], allowed[i])
        occupancy.put(jobs[i], at[i])
    return at


def _value(
    jobs: Sequence[Job],
    at: Sequence[int],
    limits: Mapping[str, int],
    held: Sequence[Held],
) -> tuple[int, int]:
    """Overload and cost, exact."""
    occupancy = Occupancy(limits, held)
    cost = 0
    for job, start in zip(jobs, at, strict=True):
        occupancy.put(job, start)
        cost += job.cost(start)
    return occupancy.overload(), cost


def _polished(
    jobs: Sequence[Job],
    allowed: Sequence[Sequence[StartRange]],
    at: list[int],
    occupancy: Occupancy,
) -> list[int]:
    """Move single runs to better free places while there are any."""
    for job, start in zip(jobs, at, strict=True):
        occupancy.put(job, start)
    least = [job.cheapest(own)[0] for job, own in zip(jobs, allowed, strict=True)]
    rounds, changed = 0, True
    while changed and rounds < _POLISH:
        before = list(at)
        for i, job in enumerate(jobs):
            occupancy.take(job, at[i])
            now = occupancy.added(job, at[i]), job.cost(at[i])
            if now > (0, least[i]):
                overload, cost, start = occupancy.best(job, allowed[i])
                if (overload, cost) < now:
                    at[i] = start
            occupancy.put(job, at[i])
        rounds, changed = rounds + 1, at != before
    return at
