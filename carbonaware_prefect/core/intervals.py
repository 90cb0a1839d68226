"""Half-open intervals of time, aware and stored in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from carbonaware_prefect.errors import InvalidInputError

__all__ = [
    "Interval",
    "far_from_the_ends",
    "from_microseconds",
    "to_length",
    "to_microseconds",
    "to_utc",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


def to_utc(moment: object, name: str) -> datetime:
    """``moment`` in UTC; raise `InvalidInputError` naming ``name`` unless it is aware.

    Every datetime passes here on its way in. Arithmetic between two datetimes that
    share a time zone ignores daylight saving in Python, so nothing inside the package
    keeps any zone but UTC.
    """
    # Most come from inside of the package; the checks below take five times as long.
    if type(moment) is datetime and moment.tzinfo is timezone.utc:
        return moment
    if not isinstance(moment, datetime):
        msg = f"{name} must be an aware datetime, got {moment!r}"
        raise InvalidInputError(msg)
    if moment.tzinfo is None or moment.utcoffset() is None:
        msg = (
            f"{name} is naive: {moment.isoformat()} names no time zone. "
            "Give an aware datetime, e.g. with tzinfo=timezone.utc"
        )
        raise InvalidInputError(msg)
    try:
        utc = moment.astimezone(timezone.utc)
    except OverflowError:
        msg = f"{name} is out of range in UTC: {moment.isoformat()}"
        raise InvalidInputError(msg) from None
    if type(utc) is datetime:
        return utc
    # Other libraries' datetimes (pendulum's, pandas') have an arithmetic of their own.
    return datetime.combine(utc.date(), utc.time(), timezone.utc)


def far_from_the_ends(utc: datetime) -> bool:
    """Whether a moment is such that no window or duration leads out of the calendar."""
    return 1970 <= utc.year < 9000  # noqa: PLR2004  centuries from both ends


def to_microseconds(span: datetime | timedelta) -> int:
    """Exact integer microseconds: of a timedelta, or of a UTC datetime since 1970."""
    if isinstance(span, datetime):
        span = span - _EPOCH
    return span // _MICROSECOND


def to_length(duration: object) -> int:
    """Exact integer microseconds of a duration; raise unless it is a positive one."""
    if not isinstance(duration, timedelta):
        msg = f"duration must be a timedelta, got {duration!r}"
        raise InvalidInputError(msg)
    if duration <= timedelta(0):
        msg = f"duration must be positive, got {duration!r}"
        raise InvalidInputError(msg)
    return to_microseconds(duration)


def from_microseconds(microseconds: int) -> datetime:
    """The UTC datetime that lies ``microseconds`` after 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


@dataclass(frozen=True, slots=True)
class Interval:
    """The moments from ``start`` (included) to ``end`` (excluded), in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", to_utc(self.start, "interval start"))
        object.__setattr__(self, "end", to_utc(self.end, "interval end"))
        if self.end <= self.start:
            msg = (
                f"an interval must end after it starts, got {self.start.isoformat()} "
                f"to {self.end.isoformat()}"
            )
            raise InvalidInputError(msg)

    @property
    def duration(self) -> timedelta:
        """How long it lasts."""
        return self.end - self.start

    def __contains__(self, moment: object) -> bool:
        return (
            isinstance(moment, datetime)
            and self.start <= to_utc(moment, "moment") < self.end
        )

    def covers(self, other: Interval) -> bool:
        """Whether ``other`` lies wholly inside."""
        return self.start <= other.start and other.end <= self.end
