from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from carbonaware_prefect.core import Forecast
from carbonaware_prefect.core.capacity.demands import Demand, Job
from carbonaware_prefect.core.capacity.occupancy import Held, Occupancy
from carbonaware_prefect.core.intervals import from_microseconds
from carbonaware_prefect.core.starts import StartRange, Starts

END = 40
NAMES = ("a", "b")


class Scene(NamedTuple):
    """Limits, what is held, and a run of some microseconds with its allowed starts."""

    limits: dict[str, int]
    held: list[Held]
    job: Job
    allowed: list[StartRange]


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Scenes so short that every start can be tried."""
    names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True).map(tuple)
    spans = st.tuples(st.integers(0, END - 1), st.integers(1, 12), names)
    held: list[Held] = [
        (start, start + length, resources)
        for start, length, resources in draw(st.lists(spans, max_size=7))
    ]
    values = draw(st.lists(st.integers(0, 9), min_size=END, max_size=END))
    forecast = Forecast.from_intervals(
        (from_microseconds(i), from_microseconds(i + 1), value)
        for i, value in enumerate(values)
    )
    length = draw(st.integers(1, 8))
    ends = st.integers(0, END - length)
    moments = sorted(draw(st.lists(ends, min_size=2, max_size=6, unique=True)))
    run = Demand(
        key="run",
        forecast=forecast,
        duration=from_microseconds(length) - from_microseconds(0),
        ranges=tuple(
            (from_microseconds(low), from_microseconds(high))
            for low, high in zip(moments[::2], moments[1::2], strict=False)
        ),
        nominal=draw(st.none() | ends.map(from_microseconds)),
        resources=draw(names),
    )
    job = Job(run, Starts.of(forecast, run.duration))
    return Scene(
        {name: draw(st.integers(0, 2)) for name in NAMES}, held, job, job.allowed()
    )


def counted(held: list[Held]) -> Counter[tuple[str, int]]:
    """How many hold each limit at each microsecond."""
    return Counter(
        (name, moment)
        for start, end, names in held
        for name in names
        for moment in range(start, end)
    )


def added(scene: Scene, start: int) -> int:
    """The overload that the run adds, counted one by one."""
    use = counted(scene.held)
    return sum(
        use[name, moment] >= scene.limits[name]
        for name in scene.job.resources
        for moment in range(start, start + scene.job.length)
    )


@given(scenes())
def test_best_is_the_best_of_all_starts(scene: Scene) -> None:
    """Least overload, then least cost; of equals the nominal start, then the earliest."""
    job = scene.job
    occupancy = Occupancy(scene.limits, scene.held)

    overload, cost, start = occupancy.best(job, scene.allowed)

    ways = [
        (added(scene, start), job.cost(start), start != job.nominal, start)
        for low, high in scene.allowed
        for start in range(low, high + 1)
    ]
    assert (overload, cost, start != job.nominal, start) == min(ways)


@given(scenes())
def test_overload_is_counted_by_moment(scene: Scene) -> None:
    """All excess of all limits; what a run adds is what it takes away again."""
    job, start = scene.job, scene.allowed[0][0]
    occupancy = Occupancy(scene.limits, scene.held)
    before = sum(
        max(0, n - scene.limits[name]) for (name, _), n in counted(scene.held).items()
    )

    assert occupancy.overload() == before
    assert occupancy.added(job, start) == added(scene, start)
    occupancy.put(job, start)
    assert occupancy.overload() == before + added(scene, start)
    occupancy.take(job, start)
    assert occupancy.overload() == before


@given(scenes())
def test_exceeded_names_the_limits_that_are(scene: Scene) -> None:
    """A limit is exceeded where more hold it than it allows while the run does."""
    job, start = scene.job, scene.allowed[0][0]
    end = start + job.length
    occupancy = Occupancy(scene.limits, scene.held)
    occupancy.put(job, start)

    exceeded = occupancy.exceeded(job, start)

    use = counted([*scene.held, (start, end, job.resources)])
    assert exceeded == tuple(
        name
        for name in job.resources
        if any(use[name, m] > scene.limits[name] for m in range(start, end))
    )


def test_limits_that_nobody_knows_do_not_limit() -> None:
    """What is held of a name without a limit is left out."""
    occupancy = Occupancy({"a": 0}, [(0, 5, ("a", "elsewhere"))])

    assert occupancy.overload() == 5
