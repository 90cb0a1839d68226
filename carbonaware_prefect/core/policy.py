"""What the user wants: a policy, and what it comes to at one moment: a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, timezone, tzinfo
from typing import Any

from carbonaware_prefect.core.hours import (
    Hours,
    Starts,
    allowed_starts,
    closed_intervals,
    moment_of,
)
from carbonaware_prefect.core.intervals import Interval, to_utc
from carbonaware_prefect.errors import InvalidInputError

__all__ = ["Bound", "Policy", "Request"]

Bound = time | timedelta
"""A local time of day (its next coming after the nominal start), or a time from there."""
_ZERO = timedelta(0)


def _positive(span: object, name: str) -> None:
    if not isinstance(span, timedelta):
        msg = f"{name} must be a timedelta, got {span!r}; e.g. timedelta(hours=6)"
        raise InvalidInputError(msg)
    if span <= _ZERO:
        msg = f"{name} must be positive, got {span}; e.g. timedelta(hours=6)"
        raise InvalidInputError(msg)


def _not_negative(span: object, name: str) -> None:
    if not isinstance(span, timedelta) or span < _ZERO:
        msg = f"{name} must be a timedelta that is not negative, got {span!r}"
        raise InvalidInputError(msg)


def _bound(limit: object, name: str) -> None:
    if limit is None or (isinstance(limit, time) and limit.tzinfo is None):
        return
    if isinstance(limit, timedelta):
        _positive(limit, name)
        return
    msg = f"{name} must be a time of day without a time zone or a timedelta, got {limit!r}"
    raise InvalidInputError(msg)


def _share(value: object, name: str) -> None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not known or not (0 <= value < 1):  # type: ignore[operator]  # known says it
        msg = f"{name} must be a share from 0 up to 1, got {value!r}; e.g. 0.02 for 2 %"
        raise InvalidInputError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the user wants, bound to no moment yet.

    Attributes:
        window: how long a run may wait; bounds its *start*.
        duration: expected run time of the work.
        zone: grid zone key, or None when nobody could tell.
        minimum_wait: a slot nearer than this is waited for in process.
        earlier: how long before its nominal start a run may start.
        latest_start: last allowed start, as a time of day or a time from nominal.
        finish_by: when the run has to have ended, likewise. Of window, latest start and
            finish-by the tightest holds.
        not_between: hours of every day that the whole run keeps free.
        time_zone: of the times of day; None for the one given to `bind`.
        minimum_saving: a run moves only for at least this share, 0.02 for 2 %.

    Raises:
        InvalidInputError: (a ValueError) a span that is no timedelta or has the wrong
            sign, a limit that is neither, a saving that is no share.
    """

    window: timedelta = timedelta(hours=6)
    duration: timedelta = timedelta(minutes=30)
    zone: str | None = None
    minimum_wait: timedelta = timedelta(minutes=2)
    earlier: timedelta = _ZERO
    latest_start: Bound | None = None
    finish_by: Bound | None = None
    not_between: tuple[Hours, ...] = ()
    time_zone: tzinfo | None = None
    minimum_saving: float = 0.0

    def __post_init__(self) -> None:
        _positive(self.window, "window")
        _positive(self.duration, "duration")
        _not_negative(self.minimum_wait, "minimum_wait")
        _not_negative(self.earlier, "earlier")
        _bound(self.latest_start, "latest_start")
        _bound(self.finish_by, "finish_by")
        _share(self.minimum_saving, "minimum_saving")

    def is_local(self) -> bool:
        """Whether it has times of day, and no time zone of its own to tell them in."""
        limits = (self.latest_start, self.finish_by)
        by_clock = bool(self.not_between) or any(isinstance(each, time) for each in limits)
        return by_clock and self.time_zone is None

    def bind(self, nominal_start: datetime, time_zone: tzinfo | None = None) -> Request:
        """The request for a run that would start at ``nominal_start`` without us.

        Args:
            nominal_start: aware.
            time_zone: of the run's schedule, for times of day where the policy names
                none; UTC by default.
        """
        nominal = to_utc(nominal_start, "nominal_start")
        zone = self.time_zone or time_zone or timezone.utc
        try:
            earliest = nominal - self.earlier
            window_end = nominal + self.window
            closed = self._closed(earliest, window_end, zone)
        except OverflowError:
            msg = f"a window of {self.window} from {nominal.isoformat()} never ends"
            raise InvalidInputError(msg) from None
        latest = min(window_end, *self._ends(nominal, zone))
        starts = allowed_starts(earliest, latest, self.duration, closed)
        known: dict[str, Any] = {
            "nominal_start": nominal,
            "duration": self.duration,
            "zone": self.zone,
            "minimum_saving": self.minimum_saving,
        }
        if not starts:
            conflict = self._conflict(nominal, zone, latest < earliest)
            return Request(
                earliest=nominal, latest_start=nominal, conflict=conflict, **known
            )
        return Request(
            earliest=starts[0][0], latest_start=starts[-1][1], starts=starts, **known
        )

    def _closed(self, earliest: datetime, end: datetime, zone: tzinfo) -> list[Interval]:
        if not self.not_between:
            return []
        return closed_intervals(
            self.not_between, Interval(earliest, end + self.duration), zone
        )

    def _ends(self, nominal: datetime, zone: tzinfo) -> list[datetime]:
        """The last starts that the limits other than the window allow."""
        ends = []
        if self.latest_start is not None:
            ends.append(moment_of(self.latest_start, nominal, zone))
        if self.finish_by is not None:
            ends.append(moment_of(self.finish_by, nominal, zone) - self.duration)
        return ends or [datetime.max.replace(tzinfo=timezone.utc)]

    def _conflict(self, nominal: datetime, zone: tzinfo, ends_early: bool) -> str:
        if ends_early and self.finish_by is not None:
            by = moment_of(self.finish_by, nominal, zone).astimezone(zone)
            return (
                f"a run of {self.duration} that has to end by {by:%Y-%m-%d %H:%M %Z} "
                "would have to start before its first allowed start"
            )
        kept = ", ".join(map(str, self.not_between))
        return f"no start in its window keeps {kept} free for a run of {self.duration}"


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
        minimum_saving: a run moves only for at least this share.
        conflict: why no start is allowed at all; None when some are.
    """

    nominal_start: datetime
    earliest: datetime
    latest_start: datetime
    duration: timedelta
    zone: str | None
    starts: Starts = field(default=())
    minimum_saving: float = 0.0
    conflict: str | None = None

    def __post_init__(self) -> None:
        for name in ("nominal_start", "earliest", "latest_start"):
            object.__setattr__(self, name, to_utc(getattr(self, name), name))
        _positive(self.duration, "duration")
        if self.latest_start < self.earliest:
            msg = (
                f"latest_start {self.latest_start.isoformat()} lies before "
                f"earliest {self.earliest.isoformat()}"
            )
            raise InvalidInputError(msg)
        if not self.starts and self.conflict is None:
            object.__setattr__(self, "starts", ((self.earliest, self.latest_start),))

    def allows(self, start: datetime) -> bool:
        """Whether a run may start then."""
        return any(low <= start <= high for low, high in self.starts)

    def starts_from(self, moment: datetime) -> Starts:
        """The allowed starts that do not lie before ``moment``."""
        return _from(self.starts, moment)


def _from(starts: Sequence[tuple[datetime, datetime]], moment: datetime) -> Starts:
    return tuple((max(low, moment), high) for low, high in starts if high >= moment)
