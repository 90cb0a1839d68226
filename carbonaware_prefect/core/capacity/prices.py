"""What a place costs at each moment: prices that keep demand near the limits.

Lagrangian relaxation: the limits are dropped, and instead every moment of every limit
gets a price, which each run pays for the time that it holds it. Where more runs want a
moment than the limit allows, its price rises, where fewer do, it falls: the subgradient
method, with a step towards a target (Polyak) and a direction that remembers the one before
it (Camerini, Fratta and Maffioli). At any prices, the runs' best costs less what the
limits could earn are a lower bound of the least cost; the prices with the highest bound
are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf
from operator import add, mul, sub

__all__ = ["Bidder", "Prices", "find_prices"]

Prices = dict[str, list[float]]
"""For each limit the price of holding it from the first edge to each edge of time."""

_Rates = dict[str, list[float]]

# Measured on 30 instances of 1,000 runs: these halve the rounds for the same bound.
_PATIENCE = 3
_SHORTER = 0.5
_MEMORY = 0.6
# The least distance to the target, as a part of the bound, so that steps never end.
_DISTANCE = 0.1
# Candidates are looked at in portions, as long as they cost less than the best offer.
_PORTION = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Bidder:
    """A run that looks for a place, in buckets of time of equal width.

    Attributes:
        costs: what each candidate start costs before prices, ascending, for a whole
            share: divided by ``share``.
        firsts: the bucket that each candidate starts in.
        span: how many buckets it holds.
        share: which part of each of them; below one for a run shorter than a bucket.
        resources: the limits that it holds.
    """

    costs: list[float]
    firsts: list[int]
    span: int
    share: float
    resources: tuple[str, ...]

    def paid(self, prices: Prices) -> list[float]:
        """The price of each candidate."""
        sums = [prices[name] for name in self.resources]
        return [
            self.share * sum(s[first + self.span] - s[first] for s in sums)
            for first in self.firsts
        ]

    def best(self, price: list[float]) -> tuple[float, int]:
        """The lowest cost with price, for a whole share, and the bucket it starts in."""
        at, later = price.__getitem__, price[self.span :].__getitem__
        least, first = inf, 0
        for k in range(0, len(self.costs), _PORTION):
            costs = self.costs[k : k + _PORTION]
            if costs[0] >= least:
                break
            firsts = self.firsts[k : k + _PORTION]
            # In C as far as it goes: this is where the time goes.
            offers = list(map(add, costs, map(sub, map(later, firsts), map(at, firsts))))
            if (lowest := min(offers)) < least:
                least, first = lowest, firsts[offers.index(lowest)]
        return least, first


def find_prices(
    bidders: Sequence[Bidder],
    capacity: Mapping[str, Sequence[float]],
    *,
    target: float,
    rounds: int,
) -> Prices:
    """The prices with the highest bound that ``rounds`` steps found.

    Args:
        bidders: the runs.
        capacity: for each limit how many runs may hold it in each bucket; all of one
            length.
        target: about the least cost of all; it only sets the length of the steps.
        rounds: how many steps.
    """
    width = len(next(iter(capacity.values())))
    # Only limits that were in demand once have rates; most never do.
    rates: _Rates = {}
    slopes: _Rates = {}
    best_rates, best, reach, waited = rates, -inf, 1.0, 0
    for _ in range(rounds):
        bound, demand = _demand(bidders, _sums(rates), list(capacity), width)
        bound -= sum(sum(map(mul, rate, capacity[n])) for n, rate in rates.items())
        if bound > best:
            best, best_rates, waited = bound, rates, 0
        else:
            waited += 1
            if waited > _PATIENCE:
                reach, waited = reach * _SHORTER, 0
        slopes = _slopes(rates, slopes, demand, capacity)
        steepness = sum(sum(map(mul, slope, slope)) for slope in slopes.values())
        if not steepness:
            break
        step = reach * max(target - bound, _DISTANCE * abs(best)) / steepness
        rates = {
            name: [
                moved if (moved := rate + step * x) > 0 else 0.0
                for rate, x in zip(rates.get(name, [0.0] * width), slope, strict=True)
            ]
            for name, slope in slopes.items()
        }
    free = [0.0] * (width + 1)
    return {name: _sums(best_rates).get(name, free) for name in capacity}


def _sums(rates: _Rates) -> Prices:
    return {name: list(accumulate(rate, initial=0.0)) for name, rate in rates.items()}


def _demand(
    bidders: Sequence[Bidder], sums: Prices, limits: Sequence[str], width: int
) -> tuple[float, _Rates]:
    """The sum of the best costs, and how many runs hold each limit in each bucket."""
    changes = {name: [0.0] * (width + 1) for name in limits}
    joint: dict[tuple[str, ...], list[float]] = {}
    total = 0.0
    for bidder in bidders:
        names = bidder.resources
        if names not in joint:
            known = [sums[name] for name in names if name in sums]
            joint[names] = [sum(at) for at in zip(*known, strict=True)]
        price = joint[names]
        least, first = bidder.best(price) if price else (bidder.costs[0], bidder.firsts[0])
        total += bidder.share * least
        for name in names:
            change = changes[name]
            change[first] += bidder.share
            change[first + bidder.span] -= bidder.share
    return total, {name: list(accumulate(c[:-1])) for name, c in changes.items()}


def _slopes(
    rates: _Rates,
    before: _Rates,
    demand: _Rates,
    capacity: Mapping[str, Sequence[float]],
) -> _Rates:
    """Where prices should go: up where demand lies above the limits, else down."""
    slopes: _Rates = {}
    for name, room in capacity.items():
        above = list(map(sub, demand[name], room))
        if name in rates:
            slopes[name] = [
                x + _MEMORY * old if x > 0 or rate > 0 else 0.0
                for x, old, rate in zip(above, before[name], rates[name], strict=True)
            ]
        elif max(above) > 0:
            slopes[name] = [max(0.0, x) for x in above]
    return slopes
