from __future__ import annotations

from itertools import pairwise, product

import pytest

from carbonaware_prefect.core.capacity.prices import Bidder, Prices, find_prices


def bidder(
    *costs: float, span: int = 1, share: float = 1.0, names: tuple[str, ...] = ("pool",)
) -> Bidder:
    """A run that may start in any bucket, at these costs."""
    order = sorted(range(len(costs)), key=costs.__getitem__)
    return Bidder(
        costs=[costs[k] / share for k in order],
        firsts=order,
        span=span,
        share=share,
        resources=names,
    )


def bound(bidders: list[Bidder], capacity: dict[str, list[float]], prices: Prices) -> float:
    """What the least cost of all is at least, by these prices."""
    offers = sum(
        min(
            cost * run.share + paid
            for cost, paid in zip(run.costs, run.paid(prices), strict=True)
        )
        for run in bidders
    )
    earned = sum(
        room * (b - a)
        for name, rooms in capacity.items()
        for room, (a, b) in zip(rooms, pairwise(prices[name]), strict=True)
    )
    return offers - earned


def test_nothing_has_a_price_where_there_is_room() -> None:
    """All get what they want, so that no price ever rises."""
    prices = find_prices(
        [bidder(1, 0, 2), bidder(1, 0, 2)], {"pool": [2.0] * 3}, target=1, rounds=9
    )

    assert prices == {"pool": [0.0] * 4}


def test_what_two_want_has_a_price_that_one_does_not_pay() -> None:
    """The run that loses less by going elsewhere would rather go."""
    low, high = bidder(0, 5, 9), bidder(0, 30, 50)

    prices = find_prices([low, high], {"pool": [1.0] * 3}, target=5, rounds=60)

    price = prices["pool"][1]
    assert 4 < price < 31
    assert bound([low, high], {"pool": [1.0] * 3}, prices) == pytest.approx(5, abs=0.5)


def test_limits_that_bind_have_a_price_each() -> None:
    """A run pays for all the limits that it holds, for as long as it does."""
    bidders = [
        bidder(0, 8, 9, span=2, names=("pool", "queue")),
        bidder(0, 6, 9, span=2, names=("pool", "queue")),
        bidder(0, 7, 9, span=2, names=("pool",)),
    ]
    capacity = {"pool": [2.0] * 4, "queue": [1.0] * 4, "idle": [5.0] * 4}

    prices = find_prices(bidders, capacity, target=9, rounds=80)

    assert prices["idle"] == [0.0] * 5
    paid = bidders[0].paid(prices)
    both = [prices["pool"][k + 2] - prices["pool"][k] for k in range(3)]
    assert paid == [
        pytest.approx(both[k] + prices["queue"][k + 2] - prices["queue"][k])
        for k in range(3)
    ]
    costs = [dict(zip(run.firsts, run.costs, strict=True)) for run in bidders]
    optimum = min(
        sum(cost[first] for cost, first in zip(costs, way, strict=True))
        for way in product(range(3), repeat=3)
        if abs(way[0] - way[1]) >= 2
        and max(sum(k <= b < k + 2 for k in way) for b in range(4)) <= 2
    )
    assert 0.85 * optimum <= bound(bidders, capacity, prices) <= optimum + 1e-9


def test_a_short_run_pays_its_share() -> None:
    """Half a bucket costs half its price, and four halves fill a room of two."""
    bidders = [bidder(0, 4, share=0.5) for _ in range(5)]

    prices = find_prices(bidders, {"pool": [2.0, 9.0]}, target=4, rounds=60)

    assert bidders[0].paid(prices)[0] == pytest.approx(prices["pool"][1] / 2)
    assert prices["pool"][1] == pytest.approx(8, rel=0.2)
    fewer = find_prices(bidders[:4], {"pool": [2.0, 9.0]}, target=4, rounds=60)
    assert fewer["pool"][1] == 0


def test_many_candidates_are_looked_at_while_they_may_win() -> None:
    """The best offer may lie far down the list, where prices are high at the top."""
    costs = [float(k) for k in range(41)]
    run = Bidder(
        costs=costs, firsts=list(range(41)), span=1, share=1.0, resources=("pool",)
    )
    prices = [100.0 * min(k, 33) for k in range(42)]

    assert run.best(prices) == (33.0, 33)
    assert run.best([0.0] * 42) == (0.0, 0)
