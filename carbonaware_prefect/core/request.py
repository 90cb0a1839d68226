"""A policy bound to a moment: the starts of one run, and what else bounds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from carbonaware_prefect.core.forecast import Forecast
from carbonaware_prefect.core.hours import Starts
from carbonaware_prefect.core.intervals import to_utc
from carbonaware_prefect.core.reasons import Reason
from carbonaware_prefect.errors import InvalidInputError

__all__ = ["DEFAULT_MINIMUM_SAVING", "Budget", "Neighbours", "Request", "check_positive"]

DEFAULT_MINIMUM_SAVING = 0.02
"""What a move has to save where neither the user nor the forecast says."""
_NEXT_RUN = "the next run of its schedule"


def check_positive(span: object, name: str) -> None:
    """Raise `InvalidInputError` naming ``name`` unless it is a positive timedelta."""
    if not isinstance(span, timedelta):
        msg = f"{name} must be a timedelta, got {span!r}; e.g. timedelta(hours=6)"
        raise InvalidInputError(msg)
    if span <= timedelta(0):
        msg = f"{name} must be positive, got {span}; e.g. timedelta(hours=6)"
        raise InvalidInputError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The due times (aware) of the runs of one schedule before and after a run.

    No run starts before the one before it is due, nor once the one after it may start:
    so runs of a schedule keep their order, and do not gather at one start.
    """

    previous: datetime | None = None
    following: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("previous", "following"):
            if (moment := getattr(self, name)) is not None:
                object.__setattr__(self, name, to_utc(moment, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The time that a wait in process and the work together may take.

    Attributes:
        end: when it is used up (aware).
        name: what it is, for sentences: ``timeout_seconds=60 of flow 'nightly'``.
    """

    end: datetime
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "end", to_utc(self.end, "end"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A policy bound to a moment (all times in UTC).

    Attributes:
        nominal_start: when the run would have started without us.
        earliest: first allowed start.
        latest_start: last allowed start.
        duration: expected run time.
        zone: grid zone key, or None.
        starts: closed pieces of allowed starts between the two, in order of time; by
            default all of it.
        minimum_saving: a run moves only for at least this share; None as in `Policy`.
        finish_by_start: last start from which the run ends by its finish-by; None where
            it has none.
        ends_because: what ends the allowed starts sooner than the policy does; None
            where nothing does.
        conflict: why no start is allowed at all; None when some are.
        conflict_reason: the same as a code.
    """

    nominal_start: datetime
    earliest: datetime
    latest_start: datetime
    duration: timedelta
    zone: str | None
    starts: Starts = field(default=())
    minimum_saving: float | None = 0.0
    finish_by_start: datetime | None = None
    ends_because: str | None = None
    conflict: str | None = None
    conflict_reason: Reason = Reason.NO_ALLOWED_START

    def __post_init__(self) -> None:
        for name in ("nominal_start", "earliest", "latest_start"):
            object.__setattr__(self, name, to_utc(getattr(self, name), name))
        check_positive(self.duration, "duration")
        if self.latest_start < self.earliest:
            msg = (
                f"latest_start {self.latest_start.isoformat()} lies before "
                f"earliest {self.earliest.isoformat()}"
            )
            raise InvalidInputError(msg)
        if not self.starts and self.conflict is None:
            object.__setattr__(self, "starts", ((self.earliest, self.latest_start),))

    def least_saving(self, forecast: Forecast) -> float:
        """The share that a move by this forecast has to save: what the user said wins."""
        if self.minimum_saving is not None:
            return self.minimum_saving
        said = None if forecast.basis is None else forecast.basis.minimum_saving
        return DEFAULT_MINIMUM_SAVING if said is None else said

    @property
    def ends_at_the_next_run(self) -> bool:
        """Whether the next run of its schedule ends it, sooner than the policy would."""
        return self.ends_because is not None and self.ends_because.startswith(_NEXT_RUN)

    def allows(self, start: datetime, within: timedelta = timedelta(0)) -> bool:
        """Whether a run may start then, give or take ``within``."""
        return any(low - within <= start <= high + within for low, high in self.starts)

    def starts_from(self, moment: datetime) -> Starts:
        """The allowed starts that do not lie before ``moment``."""
        return _between(self.starts, moment, None)

    def in_order(self, due: datetime, earlier: timedelta, runs: Neighbours) -> Request:
        """This request, kept between its neighbours; its own starts stay the stronger.

        Where none of them lies between the neighbours (hours that are kept free for
        longer than the schedule's interval), the one nearest to there is left: runs that
        gather so still start in their order or together.

        Args:
            due: when the run is due, in UTC.
            earlier: how long before that it may start.
            runs: its neighbours.
        """
        low, high, because = runs.previous, None, None
        if runs.following is not None:
            high = max(runs.following - earlier, due)
            does = "is due" if high == runs.following else "may start"
            because = f"{_NEXT_RUN} {does} then"
        kept = _between(self.starts, low, high)
        if not kept and self.starts:
            after = _between(self.starts, low, None)
            nearest = after[0][0] if after else self.starts[-1][1]
            kept, because = ((nearest, nearest),), None
        return self._kept(kept, because)

    def within(self, budget: Budget) -> Request:
        """This request, so that run and wait from the nominal start on fit a budget."""
        ahead = self.starts_from(self.nominal_start)
        if not ahead:
            return self
        kept = _between(ahead, None, budget.end - self.duration)
        if kept:
            return self._kept(kept, f"a later one would not end within {budget.name}")
        return replace(
            self,
            earliest=self.nominal_start,
            latest_start=self.nominal_start,
            starts=(),
            conflict=(f"{budget.name} leaves no time to wait for a run of {self.duration}"),
            conflict_reason=Reason.TIMEOUT_TOO_SHORT,
        )

    def _kept(self, starts: Starts, because: str | None) -> Request:
        """This request with fewer starts, and what ends them now."""
        if not starts or starts == self.starts:
            return self
        ends_sooner = starts[-1][1] < self.latest_start
        return replace(
            self,
            earliest=starts[0][0],
            latest_start=starts[-1][1],
            starts=starts,
            ends_because=because if ends_sooner else self.ends_because,
        )


def _between(
    starts: Sequence[tuple[datetime, datetime]],
    first: datetime | None,
    last: datetime | None,
) -> Starts:
    cut = (
        (
            low if first is None else max(low, first),
            high if last is None else min(high, last),
        )
        for low, high in starts
    )
    return tuple((low, high) for low, high in cut if low <= high)
