"""What branch and bound adds where few runs share a limit.

The heuristics for many runs miss most where few run: each instance is two to seven runs of
half an hour to three hours that share one place, planned with and without the last step.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from statistics import mean

from benchmarks import render
from carbonaware_prefect.core import Forecast
from carbonaware_prefect.core.capacity import branch_and_bound
from carbonaware_prefect.core.capacity.demands import Demand, Placement
from carbonaware_prefect.core.capacity.place import place

__all__ = ["main", "run"]

INSTANCES = 400
HOUR = timedelta(hours=1)
MIDNIGHT = datetime(2026, 1, 1, tzinfo=timezone.utc)
SECTION = f"{INSTANCES} times two to seven runs that share one place"


def an_instance(seed: int) -> list[Demand]:
    """Runs whose windows overlap, in one zone."""
    dice = random.Random(seed)
    count = dice.randint(2, branch_and_bound.FEW)
    forecast = Forecast.from_points(
        [(MIDNIGHT + hour * HOUR, dice.uniform(50, 400)) for hour in range(36)],
        end=MIDNIGHT + 36 * HOUR,
    )
    demands = []
    for key in range(count):
        nominal = MIDNIGHT + dice.randint(0, 20) * HOUR / 2
        demands.append(
            Demand(
                key=str(key),
                forecast=forecast,
                duration=timedelta(minutes=dice.choice((30, 45, 60, 90, 120, 180))),
                ranges=((nominal, nominal + dice.choice((3, 6, 8)) * HOUR),),
                nominal=nominal,
                resources=("place",),
            )
        )
    return demands


def emissions(demands: Sequence[Demand], placements: Sequence[Placement]) -> float:
    """Mean intensity times hours, all runs together."""
    return sum(
        (placement.mean_intensity or 0.0) * (demand.duration / HOUR)
        for demand, placement in zip(demands, placements, strict=True)
    )


def exceeded(placements: Sequence[Placement]) -> int:
    """How many runs are over the limit."""
    return sum(bool(placement.exceeded) for placement in placements)


def run() -> dict[str, object]:
    """How many plans it changes, and what that saves where the overload is the same."""
    few = branch_and_bound.FEW
    changed, freed, saved = 0, 0, []
    for seed in range(INSTANCES):
        demands = an_instance(seed)
        with_it = place(demands, {"place": 1}, [])
        branch_and_bound.FEW = 0
        try:
            without = place(demands, {"place": 1}, [])
        finally:
            branch_and_bound.FEW = few
        if with_it == without:
            continue
        changed += 1
        if exceeded(with_it) < exceeded(without):
            freed += 1
        elif exceeded(with_it) == exceeded(without):
            before = emissions(demands, without)
            saved.append(100 * (1 - emissions(demands, with_it) / before))
    return {
        SECTION: [
            {
                "plans that change": changed,
                "fewer runs over the limit": freed,
                "mean saving of the others (%)": mean(saved),
                "largest (%)": max(saved),
            }
        ]
    }


def main() -> None:
    """Measure and print."""
    print(render(run()))


if __name__ == "__main__":
    main()
