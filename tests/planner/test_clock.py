"""Whose clock the planner goes by."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, cast

import httpx
import pytest

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.planner.api import Api

_SECOND = timedelta(seconds=1)


def _api_after(*, asked_at: datetime, dated: datetime | str) -> Api:
    """The API after an answer with that date."""
    api = Api(cast("Any", None))
    date = dated if isinstance(dated, str) else format_datetime(dated)
    api._compare_clocks(httpx.Response(200, headers={"date": date}), asked_at)
    return api


@pytest.mark.parametrize("minutes", [-10, 10])
def test_the_server_is_right(minutes: int) -> None:
    """With a clock minutes off, the present is what the server says it is."""
    now = utc_now()
    api = _api_after(asked_at=now, dated=now + timedelta(minutes=minutes))

    assert abs(api.now() - now - timedelta(minutes=minutes)) < 2 * _SECOND


def test_an_answer_that_took_its_time() -> None:
    """An answer that was long on its way puts no clock back."""
    now = utc_now()
    api = _api_after(asked_at=now - 40 * _SECOND, dated=now - 30 * _SECOND)

    assert abs(api.now() - utc_now()) < _SECOND


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_an_answer_without_a_date(date: str) -> None:
    """An answer that does not say when it was given changes nothing."""
    api = _api_after(asked_at=utc_now(), dated=date)

    assert abs(api.now() - utc_now()) < _SECOND
