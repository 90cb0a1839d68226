"""What is special about CarbonAware Scheduler."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from carbonaware_prefect.core import Interval
from carbonaware_prefect.errors import (
    NoForecastError,
)
from carbonaware_prefect.sources.services.carbonaware_scheduler import CarbonAwareScheduler
from tests.sources.contract.cases import (
    MIDNIGHT,
    case_of,
)
from tests.sources.contract.conftest import ONCE
from tests.sources.contract.server import Api, json_reply

HOUR = timedelta(hours=1)
DAY = Interval(MIDNIGHT, MIDNIGHT + 24 * HOUR)


PJM = {"US-MIDA-PJM": ("aws", "us-east-1")}


def test_the_scheduler_is_asked_for_every_start_of_a_short_job() -> None:
    """So that its slots are the values of the series behind it."""
    request = CarbonAwareScheduler(regions=PJM).build_request(
        "US-MIDA-PJM", Interval(MIDNIGHT, MIDNIGHT + 6 * HOUR)
    )
    assert str(request.url) == "https://scheduler.carbonaware.dev/v0/schedule/"
    assert json.loads(request.read()) == {
        "duration": "PT5M",
        "windows": [
            {"start": "2026-11-21T00:00:00+00:00", "end": "2026-11-21T05:55:00+00:00"}
        ],
        "zones": [{"provider": "aws", "region": "us-east-1"}],
        "num_options": 73,
    }


def test_the_schedulers_few_slots_are_a_forecast_with_gaps() -> None:
    """Three options are three intervals; what it left out is not made up."""
    case = case_of("carbonaware_scheduler")
    payload = case.payload([case.points()[i] for i in (1, 5, 9)], False)
    forecast = CarbonAwareScheduler(regions=PJM).parse(payload, case.zone, case.asked)
    assert len(forecast.stretches) == 3
    assert sum((span.duration for span, _ in forecast), timedelta()) == HOUR / 4


def test_the_scheduler_is_not_asked_for_the_past(api: Api) -> None:
    """It answers 422 to a window that began some minutes ago."""
    case = case_of("carbonaware_scheduler")
    api.answer = lambda _: json_reply(case.good())

    def source(now: datetime) -> CarbonAwareScheduler:
        return CarbonAwareScheduler(
            regions=PJM, now=lambda: now, base_url=api.url, budget=ONCE
        )

    forecast = source(MIDNIGHT + HOUR / 2).fetch(case.zone, case.asked)
    assert forecast.start == MIDNIGHT + HOUR / 2
    assert b'"start":"2026-11-21T00:30:00+00:00"' in api.asked[0].body.replace(b" ", b"")
    with pytest.raises(NoForecastError, match="ahead"):
        source(MIDNIGHT + 9 * HOUR).fetch(case.zone, case.asked)
