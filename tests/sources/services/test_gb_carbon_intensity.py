"""What is special about GB Carbon Intensity."""

from __future__ import annotations

from datetime import timedelta

import pytest

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.errors import (
    NoForecastError,
)
from carbonaware_prefect.sources.services.gb_carbon_intensity import GbCarbonIntensity
from tests.sources.contract.cases import (
    MIDNIGHT,
    case_of,
)

HOUR = timedelta(hours=1)
DAY = Interval(MIDNIGHT, MIDNIGHT + 24 * HOUR)


def numbers(forecast: Forecast) -> list[float]:
    """The values alone."""
    return [value for _, value in forecast]


def test_gb_asks_for_the_interval_to_the_minute() -> None:
    """From the minute it starts in to the minute after it ends, 14 days at most."""
    source = GbCarbonIntensity()
    asked = Interval(MIDNIGHT + timedelta(seconds=90), MIDNIGHT + 2 * HOUR)
    assert str(source.build_request("GB", asked).url) == (
        "https://api.carbonintensity.org.uk/intensity/2026-11-21T00:01Z/2026-11-21T02:01Z"
    )
    year = Interval(MIDNIGHT, MIDNIGHT + timedelta(days=365))
    assert str(source.build_request("GB-7", year).url).endswith(
        "/regional/intensity/2026-11-21T00:00Z/2026-12-05T00:00Z/regionid/7"
    )


@pytest.mark.parametrize("zone", ["GB-0", "GB-18", "GB-013", "GB-NIR", "UK", "gb"])
def test_gb_knows_its_seventeen_regions_only(zone: str) -> None:
    """Northern Ireland is not Great Britain."""
    with pytest.raises(NoForecastError, match="GB-1 to GB-17"):
        GbCarbonIntensity().build_request(zone, DAY)


@pytest.mark.parametrize("payload", [{}, {"data": []}])
def test_gb_says_nothing_during_outages(payload: object) -> None:
    """An empty object under status 200 is no forecast."""
    with pytest.raises(NoForecastError):
        GbCarbonIntensity().parse(payload, "GB", DAY)


def test_gb_reads_both_regional_shapes() -> None:
    """The region comes as an object, or as a list of one."""
    case = case_of("gb_regional")
    payload = case.good()
    assert isinstance(payload, dict)
    source = GbCarbonIntensity()
    assert source.parse(payload, "GB-13", case.asked) == source.parse(
        {"data": [payload["data"]]}, "GB-13", case.asked
    )


def test_gb_reads_the_forecast_where_a_measured_value_is_known() -> None:
    """One kind of number throughout."""
    row = {
        "from": "2026-11-21T00:00Z",
        "to": "2026-11-21T00:30Z",
        "intensity": {"forecast": 211, "actual": 206, "index": "high"},
    }
    assert numbers(GbCarbonIntensity().parse({"data": [row]}, "GB", DAY)) == [211]
