"""What is special about WattTime."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.errors import (
    InvalidSettingError,
    NoForecastError,
    SourceMalformedError,
    SourceRefusedError,
)
from carbonaware_prefect.sources.http.exchange import FetchBudget
from carbonaware_prefect.sources.services.watttime import WattTime
from tests.sources.contract.cases import (
    MIDNIGHT,
    TOKEN,
    case_of,
    watttime,
)
from tests.sources.contract.conftest import ONCE
from tests.sources.contract.server import Api, Asked, Reply, json_reply

HOUR = timedelta(hours=1)
DAY = Interval(MIDNIGHT, MIDNIGHT + 24 * HOUR)


def sign_in(payload: object, *, tokens: list[str]) -> Callable[[Asked], Reply]:
    """An API that takes only the token it gave last."""
    given: list[str] = []

    def answer(asked: Asked) -> Reply:
        if asked.path == "/login":
            given.append(tokens.pop(0))
            return json_reply({"token": given[-1]})
        if asked.headers.get("Authorization") != f"Bearer {given[-1] if given else ''}":
            return json_reply({"detail": "expired"}, 401)
        return json_reply(payload)

    return answer


def test_watttime_logs_in_once_for_many_questions(api: Api) -> None:
    """The token is kept while it is young."""
    case = case_of("watttime")
    api.answer = sign_in(case.good(), tokens=["t1"])
    source = case.make(api.url, ONCE)
    for _ in range(3):
        source.fetch(case.zone, case.asked)
    assert [urlsplit(asked.path).path for asked in api.asked] == [
        "/login",
        *["/v3/forecast"] * 3,
    ]


def test_watttime_logs_in_once_for_many_threads(api: Api) -> None:
    """Those that come while one logs in wait for its token."""
    case = case_of("watttime")
    api.answer = sign_in(case.good(), tokens=["t1", "t2", "t3", "t4"])
    source = case.make(api.url, FetchBudget())
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: source.fetch(case.zone, case.asked), range(4)))
    assert [asked.path for asked in api.asked].count("/login") == 1


def test_watttime_logs_in_again_when_the_token_is_refused(api: Api) -> None:
    """Once, and with the question repeated."""
    case = case_of("watttime")
    source = case.make(api.url, ONCE)
    api.answer = sign_in(case.good(), tokens=["t1"])
    source.fetch(case.zone, case.asked)
    api.answer = sign_in(case.good(), tokens=["t2"])
    assert isinstance(source.fetch(case.zone, case.asked), Forecast)
    assert [urlsplit(asked.path).path for asked in api.asked[2:]] == [
        "/v3/forecast",
        "/login",
        "/v3/forecast",
    ]


def test_watttime_does_not_log_in_for_ever(api: Api) -> None:
    """A fresh token that is refused is a refusal."""
    case = case_of("watttime")
    api.answer = lambda asked: (
        json_reply({"token": TOKEN}) if asked.path == "/login" else Reply(status=401)
    )
    with pytest.raises(SourceRefusedError, match="CARBONAWARE_TEST_PASSWORD"):
        case.make(api.url, ONCE).fetch(case.zone, case.asked)
    assert len(api.asked) == 2


@pytest.mark.parametrize(
    "login",
    [{}, [], {"token": None}, {"token": ""}, {"token": "a\nb"}, {"token": "é"}],
    ids=str,
)
def test_watttime_checks_the_token_it_gets(api: Api, login: object) -> None:
    """What no header can carry is malformed."""
    case = case_of("watttime")
    api.answer = lambda _: json_reply(login)
    with pytest.raises(SourceMalformedError, match=r"token|object"):
        case.make(api.url, ONCE).fetch(case.zone, case.asked)


def test_watttime_may_be_asked_by_many_threads(api: Api) -> None:
    """One source, eight threads: all are answered."""
    case = case_of("watttime")
    api.answer = lambda asked: json_reply(
        {"token": TOKEN} if asked.path == "/login" else case.good()
    )
    source = case.make(api.url, ONCE)
    with ThreadPoolExecutor(8) as pool:
        forecasts = list(pool.map(lambda _: source.fetch(case.zone, case.asked), range(8)))
    assert all(forecast == forecasts[0] for forecast in forecasts)


def test_watttime_converts_pounds_per_megawatt_hour() -> None:
    """1,000 lb/MWh are 453.59237 g/kWh, and a point lasts as long as meta says."""
    payload = watttime([(MIDNIGHT, 0)], False)
    assert isinstance(payload, dict)
    payload["data"][0]["value"] = 1000
    payload["meta"]["data_point_period_seconds"] = 900
    source = WattTime("u", SecretStr("p"))
    forecast = source.parse(payload, "CAISO_NORTH", DAY)
    assert [(span.duration, value) for span, value in forecast] == [(HOUR / 4, 453.59237)]
    assert forecast.signal == "marginal"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("units", "kg_co2_per_mwh"),
        ("units", None),
        ("signal_type", "health_damage"),
        ("data_point_period_seconds", 0),
        ("data_point_period_seconds", 1e300),
        ("data_point_period_seconds", None),
    ],
)
def test_watttime_checks_what_the_numbers_mean(key: str, value: object) -> None:
    """Another unit or signal is not converted on a guess."""
    payload = case_of("watttime").good()
    assert isinstance(payload, dict)
    payload["meta"][key] = value
    with pytest.raises(SourceMalformedError):
        WattTime("u", SecretStr("p")).parse(payload, "CAISO_NORTH", DAY)


def test_watttime_is_asked_by_its_own_region_codes() -> None:
    """From the map it was given; its own codes also stand for themselves."""
    source = WattTime("u", SecretStr("p"), regions={"GB": "UK"}, horizon_hours=24)
    assert source.build_request("GB", DAY).url.params["region"] == "UK"
    params = parse_qs(source.build_request("CAISO_NORTH", DAY).url.query.decode())
    assert params == {
        "region": ["CAISO_NORTH"],
        "signal_type": ["co2_moer"],
        "horizon_hours": ["24"],
    }
    with pytest.raises(NoForecastError):
        source.build_request("DE", DAY)
    with pytest.raises(InvalidSettingError):
        WattTime("u", SecretStr("p"), horizon_hours=73)


def test_watttime_without_a_password_is_refused_before_it_leaves(api: Api) -> None:
    """The message says what is empty."""
    source = WattTime(
        "u",
        SecretStr(""),
        credential_origin="WT_PASSWORD",
        base_url=api.url,
        budget=ONCE,
    )
    with pytest.raises(SourceRefusedError, match="WT_PASSWORD is empty"):
        source.fetch("CAISO_NORTH", DAY)
    assert api.asked == []
