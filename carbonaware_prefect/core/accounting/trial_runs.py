"""The runs of a back-test: the due times of a schedule, each bound to the policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone, tzinfo

from carbonaware_prefect.core.accounting.measured import Piece
from carbonaware_prefect.core.hours import (
    Hours,
    OfficeHours,
    allowed_starts,
    closed_intervals,
)
from carbonaware_prefect.core.intervals import (
    Interval,
    from_microseconds,
    to_microseconds,
    to_utc,
)
from carbonaware_prefect.core.policy import Policy
from carbonaware_prefect.core.request import Neighbours, Request
from carbonaware_prefect.core.starts import StartRange

__all__ = ["TrialPolicy", "TrialRun"]


@dataclass(frozen=True, slots=True)
class TrialRun:
    """One run that could have been moved.

    Attributes:
        due: when it starts without us (UTC).
        decided_at: when its start is decided (UTC): at its first allowed start.
        duration: of the work.
        at_once: the run from its due time.
        request: what the policy allows it.
        starts: the allowed ones from ``decided_at`` on.
        kept_free: hours of every day that it keeps free.
        time_zone: that they are told in.
        allowed: all the time that it may take, from the first allowed start to the end of
            a run from the last one, those hours included.
    """

    due: datetime
    decided_at: datetime
    duration: timedelta
    at_once: Piece
    request: Request
    starts: Sequence[StartRange]
    kept_free: tuple[Hours, ...]
    time_zone: tzinfo
    allowed: Piece

    @property
    def judged_by(self) -> Piece:
        """What has to be known to say what was best for it, and what it saved."""
        start, end = self.at_once
        return min(start, self.allowed[0]), max(end, self.allowed[1])

    def open_time(self) -> list[Piece]:
        """What the hours that it keeps free leave of the time that it may take."""
        if not self.kept_free:
            return [self.allowed]
        low, high = map(from_microseconds, self.allowed)
        closed = closed_intervals(self.kept_free, Interval(low, high), self.time_zone)
        return [
            (to_microseconds(start), to_microseconds(end))
            for start, end in allowed_starts(low, high, timedelta(0), closed)
            if start < end
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPolicy:
    """A policy, and what a back-test alone can say.

    Attributes:
        policy: as a run has it; its duration is replaced by each of ``durations``.
        time_zone: of the schedule.
        durations: one run of each at every due time; None for the policy's own.
        done_by: office hours in which, at the latest, the run has to have ended: the
            first ones from the moment on at which it would end if it started at its due
            time. None for the policy's own finish-by. Whoever gives these and no window
            leaves ``windowed`` false: then they alone bound the wait.
        windowed: whether the policy's window bounds the start too.
        in_order: whether runs stay between their neighbours in the schedule.
    """

    policy: Policy
    time_zone: tzinfo = timezone.utc
    durations: tuple[timedelta, ...] | None = None
    done_by: OfficeHours | None = None
    windowed: bool = True
    in_order: bool = False

    def runs(self, dues: Sequence[datetime]) -> Iterator[TrialRun]:
        """One run of each duration at each due time, by duration, in order of time.

        Args:
            dues: aware, in order of time.

        Raises:
            InvalidInputError: (a ValueError) naive due times, some out of the calendar.
        """
        moments = [to_utc(due, "due") for due in dues]
        for duration in self.durations or (self.policy.duration,):
            policy = replace(self.policy, duration=duration)
            for i, due in enumerate(moments):
                around = None
                if self.in_order:
                    around = Neighbours(
                        previous=moments[i - 1] if i else None,
                        following=moments[i + 1] if i + 1 < len(moments) else None,
                    )
                yield self._run(policy, due, around)

    def _run(self, policy: Policy, due: datetime, around: Neighbours | None) -> TrialRun:
        policy = self._with_deadline(policy, due)
        request = policy.bind(due, self.time_zone, neighbours=around)
        # Work that may be interrupted needs no single start that keeps all hours free.
        widest = request
        if policy.not_between:
            bare = replace(policy, not_between=())
            widest = bare.bind(due, self.time_zone, neighbours=around)
        end = widest.latest_start + policy.duration
        decided_at = due - policy.earlier
        return TrialRun(
            due=due,
            decided_at=decided_at,
            duration=policy.duration,
            at_once=(to_microseconds(due), to_microseconds(due + policy.duration)),
            request=request,
            starts=[
                (to_microseconds(first), to_microseconds(last))
                for first, last in request.starts_from(decided_at)
            ],
            kept_free=policy.not_between,
            time_zone=policy.time_zone or self.time_zone,
            allowed=(to_microseconds(widest.earliest), to_microseconds(end)),
        )

    def _with_deadline(self, policy: Policy, due: datetime) -> Policy:
        """The policy with what ``done_by`` comes to for one run."""
        if self.done_by is None:
            return policy
        zone = policy.time_zone or self.time_zone
        by = self.done_by.next_open(due + policy.duration, zone) - due
        return replace(policy, finish_by=by, window=policy.window if self.windowed else by)
