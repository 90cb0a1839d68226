"""Boards with places of whole hours, made by hand or at random."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import product

from carbonaware_prefect.core.capacity.occupancy import Held
from carbonaware_prefect.core.capacity.timetable import Grid, Places, Timetable, Value
from carbonaware_prefect.core.intervals import to_microseconds
from tests.core.capacity.instances import at, demand, hourly, job

HOURS = 24


def grid(hours: int = HOURS) -> Grid:
    """One cell an hour."""
    run = job(demand("run", hourly(*[1] * hours), (0, hours - 1)))
    return Grid([run], [run.allowed()])


def held(start: int, end: int, *names: str) -> Held:
    """What is held from one hour to another."""
    return to_microseconds(at(start)), to_microseconds(at(end)), names


def places(
    costs: Mapping[int, float],
    *,
    length: int = 1,
    names: tuple[str, ...] = ("pool",),
    prices: Mapping[int, float] | None = None,
) -> Places:
    """A run's places by hour, the most wanted first."""
    price = {hour: (prices or {}).get(hour, 0.0) for hour in costs}
    order = sorted(costs, key=lambda hour: (costs[hour] + price[hour], hour))
    return Places(
        resources=names,
        starts=[to_microseconds(at(hour)) for hour in order],
        masks=[((1 << length) - 1) << hour for hour in order],
        costs=[costs[hour] for hour in order],
        prices=[price[hour] for hour in order],
        wants=[costs[hour] + price[hour] for hour in order],
    )


def random_timetable(
    seed: int, *, runs: int, hours: int = 12, lengths: Sequence[int] = (1,)
) -> Timetable:
    """Runs that want some hours of one pool and of one of two queues; none is placed."""
    dice = random.Random(seed)
    chosen = []
    for _ in range(runs):
        length = dice.choice(lengths)
        low = dice.randrange(hours - length)
        window = range(low, min(hours - length, low + dice.randint(1, 6)) + 1)
        costs = {hour: float(dice.randint(0, 20)) for hour in window}
        least = min(costs.values())
        prices = {hour: float(dice.randint(0, 3)) for hour in window}
        chosen.append(
            places(
                {hour: cost - least for hour, cost in costs.items()},
                length=length,
                names=("pool", dice.choice(["queue 1", "queue 2"])),
                prices=prices if dice.random() < 0.5 else None,
            )
        )
    limits = {"pool": dice.randint(1, 3), "queue 1": dice.randint(1, 2), "queue 2": 1}
    taken = [held(hour, hour + 1, "pool") for hour in range(hours) if dice.random() < 0.1]
    return Timetable(chosen, limits, taken, grid(hours))


def value(timetable: Timetable) -> Value:
    """The overload beyond what is held already, and the cost of all runs."""
    moves = [(run, timetable.take(run)) for run in range(len(timetable.places))]
    return timetable.put_all(moves)


def least(timetable: Timetable) -> Value:
    """The least overload and cost of all ways to place the runs of an empty timetable."""
    values = []
    for way in product(*[range(len(p.starts)) for p in timetable.places]):
        values.append(timetable.put_all(list(enumerate(way))))
        for run in range(len(timetable.places)):
            timetable.take(run)
    return min(values)
