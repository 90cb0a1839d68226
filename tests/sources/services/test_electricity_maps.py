"""What is special about Electricity Maps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import SecretStr

from carbonaware_prefect.core import Interval
from carbonaware_prefect.errors import (
    InvalidSettingError,
    SourceRateLimitedError,
    SourceRefusedError,
)
from carbonaware_prefect.sources.services.electricity_maps import ElectricityMaps
from tests.sources.contract.cases import (
    MIDNIGHT,
    case_of,
)
from tests.sources.contract.conftest import ONCE
from tests.sources.contract.server import Api, json_reply

HOUR = timedelta(hours=1)
DAY = Interval(MIDNIGHT, MIDNIGHT + 24 * HOUR)


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_electricity_maps_is_told_not_to_guess_the_place(version: str) -> None:
    """In both versions, with horizon, factors and, if wished, granularity."""
    source = ElectricityMaps(
        SecretStr("k"),
        version=version,  # type: ignore[arg-type]
        horizon_hours=24,
        granularity="15_minutes",
        emission_factors="direct",
    )
    url = source.build_request("US-CAL-CISO", DAY).url
    assert url.path == f"/{version}/carbon-intensity/forecast"
    assert dict(url.params) == {
        "zone": "US-CAL-CISO",
        "horizonHours": "24",
        "emissionFactorType": "direct",
        "shouldUseFallbackCallerLookup": "false",
        "temporalGranularity": "15_minutes",
    }


def test_electricity_maps_refuses_settings_it_cannot_have() -> None:
    """Version and horizon are among those the API has."""
    with pytest.raises(InvalidSettingError, match="v3 or v4"):
        ElectricityMaps(SecretStr("k"), version="v5")  # type: ignore[arg-type]
    with pytest.raises(InvalidSettingError, match="horizon_hours"):
        ElectricityMaps(SecretStr("k"), horizon_hours=12)


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("", "KEY_VARIABLE is empty"),
        ("  \n", "KEY_VARIABLE is empty"),
        ("se\ncret", "characters"),
        ("sécret", "characters"),
    ],
)
def test_a_key_that_cannot_be_one_is_refused_before_it_leaves(
    api: Api, key: str, what: str
) -> None:
    """The HTTP library would quote it in its own error."""
    source = ElectricityMaps(
        SecretStr(key), credential_origin="KEY_VARIABLE", base_url=api.url, budget=ONCE
    )
    with pytest.raises(SourceRefusedError, match=what) as caught:
        source.fetch("DE", DAY)
    assert "cret" not in repr(caught.value)
    assert api.asked == []


def test_a_key_with_a_line_break_at_its_end_is_used_without(api: Api) -> None:
    """Keys read from files have one."""
    case = case_of("electricity_maps_v3")
    api.answer = lambda _: json_reply(case.good())
    source = ElectricityMaps(SecretStr("k-1\n"), base_url=api.url, budget=ONCE)
    source.fetch("DE", DAY)
    assert api.asked[0].headers["auth-token"] == "k-1"


def test_a_key_that_worked_is_rate_limited_and_not_refused(api: Api) -> None:
    """Electricity Maps answers 401 to those who ask too often."""
    case = case_of("electricity_maps_v4")
    source = case.make(api.url, ONCE)
    api.answer = lambda _: json_reply({"error": "Invalid auth-token"}, 401)
    with pytest.raises(SourceRefusedError, match="asked too often"):
        source.fetch("DE", case.asked)
    api.answer = lambda _: json_reply(case.good())
    source.fetch("DE", case.asked)
    api.answer = lambda _: json_reply({"error": "Invalid auth-token"}, 401)
    with pytest.raises(SourceRateLimitedError, match="CARBONAWARE_TEST_KEY"):
        source.fetch("DE", case.asked)
    with pytest.raises(SourceRefusedError):
        source.fetch("FR", case.asked)
