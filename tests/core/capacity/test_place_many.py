from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonaware_prefect.core import Forecast, Interval, Slot, find_slot
from carbonaware_prefect.core.capacity.demands import Demand, Placement
from carbonaware_prefect.core.capacity.place import place
from carbonaware_prefect.errors import InvalidInputError, NoSlotError
from tests.core.capacity.instances import T0, at, demand, hourly

MINUTE = timedelta(minutes=1)


@st.composite
def runs(draw: st.DrawFn) -> list[Demand]:
    """Runs on one forecast with gaps, with windows in one or two ranges."""
    values = draw(st.lists(st.none() | st.integers(-20, 90), min_size=4, max_size=14))
    intervals = [
        (at(i), at(i + 1), value) for i, value in enumerate(values) if value is not None
    ]
    forecast = Forecast.from_intervals(intervals or [(at(0), at(1), 1)])
    minutes = st.integers(-60, 60 * len(values))
    found = []
    for i in range(draw(st.integers(1, 6))):
        ends = sorted(draw(st.lists(minutes, min_size=2, max_size=4, unique=True)))
        found.append(
            Demand(
                key=str(i),
                forecast=forecast,
                duration=draw(st.sampled_from([30, 60, 95])) * MINUTE,
                ranges=tuple(
                    (T0 + low * MINUTE, T0 + high * MINUTE)
                    for low, high in zip(ends[::2], ends[1::2], strict=False)
                ),
                nominal=draw(st.none() | minutes.map(lambda m: T0 + m * MINUTE)),
                minimum_saving=draw(st.sampled_from([0, 0.125, 0.5])),
            )
        )
    return found


