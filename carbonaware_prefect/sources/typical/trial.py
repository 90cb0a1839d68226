"""What a table is worth on hours that it has not seen, and which savings it should heed.

Jobs of 2 h arrive every 5 h, so that all hours of the day take their turn. With two years
or more, the newest twelve months are held out and the table is learnt from those before:
that is how it will be used. With one year, every second week is held out, then the others.

A table is wrong most often where it expects little. So the least expected saving that is
worth a move is part of it: the smallest at which `WORSE_AT_MOST` of the jobs do worse than
at once. It is chosen on one half of the weeks and judged on the other, both ways round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.core.accounting.backtest import (
    Job,
    arrivals_every,
    judge,
    replay,
)
from carbonaware_prefect.errors import InvalidInputError
from carbonaware_prefect.sources.typical.days import Kept, TypicalDays
from carbonaware_prefect.sources.typical.learning import YEAR, History, Piece, learn_grams

__all__ = [
    "KEPT_AT_LEAST",
    "WINDOWS",
    "WORSE_AT_MOST",
    "Trial",
    "is_worth_it",
    "jobs_of",
    "kept_by",
    "try_forecast",
    "try_table",
]

WINDOWS = (6, 12, 24)
"""Hours that jobs may wait."""
WORSE_AT_MOST = 0.14
"""Share of jobs that may do worse than at once, where that is reachable."""
KEPT_AT_LEAST = 0.25
"""Share of the possible saving below which a table is not worth having."""

_LIMIT_WORSE = 0.25
# Above the limit by about what a year differs from another.
_KEPT_WITH_ROOM = 0.28
_HOUR = timedelta(hours=1)
_DURATION = 2 * _HOUR
_STEP = 5 * _HOUR
# Savings that may be set, in percent; beyond them hardly anything would move.
_CHOICES = range(1, 31)


@dataclass(frozen=True, slots=True)
class Trial:
    """How a table did on hours that it had not seen.

    Attributes:
        held_out: those hours, in words.
        minimum_saving: the least expected saving that is worth a move.
        windows: by window in hours, what was kept at that minimum saving.
    """

    held_out: str
    minimum_saving: float
    windows: Mapping[int, Kept]


def is_worth_it(kept: Kept) -> bool:
    """Whether a table with this result at a window of 24 h beats starting at once."""
    return kept.kept >= KEPT_AT_LEAST and kept.worse <= _LIMIT_WORSE


def try_table(histories: Sequence[History], time_zone: str) -> Trial:
    """Learn from a part of the histories and test on the rest of the newest one.

    Raises:
        InvalidInputError: (a ValueError) too little data to learn from a part of it.
    """
    newest = max(histories, key=lambda history: history[-1][1])
    others = [history for history in histories if history is not newest]
    end = newest[-1][1]
    seen = [[p for p in h if p[1] <= end - YEAR] for h in (newest, *others)]
    try:
        splits = [(_split(newest, lambda p: p[1] > end - YEAR), _learn(seen, time_zone))]
        last = end - _HOUR
        held_out = f"twelve months to {last:%B %Y}, by those before"
    except InvalidInputError:
        odd = _split(newest, lambda piece: _week(piece) % 2 == 1)
        even = _split(newest, lambda piece: _week(piece) % 2 == 0)
        # The other suppliers' years are older, or this one's weeks would be in them.
        splits = [
            (odd, _learn([even, *_before(others, newest)], time_zone)),
            (even, _learn([odd, *_before(others, newest)], time_zone)),
        ]
        held_out = "every second week, by the others, and the other way round"
    return try_forecast([(test, table.forecast) for test, table in splits], held_out)


def _before(others: Sequence[History], newest: History) -> list[History]:
    return [history for history in others if history[-1][1] <= newest[0][0]]


def _split(history: History, wanted: Callable[[Piece], bool]) -> History:
    return [piece for piece in history if wanted(piece)]


def _week(piece: Piece) -> int:
    return piece[0].isocalendar().week


def _learn(histories: Sequence[History], time_zone: str) -> TypicalDays:
    known = [history for history in histories if history]
    if not known:
        msg = "there is no second year"
        raise InvalidInputError(msg)
    return TypicalDays(
        zone="",
        time_zone=time_zone,
        source="",
        licence="",
        years=(known[0][0][0].year,),
        boundary="",
        hours=0,
        # Half a year has half the weekends of a year.
        grams=learn_grams(known, time_zone, fewest=_HOUR),
    )


def try_forecast(
    splits: Sequence[tuple[History, Callable[[Interval], Forecast]]], held_out: str
) -> Trial:
    """How forecasts do on the hours that each was given with.

    Args:
        splits: unseen hours, and the forecast to try on them.
        held_out: those hours, in words.
    """
    jobs = {hours: jobs_of(splits, hours) for hours in WINDOWS}
    whole_day = jobs[WINDOWS[-1]]
    return Trial(
        held_out,
        _least_saving(whole_day),
        {hours: _crossed(each, whole_day) for hours, each in jobs.items()},
    )


def jobs_of(
    splits: Sequence[tuple[History, Callable[[Interval], Forecast]]], hours: int
) -> list[Job]:
    """The jobs of a trial, with a window of so many hours."""
    jobs = []
    for test, forecast in splits:
        actual = Forecast.from_intervals(test)
        span = Interval(actual.start, actual.end)
        known = forecast(span)
        jobs += replay(
            actual,
            arrivals_every(_STEP, span),
            window=hours * _HOUR,
            duration=_DURATION,
            forecast=lambda _, known=known: known,  # type: ignore[misc]
        )
    return jobs


def _crossed(jobs: Sequence[Job], whole_day: Sequence[Job]) -> Kept:
    """The result of each half of the weeks at the minimum saving of the other."""
    sent = []
    for half in range(2):
        least = _least_saving([job for job in whole_day if _half(job) != half])
        sent += [_held_back(job, least) for job in jobs if _half(job) == half]
    return kept_by(sent)


def kept_by(jobs: Sequence[Job], minimum_saving: float = 0.0) -> Kept:
    """What jobs came to at a minimum saving, in rounded shares."""
    verdict = judge(jobs, minimum_saving=minimum_saving)
    return Kept(
        possible=round(verdict.possible or 0.0, 3),
        kept=round(verdict.kept or 0.0, 3),
        worse=round(verdict.worse_share, 3),
    )


def _half(job: Job) -> int:
    return job.arrival.isocalendar().week // 2 % 2


def _held_back(job: Job, least: float) -> Job:
    """The job as it would be at a minimum saving."""
    if job.expected is not None and job.expected < least:
        return replace(job, start=job.arrival, forecast=job.at_once)
    return job


def _least_saving(jobs: Sequence[Job]) -> float:
    """The smallest expected saving that is worth a move."""
    verdicts = [
        (percent / 100, judge(jobs, minimum_saving=percent / 100)) for percent in _CHOICES
    ]
    fitting = [(least, v) for least, v in verdicts if v.worse_share <= WORSE_AT_MOST]
    if fitting and (fitting[0][1].kept or 0.0) >= _KEPT_WITH_ROOM:
        return fitting[0][0]
    # So few worse are not to be had for what is kept then: as few as may be.
    keeping = [least for least, v in verdicts if (v.kept or 0.0) >= _KEPT_WITH_ROOM]
    return keeping[-1] if keeping else verdicts[0][0]
