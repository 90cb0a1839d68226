"""What every source makes of good answers and of bad values in them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta, timezone

import pytest

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.errors import NoForecastError, SourceMalformedError
from carbonaware_prefect.sources.base import DescribedSource, Source
from tests.sources.contract.cases import CASES, ISSUED, MIDNIGHT, Case, Point
from tests.sources.contract.conftest import ONCE, Play
from tests.sources.contract.server import json_reply

HERE = False
ELSEWHERE = True


def values(outcome: Forecast | Exception) -> list[float]:
    """The g/kWh of each interval, to 5 digits; fail when it is no forecast."""
    assert isinstance(outcome, Forecast), outcome
    return [round(value, 5) for _, value in outcome]


def test_it_is_a_source_that_describes_itself(case: Case) -> None:
    """Name, signal, zones, attribution and licence are declared."""
    source = case.make("http://127.0.0.1:9", ONCE)
    assert isinstance(source, Source)
    assert isinstance(source, DescribedSource)
    assert (source.name, source.signal) == (source.info.name, source.info.signal)
    assert source.info.zones is None or case.zone in source.info.zones
    assert source.info.attribution
    assert source.info.licence


def test_a_good_answer_is_a_forecast(play: Play) -> None:
    """All values, in grams per kWh, in UTC, with zone, source and signal."""
    play.answer(json_reply(play.case.good()))
    forecast = play.fetch()
    assert isinstance(forecast, Forecast)
    source = play.case.make(play.api.url, ONCE)
    assert (forecast.zone, forecast.source, forecast.signal) == (
        play.case.zone,
        source.name,
        source.signal,
    )
    assert (forecast.start, forecast.end) == (play.case.asked.start, play.case.asked.end)
    assert forecast.start.tzinfo is timezone.utc
    assert [value for _, value in forecast] == pytest.approx(list(range(100, 112)))
    assert len(forecast.stretches) == 1
    assert forecast.issued_at in (ISSUED, None)


def test_building_and_parsing_are_pure(case: Case) -> None:
    """The request and the forecast are the same each time, and hold no secret."""
    source = case.make("http://127.0.0.1:9", ONCE)
    first, second = (source.build_request(case.zone, case.asked) for _ in range(2))
    assert (first.url, first.method) == (second.url, second.method)
    assert first.read() == second.read()
    for secret in case.secrets:
        assert secret not in f"{first.url}{first.headers!r}{first.read()!r}"
    assert source.parse(case.good(), case.zone, case.asked) == source.parse(
        case.good(), case.zone, case.asked
    )


def _shuffled(points: list[Point]) -> list[Point]:
    return points[::2] + points[1::2][::-1]


@pytest.mark.parametrize(
    "reorder",
    [
        pytest.param(_shuffled, id="unsorted"),
        pytest.param(lambda points: points[::-1], id="backwards"),
        pytest.param(lambda points: points + points[3:5], id="duplicates"),
        pytest.param(lambda points: points + points, id="twice"),
    ],
)
def test_order_and_repetition_mean_nothing(
    play: Play, reorder: Callable[[list[Point]], list[Point]]
) -> None:
    """The forecast is the same as from the tidy answer."""
    play.answer(json_reply(play.case.payload(reorder(play.case.points()), HERE)))
    assert values(play.fetch()) == list(range(100, 112))


@pytest.mark.parametrize("absent", [None, float("nan")], ids=["null", "NaN"])
def test_an_absent_value_is_a_gap(play: Play, absent: object) -> None:
    """Null and NaN are neither zero nor bridged."""
    points = play.case.points()
    points[4] = (points[4][0], absent)
    play.answer(json_reply(play.case.payload(points, HERE)))
    forecast = play.fetch()
    assert values(forecast) == [*range(100, 104), *range(105, 112)]
    assert isinstance(forecast, Forecast)
    assert len(forecast.stretches) == 2


def test_a_missing_point_is_a_gap(play: Play) -> None:
    """The point before it does not last longer for it."""
    points = play.case.points()
    del points[4:6]
    play.answer(json_reply(play.case.payload(points, HERE)))
    forecast = play.fetch()
    assert isinstance(forecast, Forecast)
    assert [(run.edges[-1] - run.edges[0]) / 1e6 for run in forecast.stretches] == [
        4 * play.case.step.total_seconds(),
        6 * play.case.step.total_seconds(),
    ]


@pytest.mark.parametrize(
    "value",
    [1e6, 10**400, float("inf"), -float("inf"), -1e6, "211", True, [1], {"value": 1}],
    ids=lambda value: str(value)[:8],
)
def test_a_value_that_makes_no_sense_is_malformed(play: Play, value: object) -> None:
    """Absurd numbers, strings and containers are refused, not repaired."""
    points = play.case.points()
    points[4] = (points[4][0], value)
    play.answer(json_reply(play.case.payload(points, HERE)))
    assert isinstance(play.fetch(), SourceMalformedError)


def test_a_negative_value_is_for_marginal_signals_only(play: Play) -> None:
    """An average below zero is malformed, a marginal one is a number like others."""
    points = play.case.points()
    points[4] = (points[4][0], -3.5)
    play.answer(json_reply(play.case.payload(points, HERE)))
    outcome = play.fetch()
    if play.case.make(play.api.url, ONCE).signal == "marginal":
        assert values(outcome)[4] == -3.5
    else:
        assert isinstance(outcome, SourceMalformedError)


def test_two_series_in_one_answer_are_malformed(play: Play) -> None:
    """Nobody can tell which of the two values is meant."""
    points = play.case.points()
    other: list[Point] = [(start, 300 + i) for i, (start, _) in enumerate(points)]
    play.answer(json_reply(play.case.payload(points + other, HERE)))
    assert isinstance(play.fetch(), SourceMalformedError)


def test_two_shifted_series_are_malformed(play: Play) -> None:
    """Points between the points fit neither step."""
    points = play.case.points()
    shift = timedelta(seconds=60)
    other: list[Point] = [(start + shift, 300) for start, _ in points]
    play.answer(json_reply(play.case.payload(points + other, HERE)))
    assert isinstance(play.fetch(), SourceMalformedError)


def test_what_was_not_asked_for_is_cut_off(play: Play) -> None:
    """Points before and after are dropped, those on the edge are shortened."""
    play.answer(json_reply(play.case.good()))
    step = play.case.step
    asked = Interval(MIDNIGHT + 2.5 * step, MIDNIGHT + 5.5 * step)
    forecast = play.fetch(asked=asked)
    assert values(forecast) == [102, 103, 104, 105]
    assert isinstance(forecast, Forecast)
    assert (forecast.start, forecast.end) == (asked.start, asked.end)


def test_nothing_inside_the_interval_is_no_forecast(play: Play) -> None:
    """Points that all lie elsewhere in time are no answer."""
    play.answer(json_reply(play.case.good()))
    asked = Interval(MIDNIGHT + timedelta(days=2), MIDNIGHT + timedelta(days=3))
    assert isinstance(play.fetch(asked=asked), NoForecastError)


@pytest.mark.parametrize("count", [0, 5])
def test_no_values_are_no_forecast(play: Play, count: int) -> None:
    """An empty series and one of nulls say the same."""
    points: list[Point] = [(start, None) for start, _ in play.case.points(count)]
    play.answer(json_reply(play.case.payload(points, HERE)))
    assert isinstance(play.fetch(), NoForecastError)


@pytest.mark.parametrize(
    "payload",
    [{}, [], None, 0, True, "", "nope", [None], [[]], {"data": None}, {"data": {}}],
    ids=repr,
)
def test_an_answer_without_substance_is_a_typed_error(play: Play, payload: object) -> None:
    """No such JSON is taken for a forecast."""
    play.answer(json_reply(payload))
    assert isinstance(play.fetch(), (NoForecastError, SourceMalformedError))


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.names_zone], indirect=True, ids=str
)
def test_an_answer_for_another_zone_is_malformed(play: Play) -> None:
    """Where the answer names its zone, it must be the one asked for."""
    play.answer(json_reply(play.case.payload(play.case.points(), ELSEWHERE)))
    assert isinstance(play.fetch(), SourceMalformedError)


@pytest.mark.parametrize("zone", ["XX-NOWHERE!", "", "de/../../etc", "ДЕ"])
def test_an_unknown_zone_is_no_forecast(case: Case, zone: str) -> None:
    """No request leaves for a zone that the source cannot know."""
    source = case.make("http://127.0.0.1:9", ONCE)
    with pytest.raises(NoForecastError):
        source.fetch(zone, case.asked)


def test_no_zone_is_no_forecast(case: Case) -> None:
    """An API needs to be told the place."""
    source = case.make("http://127.0.0.1:9", ONCE)
    with pytest.raises(NoForecastError, match="needs a zone"):
        source.fetch(None, case.asked)