def minutes(run: Demand, start: datetime) -> int:
    """The sum of the intensities of all minutes of a slot, which is exact."""
    total = 0
    for i in range(run.duration // MINUTE):
        mean = run.forecast.mean(start + i * MINUTE, MINUTE)
        assert mean is not None
        total += int(mean)
    return total


def alone(run: Demand) -> datetime | None:
    """Where `find_slot` and the rule about savings put one run."""
    slots: list[Slot] = []
    for low, high in run.ranges:
        try:
            slot = find_slot(
                run.forecast, earliest=low, latest_start=high, duration=run.duration
            )
        except NoSlotError:
            continue
        slots.append(slot)
    if not slots:
        return run.nominal
    best = min(slots, key=lambda slot: (slot.mean_intensity, slot.start))
    if run.nominal is None:
        return best.start
    nominal = run.forecast.mean(run.nominal, run.duration)
    if nominal is None:
        return best.start
    if best.mean_intensity >= nominal:
        return run.nominal
    ratio = Fraction(minutes(run, best.start), minutes(run, run.nominal) or 1)
    enough = nominal <= 0 or 1 - ratio >= Fraction(run.minimum_saving)
    return best.start if enough else run.nominal


@given(runs())
def test_without_limits_each_gets_its_own_best(demands: list[Demand]) -> None:
    """`find_slot`'s start in any range, or the nominal one where that saves too little."""
    for run, placement in zip(demands, place(demands, {}), strict=True):
        assert placement.key == run.key
        assert placement.start == alone(run)
        assert not placement.displaced
        assert placement.exceeded == ()
        if placement.start is not None:
            mean = run.forecast.mean(placement.start, run.duration)
            assert placement.mean_intensity == mean
        if run.nominal is not None:
            nominal = run.forecast.mean(run.nominal, run.duration)
            assert placement.intensity_nominal == nominal


def test_limits_that_cannot_bind_change_nothing() -> None:
    """As many as there are runs, or none that run at the same time."""
    forecast = hourly(3, 2, 1, 2, 3, 1)
    demands = [
        demand("a", forecast, (0, 2)),
        demand("b", forecast, (0, 2)),
        demand("c", forecast, (4, 5)),
    ]

    placements = place(demands, {"pool": 2})

    assert placements == place(demands, {})


def test_limits_that_could_bind_but_do_not_change_nothing() -> None:
    """Each gets its best, because the bests are not at the same time."""
    demands = [
        demand("a", hourly(1, 2), (0, 1)),
        demand("b", hourly(2, 1), (0, 1)),
    ]

    assert place(demands, {"pool": 1}) == place(demands, {})


def test_a_limit_binds_from_end_to_start() -> None:
    """A run that ends makes room for one that starts at that moment."""
    demands = [
        demand("a", hourly(1, 1, 9), (0, 0)),
        demand("b", hourly(1, 1, 9), (1, 1)),
    ]

    placements = place(demands, {"pool": 1})

    assert [p.start for p in placements] == [at(0), at(1)]
    assert [p.exceeded for p in placements] == [(), ()]


def test_runs_are_in_the_way_of_each_other_through_others() -> None:
    """A limit of two that share none: what one does to the third moves the second."""
    demands = [
        demand("a", hourly(1, 900, 900), (0, 2), resources=("left",)),
        demand("b", hourly(1, 2, 3), (0, 2), resources=("left", "right")),
        demand("c", hourly(9, 1, 5), (0, 2), resources=("right",)),
    ]

    placements = place(demands, {"left": 1, "right": 1})

    assert [p.start for p in placements] == [at(0), at(2), at(1)]
    assert [p.displaced for p in placements] == [False, True, False]


def test_days_apart_are_planned_apart() -> None:
    """Runs that cannot meet do not compete, however many limits they share."""
    forecast = hourly(*[100, 90, 100] * 20)
    demands = [
        demand(f"{day} {i}", forecast, (3 * day, 3 * day + 1))
        for day in (9, 0, 4)
        for i in range(2)
    ]

    placements = {p.key: p.start for p in place(demands, {"pool": 1})}

    for day in (9, 0, 4):
        starts = {placements[f"{day} 0"], placements[f"{day} 1"]}
        assert starts == {at(3 * day), at(3 * day + 1)}


def test_what_is_occupied_counts() -> None:
    """A place that another run holds already is not free, of its limits only."""
    run = demand("a", hourly(1, 2, 3), (0, 2))
    held = Interval(at(0), at(1))

    assert place([run], {"pool": 1}, [(held, ("pool",))])[0].start == at(1)
    assert place([run], {"pool": 2}, [(held, ("pool",))])[0].start == at(0)
    assert place([run], {"pool": 1}, [(held, ("other",))])[0].start == at(0)


def test_a_limit_of_nothing_is_exceeded_by_whoever_must_run() -> None:
    """Nobody may hold it, and still the run is not dropped."""
    (placement,) = place([demand("a", hourly(2, 1), (0, 1))], {"pool": 0})

    assert (placement.start, placement.exceeded) == (at(1), ("pool",))


def test_a_run_that_nothing_is_known_of_has_no_start() -> None:
    """Not covered and without a nominal start; it is in nobody's way."""
    lost = demand("lost", hourly(1, 2), (7, 8))
    other = demand("other", hourly(1, 2), (0, 1))

    placements = place([lost, other], {"pool": 0})

    assert placements[0] == Placement(key="lost", start=None, mean_intensity=None)
    assert placements[1].start == at(0)


def test_keys_tell_runs_apart() -> None:
    """The same key twice would lose one of the two."""
    run = demand("twin", hourly(1, 2), (0, 1))

    with pytest.raises(InvalidInputError, match="two demands have the key 'twin'"):
        place([run, run], {})


def test_negative_limits_are_refused() -> None:
    """They mean nothing."""
    with pytest.raises(InvalidInputError, match="limit 'pool' must be 0 or more, got -1"):
        place([], {"pool": -1})


def test_no_runs_have_no_placements() -> None:
    """Nothing in, nothing out."""
    assert place([], {"pool": 1}) == []
