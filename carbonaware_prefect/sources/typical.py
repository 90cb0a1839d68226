"""Typical days of known grids: the embedded default source, without network or key.

For each zone the table holds the mean intensity by month, day type (weekday, weekend) and
local hour, learnt from public years (see ``typical.json`` for the source, licence and
years of each; ``scripts/build_typical.py`` derives it). It knows the daily rhythm and no
weather: good on solar grids, poor where wind or water decides. Its grams are a level of
those years, fit to compare hours of one zone, not zones with one another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

from carbonaware_prefect.core import Forecast, Interval, Signal
from carbonaware_prefect.errors import NoForecastError
from carbonaware_prefect.sources.base import SourceInfo

__all__ = ["TypicalDays", "TypicalSource", "days_of", "describe", "known_zones"]

_HOUR = timedelta(hours=1)
_SATURDAY = 5

# The traces know Sweden as a whole; its four price areas share one mix closely enough.
_PART_OF = {f"SE-SE{i}": "SE" for i in range(1, 5)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TypicalDays:
    """The table of one zone, and where it comes from.

    Attributes:
        zone: grid zone key.
        time_zone: IANA name of the zone that the hours are local to.
        source: who published the data.
        licence: of the data.
        years: the calendar years it was learnt from.
        boundary: ``lifecycle`` or ``operational``, of the emission factors.
        hours: how many hourly values went in.
        grams: gCO2eq/kWh by month (0 is January), day type (0 weekday, 1 weekend), hour.
    """

    zone: str
    time_zone: str
    source: str
    licence: str
    years: tuple[int, ...]
    boundary: str
    hours: int
    grams: tuple[tuple[tuple[float, ...], ...], ...]

    def at(self, local: datetime) -> float:
        """gCO2eq/kWh at a moment, which must be told in the table's time zone."""
        return self.grams[local.month - 1][local.weekday() >= _SATURDAY][local.hour]

    def forecast(self, interval: Interval) -> Forecast:
        """Hourly pieces that cover the interval, aligned outwards to whole local hours.

        Raises:
            NoForecastError: the interval touches the end of the calendar.
        """
        try:
            pieces = list(self._pieces(interval))
        except OverflowError:
            msg = (
                f"no typical days of {self.zone} for {interval.start.isoformat()} to "
                f"{interval.end.isoformat()}: outside the calendar; ask for other years"
            )
            raise NoForecastError(msg) from None
        return Forecast.from_intervals(
            pieces, zone=self.zone, source=TypicalSource.name, signal=TypicalSource.signal
        )

    def _pieces(self, interval: Interval) -> Iterator[tuple[datetime, datetime, float]]:
        # The walk is in UTC, each step is looked up in local time: a day of 23 or 25 hours
        # then needs no rule of its own.
        zone = ZoneInfo(self.time_zone)
        start = interval.start - _past_the_hour(interval.start.astimezone(zone))
        while start < interval.end:
            at = start.astimezone(zone)
            # An offset may change by half an hour, so the next whole hour is looked up too.
            end = start + (_HOUR - _past_the_hour(at))
            yield start, end, self.at(at)
            start = end


def _past_the_hour(local: datetime) -> timedelta:
    return timedelta(
        minutes=local.minute, seconds=local.second, microseconds=local.microsecond
    )


@lru_cache(maxsize=1)
def _tables() -> Mapping[str, TypicalDays]:
    """The embedded tables by zone, read once."""
    file = resources.files("carbonaware_prefect.sources").joinpath("typical.json")
    zones = json.loads(file.read_text(encoding="utf-8"))["zones"]
    return {
        zone: TypicalDays(
            zone=zone,
            time_zone=table["time_zone"],
            source=table["source"],
            licence=table["licence"],
            years=tuple(table["years"]),
            boundary=table["boundary"],
            hours=table["hours"],
            grams=tuple(tuple(map(tuple, month)) for month in table["grams"]),
        )
        for zone, table in zones.items()
    }


def known_zones() -> tuple[str, ...]:
    """The zones that have typical days, with the parts of those zones, sorted."""
    return tuple(sorted({*_tables(), *_PART_OF}))


def days_of(zone: str | None) -> TypicalDays | None:
    """The table that a zone goes by, or None; a part of Sweden goes by Sweden's."""
    return _tables().get(_PART_OF.get(zone or "", zone or ""))


def describe(zone: str | None = None) -> SourceInfo:
    """What typical days know, and whom to credit: for one zone's table, or for all."""
    table = days_of(zone)
    used = _tables().values() if table is None else [table]
    return SourceInfo(
        name=TypicalSource.name,
        title="Typical days",
        signal=TypicalSource.signal,
        zones=frozenset(known_zones()),
        coverage=f"the grids in its table: {', '.join(known_zones())}",
        resolution=_HOUR,
        horizon=None,
        attribution="; ".join(sorted({table.source for table in used})),
        licence="; ".join(sorted({table.licence for table in used})),
        url="https://github.com/aamyli/CarbonCast",
    )


class TypicalSource:
    """Forecasts from typical days; see the module for what they are worth.

    Example:
        >>> from datetime import datetime, timedelta, timezone
        >>> noon = datetime(2026, 4, 15, 10, tzinfo=timezone.utc)
        >>> asked = Interval(noon, noon + timedelta(hours=2))
        >>> forecast = TypicalSource().fetch("DE", asked)
        >>> len(forecast), forecast.source
        (2, 'typical')
    """

    name = "typical"
    signal: Signal = "average"
    needs_zone = True

    def fetch(self, zone: str | None, interval: Interval) -> Forecast:
        """Typical intensity of ``zone`` over ``interval``, in whole local hours.

        Raises:
            NoForecastError: no zone given, or none that has typical days.
        """
        table = days_of(zone)
        if table is None:
            asked = "no zone was given" if zone is None else f"zone {zone!r} has none"
            msg = (
                f"no typical days: {asked}. Known are {', '.join(known_zones())}; "
                "give one of these, or another source, e.g. source='file:PATH'"
            )
            raise NoForecastError(msg)
        # The forecast answers for the zone that was asked, e.g. a part of Sweden.
        return replace(table, zone=zone or table.zone).forecast(interval)
