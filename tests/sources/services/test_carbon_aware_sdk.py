"""What is special about Carbon Aware SDK."""

from __future__ import annotations

from datetime import timedelta

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.sources.services.carbon_aware_sdk import CarbonAwareSdk
from tests.sources.contract.cases import (
    MIDNIGHT,
    carbon_aware_sdk,
    case_of,
)

HOUR = timedelta(hours=1)
DAY = Interval(MIDNIGHT, MIDNIGHT + 24 * HOUR)


def numbers(forecast: Forecast) -> list[float]:
    """The values alone."""
    return [value for _, value in forecast]


def test_the_sdk_is_asked_for_all_it_has() -> None:
    """Bounds outside its forecast would be answered with 400."""
    source = CarbonAwareSdk("http://sdk.internal/base/", signal="marginal")
    assert str(source.build_request("eastus", DAY).url) == (
        "http://sdk.internal/base/emissions/forecasts/current?location=eastus"
    )
    assert source.signal == source.info.signal == "marginal"


def test_the_sdk_writes_minus_one_for_null() -> None:
    """It is a gap in an average signal."""
    points = [(MIDNIGHT, 100), (MIDNIGHT + HOUR / 12, -1)]
    source = CarbonAwareSdk("http://sdk", signal="average")
    assert numbers(source.parse(carbon_aware_sdk(points, False), "eastus", DAY)) == [100]


def test_the_sdk_may_answer_with_either_case_and_shape_of_the_optimum() -> None:
    """Locations are compared without case; the optimum is not read."""
    case = case_of("carbon_aware_sdk")
    payload = case.good()
    assert isinstance(payload, list)
    payload[0]["location"] = "EastUS"
    payload[0]["optimalDataPoint"] = payload[0].pop("optimalDataPoints")[0]
    source = CarbonAwareSdk("http://sdk", signal="average")
    assert len(source.parse(payload, "eastus", case.asked)) == 12
