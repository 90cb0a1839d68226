"""Typical days of one grid: the mean intensity by month, day type and local hour.

They know the daily rhythm and no weather: good on solar grids, poor where wind or water
decides. Their grams are a level of the years that they were learnt from, fit to compare
hours of one zone, not zones with one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.core.basis import Basis
from carbonaware_prefect.errors import NoForecastError

__all__ = ["HOUR", "Kept", "TypicalDays", "hours_of", "pieces_of"]

HOUR = timedelta(hours=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Kept:
    """What a table kept in a back-test, for one window.

    Attributes:
        possible: saving with perfect foresight, as part of starting at once.
        kept: share of that which the table kept.
        worse: share of jobs that did worse than at once.
    """

    possible: float
    kept: float
    worse: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TypicalDays:
    """The table of one zone, and where it comes from.

    Attributes:
        zone: grid zone key.
        time_zone: IANA name of the zone that the hours are local to.
        source: who published the data, and where this copy is from.
        publisher: the first part of that, short enough for a sentence.
        licence: of the data.
        years: the calendar years it was learnt from; the newest counts most.
        boundary: ``lifecycle`` or ``operational``, of the emission factors.
        hours: how many hourly values went in.
        grams: gCO2eq/kWh by month (0 is January), day type (0 weekday, 1 weekend), hour.
        built: the date it was made, in ISO 8601.
        minimum_saving: the least expected saving that is worth a move; None where
            nobody measured it.
        held_out: which hours it was tried on, in words.
        trial: what it kept there, by the window in hours.
    """

    name = "typical"
    modelled = False

    zone: str
    time_zone: str
    source: str
    licence: str
    years: tuple[int, ...]
    boundary: str
    hours: int
    grams: tuple[tuple[tuple[float, ...], ...], ...]
    publisher: str = ""
    built: str = ""
    minimum_saving: float | None = None
    held_out: str = ""
    trial: Mapping[int, Kept] = field(default_factory=dict)

    @property
    def credit(self) -> str:
        """Whom to credit for it, with years and licence."""
        years = "-".join(str(year) for year in sorted({min(self.years), max(self.years)}))
        return f"typical days of {years}: {self.publisher or self.source}, {self.licence}"

    def at(self, local: datetime) -> float:
        """gCO2eq/kWh at a moment, which must be told in the table's time zone."""
        return self.grams[local.month - 1][local.weekday() >= _SATURDAY][local.hour]

    def forecast(self, interval: Interval) -> Forecast:
        """Hourly pieces that cover the interval, aligned outwards to whole local hours.

        Raises:
            NoForecastError: the interval touches the end of the calendar.
        """
        basis = Basis(self.credit, self.minimum_saving)
        pieces = hours_of(self.zone, self.time_zone, interval)
        return Forecast.from_intervals(
            ((start, end, self.at(local)) for start, end, local in pieces),
            zone=self.zone,
            source=self.name,
            signal="average",
            basis=basis,
        )


def hours_of(
    zone: str, time_zone: str, interval: Interval
) -> list[tuple[datetime, datetime, datetime]]:
    """The local hours that an interval touches: start, end (UTC) and start (local).

    Raises:
        NoForecastError: the interval touches the end of the calendar.
    """
    local_zone = ZoneInfo(time_zone)
    try:
        first = interval.start - _past_the_hour(interval.start.astimezone(local_zone))
        return list(pieces_of(first, interval.end, local_zone))
    except OverflowError:
        msg = (
            f"no typical days of {zone} for {interval.start.isoformat()} to "
            f"{interval.end.isoformat()}: outside the calendar; ask for other years"
        )
        raise NoForecastError(msg) from None


def pieces_of(
    start: datetime, end: datetime, local_zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime, datetime]]:
    """What lies from ``start`` up to the first hour's turn past ``end``, cut by the hour.

    Each piece is its start and end in UTC, and its start by the local clock.
    """
    # The walk is in UTC, each step is looked up in local time: a day of 23 or 25 hours
    # then needs no rule of its own.
    while start < end:
        local = start.astimezone(local_zone)
        # An offset may change by half an hour, so the next whole hour is looked up too.
        turn = start + (HOUR - _past_the_hour(local))
        yield start, turn, local
        start = turn


def _past_the_hour(local: datetime) -> timedelta:
    return timedelta(
        minutes=local.minute, seconds=local.second, microseconds=local.microsecond
    )
