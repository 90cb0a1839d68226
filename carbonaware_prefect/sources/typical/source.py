"""The source `typical`: forecasts from typical days."""

from __future__ import annotations

from datetime import timedelta

from carbonaware_prefect.core import Forecast, Interval, Signal
from carbonaware_prefect.errors import NoForecastError
from carbonaware_prefect.sources.base import SourceInfo
from carbonaware_prefect.sources.typical.tables import Days, TypicalTables

__all__ = ["TypicalSource", "days_of", "describe", "known_zones"]

_SHIPPED = TypicalTables()
_WITHOUT = ("EIA, CarbonCast, Ember", "MIT, Apache-2.0, CC BY 4.0")
_WITH_ODBL = (f"Electricity Maps, {_WITHOUT[0]}", f"ODbL 1.0, {_WITHOUT[1]}")
_URLS = {
    "CarbonCast": "https://github.com/aamyli/CarbonCast",
    "Electricity Maps": "https://www.electricitymaps.com",
    "Our World in Data": "https://ourworldindata.org/energy",
    "US Energy Information Administration": "https://www.eia.gov/electricity/gridmonitor",
}


def known_zones(tables: TypicalTables = _SHIPPED) -> tuple[str, ...]:
    """The zones that have typical days, with the parts of those zones, sorted."""
    return tables.zones()


def days_of(zone: str | None, tables: TypicalTables = _SHIPPED) -> Days | None:
    """What a zone goes by, or None; a part of Sweden may go by Sweden's."""
    return tables.days_of(zone)


def describe(zone: str | None = None, tables: TypicalTables = _SHIPPED) -> SourceInfo:
    """What typical days know, and whom to credit: for one zone's table, or for all."""
    days = tables.days_of(zone)
    known = tables.zones()
    whom, licence = _WITH_ODBL if tables.odbl else _WITHOUT
    return SourceInfo(
        name=TypicalSource.name,
        title="Typical days"
        if days is None or not days.modelled
        else "Modelled days (sun)",
        signal=TypicalSource.signal,
        zones=frozenset(known),
        coverage=f"{len(known)} zones, see `carbonaware-prefect typical show`",
        resolution=timedelta(hours=1),
        horizon=None,
        attribution=days.source if days else whom,
        licence=days.licence if days else f"{licence}, by zone",
        url=_URLS.get(days.publisher.split(" and ")[0], "") if days else "",
    )


class TypicalSource:
    """Forecasts from typical days; see docs/typical.md for what they are worth.

    Args:
        tables: which typical days there are; those of the package by default.

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

    def __init__(self, tables: TypicalTables = _SHIPPED) -> None:
        self._tables = tables

    def fetch(self, zone: str | None, interval: Interval) -> Forecast:
        """Typical intensity of ``zone`` over ``interval``, in whole local hours.

        Raises:
            NoForecastError: no zone given, or none that has typical days.
            ForecastFileError: (a ValueError) the user's own table is broken.
        """
        days = self._tables.days_of(zone)
        if days is None:
            asked = "no zone was given"
            if zone is not None:
                asked = f"zone {zone!r} has none, since {self._tables.why_not(zone)}"
            msg = (
                f"no typical days: {asked}; `carbonaware-prefect typical show` lists the "
                "zones that have some. Name another source, e.g. source='file:PATH', or "
                "learn your own from a history: `carbonaware-prefect typical learn`"
            )
            raise NoForecastError(msg)
        return days.forecast(interval)
