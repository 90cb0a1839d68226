"""Back-tests: what a forecast would have been worth on intensities that came true.

Each job arrives, may wait up to a window and runs for a duration. `replay` asks for each
one where a forecast would have sent it, what that came to, and what was best; `judge`
sums up, for any minimum saving. The rule is `decide`'s: a job leaves its arrival only for
a strictly lower mean, by at least the minimum saving, and of equal starts for the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum
from typing import TypeVar

from carbonaware_prefect.core.forecast import Forecast
from carbonaware_prefect.core.intervals import (
    Interval,
    from_microseconds,
    to_microseconds,
    to_utc,
)
from carbonaware_prefect.core.starts import Starts
from carbonaware_prefect.errors import InvalidInputError

__all__ = [
    "ForecastAt",
    "Job",
    "Verdict",
    "arrivals_every",
    "backtest",
    "judge",
    "replay",
]

T = TypeVar("T")

ForecastAt = Callable[[datetime], Forecast | None]
"""The forecast that is known at a moment (UTC), or None: the job then runs at once."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job, and what became of the ways to start it; means in gCO2eq/kWh.

    Attributes:
        arrival: when it would start without us (UTC).
        start: where the forecast would send it if no saving were too small.
        at_once: mean over the duration from the arrival.
        forecast: the same from ``start``, as it came true.
        lowest: the lowest of its window.
        expected: the saving that the forecast promised for ``start``; None where it says
            nothing about the arrival, or no saving can be stated against it.
    """

    arrival: datetime
    start: datetime
    at_once: float
    forecast: float
    lowest: float
    expected: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What all jobs together came to.

    Attributes:
        jobs: how many were judged.
        moved: how many did not start at once.
        worse: how many ended with a higher mean than at once.
        at_once, chosen, lowest: means over all jobs in gCO2eq/kWh: if all had started at
            once, as they were sent, and with perfect foresight.
    """

    jobs: int
    moved: int
    worse: int
    at_once: float
    chosen: float
    lowest: float

    @property
    def saving(self) -> float | None:
        """Share saved against starting at once; None where that is not positive."""
        return None if self.at_once <= 0 else 1 - self.chosen / self.at_once

    @property
    def possible(self) -> float | None:
        """The same with perfect foresight."""
        return None if self.at_once <= 0 else 1 - self.lowest / self.at_once

    @property
    def kept(self) -> float | None:
        """Share of the possible saving; None where nothing could be saved."""
        possible = self.at_once - self.lowest
        return None if possible <= 0 else (self.at_once - self.chosen) / possible

    @property
    def worse_share(self) -> float:
        """Share of the jobs that did worse than at once; zero of no jobs."""
        return self.worse / self.jobs if self.jobs else 0.0


def arrivals_every(step: timedelta, interval: Interval) -> Iterator[datetime]:
    """Moments that lie ``step`` apart, from the interval's start (UTC).

    Raises:
        InvalidInputError: (a ValueError) a step that is not positive.
    """
    if step <= timedelta(0):
        msg = f"the time between arrivals must be positive, got {step}"
        raise InvalidInputError(msg)
    arrival = interval.start
    while arrival < interval.end:
        yield arrival
        arrival += step


