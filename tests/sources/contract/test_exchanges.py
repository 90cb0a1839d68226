"""What every source makes of an API, a login or a network that misbehaves."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from carbonaware_prefect.core import Forecast
from carbonaware_prefect.errors import (
    NoForecastError,
    SourceMalformedError,
    SourceRateLimitedError,
    SourceRefusedError,
    SourceUnreachableError,
)
from carbonaware_prefect.sources.http.exchange import FetchBudget
from tests.sources.contract.cases import BASIC, KEY, PASSWORD, TOKEN
from tests.sources.contract.conftest import ONCE, Play
from tests.sources.contract.server import Manner, Reply, json_reply

JSON = {"Content-Type": "application/json"}
# A server that says everything it was sent back, in whatever it answers.
ECHO = f"{KEY} {PASSWORD} {TOKEN} {BASIC}"
SHORT = FetchBudget(
    total=timedelta(seconds=0.3),
    attempt=timedelta(seconds=0.3),
    retries=0,
    pause=timedelta(0),
)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, SourceMalformedError),
        (401, SourceRefusedError),
        (403, SourceRefusedError),
        (404, NoForecastError),
        (418, SourceMalformedError),
        (422, SourceMalformedError),
        (429, SourceRateLimitedError),
        (500, SourceUnreachableError),
        (503, SourceUnreachableError),
        (201, SourceMalformedError),
        (204, NoForecastError),
    ],
)
def test_each_status_has_its_error(
    exchange: Play, status: int, error: type[Exception]
) -> None:
    """And what body, headers and reason say goes nowhere, not even into a log."""
    reply = json_reply({"error": ECHO, "message": ECHO}, status, X_Echo=ECHO)
    exchange.answer(replace(reply, reason=ECHO))
    assert type(exchange.fetch()) is error


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_names_the_credential_and_not_its_value(
    exchange: Play, status: int
) -> None:
    """The message says which variable to look at."""
    exchange.answer(json_reply({"error": ECHO}, status))
    message = str(exchange.fetch())
    assert (exchange.case.credential_origin or "refused to answer") in message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "17"}, 17.0),
        ({"Retry_After": "0"}, 0.0),
        ({"Retry_After": "9" * 5000}, 86_400.0),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-5"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_a_rate_limit_carries_the_time_to_wait(
    exchange: Play, headers: dict[str, str], seconds: float | None
) -> None:
    """In seconds, a day at most, None where nothing sensible was said."""
    exchange.answer(json_reply({"error": ECHO}, 429, **headers))
    error = exchange.fetch()
    assert isinstance(error, SourceRateLimitedError)
    assert error.retry_after == seconds


def test_a_refusal_with_a_time_to_come_back_is_a_rate_limit(exchange: Play) -> None:
    """Some answer 401 to those who ask too often."""
    exchange.answer(json_reply({"error": ECHO}, 401, Retry_After="30"))
    error = exchange.fetch()
    assert isinstance(error, SourceRateLimitedError)
    assert error.retry_after == 30


def test_an_outage_that_says_when_it_ends_is_not_asked_again_before(
    exchange: Play,
) -> None:
    """One attempt, though retries are left."""
    exchange.answer(json_reply({}, 503, Retry_After="60"))
    assert isinstance(exchange.fetch(budget=FetchBudget()), SourceUnreachableError)
    assert len([asked for asked in exchange.api.asked if asked.path != "/login"]) <= 1
    assert len(exchange.api.asked) <= 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(exchange: Play, status: int) -> None:
    """The place it names is never asked."""
    target = f"{exchange.api.url}/elsewhere"
    exchange.answer(json_reply({}, status, Location=target))
    assert isinstance(exchange.fetch(), SourceMalformedError)
    assert "/elsewhere" not in [asked.path for asked in exchange.api.asked]


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(headers=JSON, body=b""), id="empty"),
        pytest.param(Reply(headers=JSON, body=b'{"data": [{"fro'), id="cut off"),
        pytest.param(Reply(headers=JSON, body=b"[" * 200_000), id="deep"),
        pytest.param(Reply(headers=JSON, body=b"\xff\xfe\xff\x00"), id="no text"),
        pytest.param(Reply(headers=JSON, body=ECHO.encode()), id="echo"),
        pytest.param(Reply(headers=JSON, body=b"9" * 20_000), id="long number"),
        pytest.param(Reply(headers=JSON, body=b"<html>busy</html>"), id="HTML"),
        pytest.param(
            Reply(headers={"Content-Type": "text/html"}, body=b"<html>busy</html>"),
            id="declared HTML",
        ),
        pytest.param(
            Reply(headers={"Content-Type": "text/plain"}, body=b"{}"), id="wrong type"
        ),
        pytest.param(Reply(headers={}, body=b"{}"), id="no type"),
        pytest.param(
            Reply(headers={**JSON, "Content-Encoding": "gzip"}, body=b"\x1f\x8b\x08"),
            id="compressed",
        ),
    ],
)
def test_a_body_that_is_no_json_is_malformed(exchange: Play, reply: Reply) -> None:
    """Type and syntax are checked before anything is read from it."""
    exchange.answer(reply)
    assert isinstance(exchange.fetch(), SourceMalformedError)


@pytest.mark.parametrize("manner", ["reset", "truncated", "garbage"])
def test_a_broken_connection_is_unreachable(exchange: Play, manner: Manner) -> None:
    """However far the answer got."""
    exchange.answer(Reply(body=ECHO.encode(), manner=manner))
    assert isinstance(exchange.fetch(), SourceUnreachableError)


@pytest.mark.parametrize("manner", ["silence", "drip_body", "drip_headers"])
def test_a_slow_answer_is_given_up_in_time(exchange: Play, manner: Manner) -> None:
    """A byte now and then does not keep the exchange alive."""
    exchange.answer(Reply(manner=manner))
    begin = time.perf_counter()
    assert isinstance(exchange.fetch(budget=SHORT), SourceUnreachableError)
    assert time.perf_counter() - begin < 2


@pytest.mark.parametrize("manner", ["flood", "flood_unannounced"])
def test_a_huge_body_is_refused_while_it_streams(exchange: Play, manner: Manner) -> None:
    """With and without a Content-Length, long before its 50 MB are over."""
    exchange.answer(Reply(manner=manner))
    assert isinstance(exchange.fetch(), SourceMalformedError)
    assert exchange.api.bytes_sent < 20_000_000


def test_nobody_there_is_unreachable(exchange: Play) -> None:
    """A closed port, within the budget and with its retries."""
    exchange.api = type(exchange.api)()
    exchange.api.url = "http://127.0.0.1:9"
    budget = FetchBudget(total=timedelta(seconds=0.4), pause=timedelta(milliseconds=5))
    assert isinstance(exchange.fetch(budget=budget), SourceUnreachableError)


def test_an_outage_of_a_moment_is_survived(play: Play) -> None:
    """Two failures, then the answer: the third attempt is the last."""
    replies = [Reply(status=503), Reply(manner="reset"), json_reply(play.case.good())]

    def answer(asked: object) -> Reply:
        path = getattr(asked, "path", "")
        return json_reply({"token": TOKEN}) if path == "/login" else replies.pop(0)

    play.api.answer = answer
    budget = FetchBudget(pause=timedelta(milliseconds=5))
    assert isinstance(play.fetch(budget=budget), Forecast)


def test_a_dead_source_is_asked_three_times_at_most(play: Play) -> None:
    """One attempt and two retries."""
    play.answer(Reply(status=500))
    assert isinstance(
        play.fetch(budget=FetchBudget(pause=timedelta(milliseconds=5))),
        SourceUnreachableError,
    )
    assert len([asked for asked in play.api.asked if asked.path != "/login"]) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 429])
def test_an_answer_that_is_final_is_not_asked_for_again(play: Play, status: int) -> None:
    """Asking again would not help, and would cost the limit."""
    play.answer(Reply(status=status))
    play.fetch(budget=FetchBudget(pause=timedelta(milliseconds=5)))
    assert len([asked for asked in play.api.asked if asked.path != "/login"]) == 1


def test_the_request_is_the_one_that_was_built(play: Play) -> None:
    """Method, path and body arrive, with our name and no wish for compression."""
    play.answer(json_reply(play.case.good()))
    play.fetch()
    built = play.case.make(play.api.url, ONCE).build_request(
        play.case.zone, play.case.asked
    )
    asked = play.api.asked[-1]
    assert (asked.method, asked.path) == (built.method, built.url.raw_path.decode())
    assert asked.body == built.read()
    headers = {name.lower(): value for name, value in asked.headers.items()}
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"].startswith("carbonaware-prefect/")
