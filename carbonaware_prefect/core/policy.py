"""What the user wants: a policy, bound to no moment yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone, tzinfo
from typing import Any

from carbonaware_prefect.core.hours import (
    Hours,
    allowed_starts,
    closed_intervals,
    moment_of,
)
from carbonaware_prefect.core.intervals import Interval, to_utc
from carbonaware_prefect.core.request import (
    Budget,
    Neighbours,
    Request,
    check_positive,
)
from carbonaware_prefect.errors import InvalidInputError

__all__ = ["Bound", "Policy"]

Bound = time | timedelta
"""A local time of day (its next coming after the due time), or a time from there."""
_ZERO = timedelta(0)


def _not_negative(span: object, name: str) -> None:
    if not isinstance(span, timedelta) or span < _ZERO:
        msg = f"{name} must be a timedelta that is not negative, got {span!r}"
        raise InvalidInputError(msg)


def _bound(limit: object, name: str) -> None:
    if limit is None or (isinstance(limit, time) and limit.tzinfo is None):
        return
    if isinstance(limit, timedelta):
        check_positive(limit, name)
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
        window: how long a run may wait from its due time; bounds its *start*.
        duration: expected run time of the work.
        zone: grid zone key, or None when nobody could tell.
        minimum_wait: a slot nearer than this is waited for in process.
        earlier: how long before its due time a run may start.
        latest_start: last allowed start, as a time of day or a time from due.
        finish_by: when the run has to have ended, likewise. Of window, latest start and
            finish-by the tightest holds.
        not_between: hours of every day that the whole run keeps free.
        time_zone: of the times of day; None for the one given to `bind`.
        minimum_saving: a run moves only for at least this share, 0.02 for 2 %; None for
            what the forecast says of itself, else 2 %.

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
    minimum_saving: float | None = 0.0

    def __post_init__(self) -> None:
        check_positive(self.window, "window")
        check_positive(self.duration, "duration")
        _not_negative(self.minimum_wait, "minimum_wait")
        _not_negative(self.earlier, "earlier")
        _bound(self.latest_start, "latest_start")
        _bound(self.finish_by, "finish_by")
        if self.minimum_saving is not None:
            _share(self.minimum_saving, "minimum_saving")

    def is_local(self) -> bool:
        """Whether it has times of day, and no time zone of its own to tell them in."""
        limits = (self.latest_start, self.finish_by)
        by_clock = bool(self.not_between) or any(isinstance(each, time) for each in limits)
        return by_clock and self.time_zone is None

    def bind(
        self,
        due: datetime,
        time_zone: tzinfo | None = None,
        *,
        nominal_start: datetime | None = None,
        neighbours: Neighbours | None = None,
        budget: Budget | None = None,
    ) -> Request:
        """The request for a run that is due at ``due``.

        Args:
            due: when it is meant to start (aware); window and limits count from here.
            time_zone: of the run's schedule, for times of day where the policy names
                none; UTC by default.
            nominal_start: when it would start without us (aware), for a run that is
                later than due; savings count from here.
            neighbours: the runs of its schedule that it is to stay between.
            budget: what a wait in process is charged to.

        Raises:
            InvalidInputError: (a ValueError) a naive moment, or one out of the calendar.
        """
        due = to_utc(due, "due")
        nominal = due if nominal_start is None else to_utc(nominal_start, "nominal_start")
        request = self._alone(due, nominal, self.time_zone or time_zone or timezone.utc)
        if neighbours is not None:
            request = request.in_order(due, self.earlier, neighbours)
        return request if budget is None else request.within(budget)

    def _alone(self, due: datetime, nominal: datetime, zone: tzinfo) -> Request:
        """The request by what the policy says, whatever else bounds the run."""
        try:
            earliest = due - self.earlier
            window_end = due + self.window
            closed = self._closed(earliest, window_end, zone)
        except OverflowError:
            msg = f"a window of {self.window} from {due.isoformat()} never ends"
            raise InvalidInputError(msg) from None
        finish = self._finish_by_start(due, zone)
        ends = [window_end] if finish is None else [window_end, finish]
        if self.latest_start is not None:
            ends.append(moment_of(self.latest_start, due, zone))
        latest = min(ends)
        starts = allowed_starts(earliest, latest, self.duration, closed)
        known: dict[str, Any] = {
            "nominal_start": nominal,
            "duration": self.duration,
            "zone": self.zone,
            "minimum_saving": self.minimum_saving,
            "finish_by_start": finish,
        }
        if not starts:
            conflict = self._conflict(due, zone, latest < earliest)
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

    def _finish_by_start(self, due: datetime, zone: tzinfo) -> datetime | None:
        """The last start from which a run ends by its finish-by."""
        if self.finish_by is None:
            return None
        return moment_of(self.finish_by, due, zone) - self.duration

    def _conflict(self, due: datetime, zone: tzinfo, ends_early: bool) -> str:
        if ends_early and self.finish_by is not None:
            by = moment_of(self.finish_by, due, zone).astimezone(zone)
            return (
                f"a run of {self.duration} that has to end by {by:%Y-%m-%d %H:%M %Z} "
                "would have to start before its first allowed start"
            )
        kept = ", ".join(map(str, self.not_between))
        return f"no start in its window keeps {kept} free for a run of {self.duration}"