def replay(
    actual: Forecast,
    arrivals: Iterable[datetime],
    *,
    window: timedelta,
    duration: timedelta,
    forecast: ForecastAt,
) -> list[Job]:
    """Start each job where a forecast says, and at once, and with perfect foresight.

    Jobs whose window ``actual`` does not cover without a gap are left out, since nobody
    knows what was best for them.

    Args:
        actual: intensities that came true.
        arrivals: when jobs would start without us (aware).
        window: the longest wait, not negative.
        duration: of each job, positive.
        forecast: what is known at each arrival.

    Raises:
        InvalidInputError: (a ValueError) naive arrivals, a negative window, a duration
            that is not positive.
    """
    if window < timedelta(0):
        msg = f"a window must not be negative, got {window}"
        raise InvalidInputError(msg)
    truth, wait = Starts.of(actual, duration), to_microseconds(window)
    prepared: tuple[Forecast, Starts] | None = None
    jobs = []
    for given in arrivals:
        arrival = to_utc(given, "arrival")
        first = to_microseconds(arrival)
        last = first + wait
        if truth.covered([(first, last)]) != [(first, last)]:
            continue
        known = forecast(arrival)
        # Most often it is the one before, and preparing it takes the longest.
        if known is not None and (prepared is None or prepared[0] is not known):
            prepared = known, Starts.of(known, duration)
        means = prepared[1] if known is not None and prepared is not None else None
        start, expected = _sent(means, first, last)
        jobs.append(
            Job(
                arrival,
                arrival if start == first else from_microseconds(start),
                _sure(truth.total(first)) / truth.scale,
                _sure(truth.total(start)) / truth.scale,
                _sure(truth.lowest([(first, last)]))[0] / truth.scale,
                expected,
            )
        )
    return jobs


def _sent(means: Starts | None, first: int, last: int) -> tuple[int, float | None]:
    """Where a forecast sends a job that arrives at ``first``, and what it promises."""
    found = None if means is None else means.lowest([(first, last)])
    if means is None or found is None:
        return first, None
    lowest, start = found
    nominal = means.total(first)
    if nominal is None:
        return start, None
    if nominal <= lowest:
        return first, None
    if nominal <= 0:
        return start, None
    return start, 1 - (lowest / means.scale) / (nominal / means.scale)


def _sure(found: T | None) -> T:
    assert found is not None  # noqa: S101  the whole window was seen to be covered
    return found


def judge(jobs: Sequence[Job], *, minimum_saving: float = 0.0) -> Verdict:
    """Sum up, with jobs starting at once for which less than a share was promised.

    Args:
        jobs: of `replay`.
        minimum_saving: a share, 0.02 for 2 %.
    """
    count = len(jobs) or 1
    sent = [_stays_or_goes(job, minimum_saving) for job in jobs]
    return Verdict(
        jobs=len(jobs),
        moved=sum(moved for moved, _ in sent),
        worse=sum(mean > job.at_once for job, (_, mean) in zip(jobs, sent, strict=True)),
        at_once=fsum(job.at_once for job in jobs) / count,
        chosen=fsum(mean for _, mean in sent) / count,
        lowest=fsum(job.lowest for job in jobs) / count,
    )


def _stays_or_goes(job: Job, minimum_saving: float) -> tuple[bool, float]:
    too_little = job.expected is not None and job.expected < minimum_saving
    if too_little or job.start == job.arrival:
        return False, job.at_once
    return True, job.forecast


def backtest(
    actual: Forecast,
    arrivals: Iterable[datetime],
    *,
    window: timedelta,
    duration: timedelta,
    forecast: ForecastAt,
    minimum_saving: float = 0.0,
) -> Verdict:
    """What a forecast is worth: `replay`, judged at one minimum saving.

    Example:
        >>> from datetime import datetime, timedelta, timezone
        >>> midnight, hour = datetime(2026, 1, 1, tzinfo=timezone.utc), timedelta(hours=1)
        >>> day = [(midnight + i * hour, grams) for i, grams in enumerate([3, 2, 1, 3])]
        >>> actual = Forecast.from_points(day, end=midnight + 4 * hour)
        >>> found = backtest(
        ...     actual,
        ...     [midnight],
        ...     window=2 * hour,
        ...     duration=hour,
        ...     forecast=lambda arrival: actual,
        ... )
        >>> found.kept, found.worse_share
        (1.0, 0.0)
    """
    jobs = replay(actual, arrivals, window=window, duration=duration, forecast=forecast)
    return judge(jobs, minimum_saving=minimum_saving)
