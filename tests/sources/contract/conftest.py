"""Each contract test runs once for every source, against a server of its own."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.errors import (
    NoForecastError,
    SourceMalformedError,
    SourceRateLimitedError,
    SourceRefusedError,
    SourceUnreachableError,
)
from carbonaware_prefect.sources.http.exchange import FetchBudget
from tests.sources.contract.cases import CASES, TOKEN, Case, case_of
from tests.sources.contract.server import Api, Asked, Reply, json_reply, serve

TYPED = (
    NoForecastError,
    SourceRefusedError,
    SourceRateLimitedError,
    SourceUnreachableError,
    SourceMalformedError,
)
ONCE = FetchBudget(
    total=timedelta(seconds=5), attempt=timedelta(seconds=5), retries=0, pause=timedelta(0)
)


@dataclass
class Play:
    """A source, the API it asks, and everything that was said on the way."""

    case: Case
    api: Api
    log: pytest.LogCaptureFixture
    at_login: bool = False

    def answer(self, reply: Reply) -> None:
        """Let the API answer so (or its login, where that is what is tried)."""

        def _answer(asked: Asked) -> Reply:
            if asked.path == "/login" and not self.at_login:
                return json_reply({"token": TOKEN})
            return reply

        self.api.answer = _answer

    def fetch(
        self, *, budget: FetchBudget = ONCE, asked: Interval | None = None
    ) -> Forecast | Exception:
        """The forecast or the typed error; fail on anything else and on any leak."""
        source = self.case.make(self.api.url, budget)
        outcome: Forecast | Exception
        try:
            outcome = source.fetch(self.case.zone, asked or self.case.asked)
        except TYPED as error:
            outcome = error
            self._check_secrets("".join(traceback.format_exception(error)))
            link: BaseException | None = error
            while link is not None:
                self._check_secrets(f"{link} {link!r} {link.args!r}")
                link = link.__cause__ or link.__context__
        self._check_secrets(f"{source!r} {vars(source)!r} {outcome!r}")
        for record in self.log.records:
            self._check_secrets(f"{record.getMessage()} {vars(record)!r}")
        return outcome

    def _check_secrets(self, text: str) -> None:
        for secret in self.case.secrets:
            assert secret not in text


@pytest.fixture(scope="session")
def server() -> Iterator[Api]:
    """The server that all tests share, one after the other."""
    with serve() as api:
        yield api


@pytest.fixture
def api(server: Api) -> Iterator[Api]:
    """The shared server, with nothing left of the test before."""
    server.released.clear()
    server.asked.clear()
    server.bytes_sent = 0
    yield server
    server.released.set()


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    """One source after the other."""
    case = request.param
    assert isinstance(case, Case)
    return case


@pytest.fixture
def play(case: Case, api: Api, caplog: pytest.LogCaptureFixture) -> Play:
    """The source, asking the API that a test scripts."""
    caplog.set_level(logging.DEBUG)
    return Play(case, api, caplog)


@pytest.fixture(params=[*CASES, "login"], ids=str)
def exchange(
    request: pytest.FixtureRequest, api: Api, caplog: pytest.LogCaptureFixture
) -> Play:
    """As ``play``; and once more with the reply given to WattTime's login."""
    caplog.set_level(logging.DEBUG)
    if request.param == "login":
        case = case_of("watttime")
        return Play(case, api, caplog, at_login=True)
    return Play(request.param, api, caplog)
