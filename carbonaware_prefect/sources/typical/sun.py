"""A modelled day of a grid without history: from the sun's position and the yearly mix.

Solar power displaces what burns. Where it makes a part of the energy and little else
varies, the grid is cleanest when the sun is highest. The model takes the rest of the mix
as even through the day: the intensity at a moment is ``1 - s * g / mean(g)`` of its
level, with the solar share ``s`` of the year's energy and ``g`` the sine of the sun's
height, zero at night. It knows no grams: its values are percent of that level.

The sun's height is from the usual short formulas (declination to 0.4 degrees, equation
of time to half a minute), good to a few minutes of time in the years 1900 to 2100.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from math import acos, asin, cos, fsum, pi, radians, sin, tau

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.core.basis import Basis
from carbonaware_prefect.sources.typical.days import HOUR, Kept, hours_of

__all__ = ["FEWEST_SOLAR", "MOST_WIND_AND_HYDRO", "SunDays", "sine_of_height"]

FEWEST_SOLAR = 0.02
"""Below this part of the year's energy, the sun sets no rhythm."""
MOST_WIND_AND_HYDRO = 0.20
"""Above this part, wind and water set another."""

_MINIMUM_SAVING = 0.04
_LARGEST_SHARE = 0.9
_SAMPLES = 4
_TILT = radians(23.44)
_J2000 = datetime(2000, 1, 1, 12, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True, kw_only=True)
class SunDays:
    """The modelled days of one zone, and what they rest on.

    Attributes:
        zone: grid zone key.
        time_zone: IANA name of the zone's clock.
        latitude, longitude: of its demand, in degrees (north, east).
        solar, wind, hydro: shares of the year's energy.
        year: of the mix.
        mix_of: whose mix it is: the zone's own, or its country's.
    """

    name = "typical (sun)"
    modelled = True
    source = "yearly mix by Our World in Data from Ember and the Energy Institute"
    licence = "CC BY 4.0"
    publisher = "Our World in Data"
    boundary = "modelled"
    built = ""
    held_out = ""
    minimum_saving = _MINIMUM_SAVING

    zone: str
    time_zone: str
    latitude: float
    longitude: float
    solar: float
    wind: float
    hydro: float
    year: int
    mix_of: str

    @property
    def trial(self) -> Mapping[int, Kept]:
        """Nothing is known of it on this zone: it has no history to try it on."""
        return {}

    @property
    def years(self) -> tuple[int, ...]:
        """The year of the mix."""
        return (self.year,)

    @property
    def fault(self) -> str | None:
        """Why noon is not clean enough here to say so; None where it is."""
        if self.solar < FEWEST_SOLAR:
            return f"the sun makes {self.solar:.1%} of its energy, less than 2 %"
        if self.wind + self.hydro > MOST_WIND_AND_HYDRO:
            share = self.wind + self.hydro
            return f"wind and water make {share:.0%} of its energy, more than 20 %"
        return None

    @property
    def credit(self) -> str:
        """Whom to credit for it, with year and licence."""
        return (
            f"modelled from the sun and the mix of {self.mix_of} in {self.year}: "
            f"{self.source.removeprefix('yearly mix by ')}, {self.licence}"
        )

    def at(self, local: datetime) -> float:
        """Percent of the zone's level in the hour that a moment (aware) lies in."""
        start = local.replace(minute=0, second=0, microsecond=0)
        return self._percent(start, start + HOUR)

    def forecast(self, interval: Interval) -> Forecast:
        """Hourly pieces that cover the interval, aligned outwards to whole local hours.

        Raises:
            NoForecastError: the interval touches the end of the calendar.
        """
        pieces = hours_of(self.zone, self.time_zone, interval)
        return Forecast.from_intervals(
            ((start, end, self._percent(start, end)) for start, end, _ in pieces),
            zone=self.zone,
            source=self.name,
            signal="average",
            basis=Basis(self.credit, self.minimum_saving, modelled=True),
        )

    def _percent(self, start: datetime, end: datetime) -> float:
        step = (end - start) / _SAMPLES
        moments = (start + (i + 0.5) * step for i in range(_SAMPLES))
        heights = (sine_of_height(at, self.latitude, self.longitude) for at in moments)
        mean = fsum(max(0.0, height) for height in heights) / _SAMPLES
        share = self.solar * mean / _yearly_mean(self.latitude)
        return round(100 * (1 - min(share, _LARGEST_SHARE)), 2)


def sine_of_height(moment: datetime, latitude: float, longitude: float) -> float:
    """Sine of the sun's height over the horizon; negative at night.

    Args:
        moment: aware.
        latitude: in degrees north.
        longitude: in degrees east.
    """
    days = (moment - _J2000) / timedelta(days=1)
    declination, equation = _sun(days)
    hour_angle = tau * (days + longitude / 360) + equation
    here = radians(latitude)
    return sin(here) * sin(declination) + cos(here) * cos(declination) * cos(hour_angle)


def _sun(days: float) -> tuple[float, float]:
    """Declination and equation of time, both in radians, ``days`` after J2000."""
    mean = radians(280.46 + 0.9856474 * days)
    anomaly = radians(357.528 + 0.9856003 * days)
    longitude = mean + radians(1.915 * sin(anomaly) + 0.02 * sin(2 * anomaly))
    declination = asin(sin(_TILT) * sin(longitude))
    equation = radians(-1.915 * sin(anomaly) - 0.02 * sin(2 * anomaly)) + radians(
        2.466 * sin(2 * longitude) - 0.053 * sin(4 * longitude)
    )
    return declination, equation


@lru_cache(maxsize=64)
def _yearly_mean(latitude: float) -> float:
    """Mean of the sine of the sun's height over a year, with the night as zero."""
    return fsum(_daily_mean(radians(latitude), day) for day in range(365)) / 365


def _daily_mean(latitude: float, day: float) -> float:
    declination, _ = _sun(day)
    sines = sin(latitude) * sin(declination)
    cosines = cos(latitude) * cos(declination)
    # From sunrise to noon, in radians of the day; all of it under the midnight sun.
    half = acos(max(-1.0, min(1.0, -sines / cosines)))
    return (half * sines + cosines * sin(half)) / pi
