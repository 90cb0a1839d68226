"""What is special about Energy-Charts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.errors import (
    NoForecastError,
)
from carbonaware_prefect.sources.services.energy_charts import EnergyCharts
from tests.sources.contract.cases import (
    MIDNIGHT,
    case_of,
    energy_charts,
)

HOUR = timedelta(hours=1)
DAY = Interval(MIDNIGHT, MIDNIGHT + 24 * HOUR)


def numbers(forecast: Forecast) -> list[float]:
    """The values alone."""
    return [value for _, value in forecast]


def test_energy_charts_prefers_the_measured_value() -> None:
    """The forecast takes over where measuring ends; arrays may be short."""
    payload = energy_charts(case_of("energy_charts").points(4), False)
    assert isinstance(payload, dict)
    payload |= {"co2eq": [300.5, 301], "co2eq_forecast": [1, 2, 302, None]}
    assert numbers(EnergyCharts().parse(payload, "DE", DAY)) == [300.5, 301, 302]


def test_energy_charts_writes_zero_for_unknown() -> None:
    """A zero is a gap there, and never the cleanest slot."""
    payload = energy_charts([(MIDNIGHT, 0), (MIDNIGHT + HOUR, 250)], False)
    assert numbers(EnergyCharts().parse(payload, "DE", DAY)) == [250]


def test_energy_charts_derives_the_step_from_the_times() -> None:
    """An hour in some countries; the last point lasts as long as the others."""
    points = [(MIDNIGHT + i * HOUR, 100 + i) for i in range(3)]
    forecast = EnergyCharts().parse(energy_charts(points, False), "FR", DAY)
    assert forecast.end == MIDNIGHT + 3 * HOUR


def test_a_wide_hole_does_not_make_a_wide_step() -> None:
    """Each second hour missing: what is left lasts an hour each."""
    points = [(MIDNIGHT + 2 * i * HOUR, 100 + i) for i in range(3)]
    forecast = EnergyCharts().parse(energy_charts(points, False), "FR", DAY)
    assert len(forecast.stretches) == 3
    assert forecast.end == MIDNIGHT + 5 * HOUR


def test_of_two_resolutions_the_finer_counts() -> None:
    """The coarser part gets gaps; nothing is stretched."""
    quarters = [(MIDNIGHT + i * HOUR / 4, 100 + i) for i in range(4)]
    hours = [(MIDNIGHT + i * HOUR, 200 + i) for i in (1, 2)]
    payload = energy_charts([*quarters, *hours], False)
    forecast = EnergyCharts().parse(payload, "DE", DAY)
    assert [run.edges[-1] - run.edges[0] for run in forecast.stretches] == [
        75 * 60 * 10**6,
        15 * 60 * 10**6,
    ]


@pytest.mark.parametrize("zone", ["SE-SE3", "GB", "US-CAL-CISO", "de"])
def test_energy_charts_knows_whole_countries_only(zone: str) -> None:
    """A bidding zone is not answered with its country."""
    with pytest.raises(NoForecastError, match="countries"):
        EnergyCharts().build_request(zone, DAY)
