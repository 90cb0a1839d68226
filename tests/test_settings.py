"""What the environment may say, and how it is told when it says something else."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from carbonaware_prefect.core import Hours
from carbonaware_prefect.errors import InvalidSettingError
from carbonaware_prefect.policies.fields import Giver
from carbonaware_prefect.policies.given import given_by, given_in_call
from carbonaware_prefect.settings import Settings, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT6H", timedelta(hours=6)),
        ("6h", timedelta(hours=6)),
        (" 90m ", timedelta(minutes=90)),
        ("1h30m", timedelta(minutes=90)),
        ("1D2H", timedelta(hours=26)),
        ("0.5h", timedelta(minutes=30)),
        ("p1dt2h", timedelta(hours=26)),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    """Durations are read as ISO 8601 and in the short form."""
    assert expected == parse_duration(text)


@pytest.mark.parametrize("text", ["", "6", "six", "6x", "PT", "-6h", "P6X", "6h 7"])
def test_what_is_no_duration(text: str) -> None:
    """Anything else is refused with examples, a bare number too."""
    with pytest.raises(ValueError, match=r"write e\.g\. PT6H, 6h, 90m or 1h30m"):
        parse_duration(text)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting has its CARBONAWARE_ variable; empty ones count as not set."""
    monkeypatch.setenv("CARBONAWARE_WINDOW", "4h")
    monkeypatch.setenv("CARBONAWARE_ZONE", "DE")
    monkeypatch.setenv("CARBONAWARE_REGION", "")
    settings = Settings.read()

    assert settings.given().fields == {"window": timedelta(hours=4), "zone": "DE"}
    assert settings.policy_fields["duration"] == timedelta(minutes=30)


@pytest.mark.parametrize(
    "text", ["367d", "9000h", "P9999D", "999999999999d", "9" * 400 + "h"]
)
def test_durations_beyond_the_calendar(text: str) -> None:
    """More than a year is refused: added to a start it may lie beyond all dates."""
    with pytest.raises(ValueError, match="is more than a year"):
        parse_duration(text)


@pytest.mark.parametrize("field", ["window", "earlier", "latest_start", "finish_by"])
def test_no_span_beyond_the_calendar(field: str) -> None:
    """A policy block may hold what no text says; that is bounded too."""
    with pytest.raises(ValueError, match="less than or equal to 366 days"):
        Settings.model_validate({field: timedelta(days=400)})


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("WINDOW", "soon", "is no duration; write e.g. PT6H, 6h, 90m or 1h30m"),
        ("DURATION", "0h", "must be longer than zero; write e.g. PT6H or 6h"),
        ("WINDOW", "PT0S", "must be longer than zero; write e.g. PT6H or 6h"),
        ("FINISH_BY", "seven", "write a time of day, e.g. 07:00, or a time from"),
        ("LATEST_START", "25:00", "write a time of day, e.g. 07:00, or a time from"),
        ("NOT_BETWEEN", "08:00", "is no range of hours; write e.g. 08:00-18:00"),
        ("NOT_BETWEEN", "8:00-8:00", "must not begin and end at the same time"),
        ("TIME_ZONE", "Berlin", "write an IANA name, e.g. Europe/Berlin or UTC"),
        ("MINIMUM_SAVING", "2", "must be less than all of it; write e.g. 0.02 or 2%"),
        ("MINIMUM_SAVING", "some", "is no share; write e.g. 0.02 or 2%"),
        ("MAX_MOVES", "few", "is no whole number; write e.g. 4"),
        ("MAX_MOVES", "-1", "must not be negative"),
    ],
)
def test_bad_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, fault: str
) -> None:
    """A bad value is told with the variable, the value and what is allowed."""
    monkeypatch.setenv(f"CARBONAWARE_{name}", value)

    with pytest.raises(InvalidSettingError) as caught:
        Settings.read()
    assert f"CARBONAWARE_{name}='{value}'" in str(caught.value)
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("finish_by", "07:00", time(7)),
        ("finish_by", "24:00", time(0)),
        ("latest_start", "5h", timedelta(hours=5)),
        ("not_between", "8:00-18:00", (Hours(time(8), time(18)),)),
        (
            "not_between",
            "22:00-06:00, 12:00-12:30",
            (Hours(time(22), time(6)), Hours(time(12), time(12, 30))),
        ),
        ("time_zone", "Europe/Berlin", ZoneInfo("Europe/Berlin")),
        ("minimum_saving", "3%", 0.03),
        ("replan_gain", "0.1", 0.1),
    ],
)
def test_limits_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: object
) -> None:
    """Times of day, hours, shares and time zones are read as people write them."""
    monkeypatch.setenv(f"CARBONAWARE_{name.upper()}", value)

    assert getattr(Settings.read(), name) == expected


def test_limits_of_a_call_may_be_words_or_objects() -> None:
    """An argument takes the words of the settings, and what they stand for."""
    words = given_in_call(finish_by="07:00", not_between="8:00-9:00", time_zone="UTC")
    objects = given_in_call(
        finish_by=time(7),
        not_between=(Hours(time(8), time(9)),),
        time_zone=ZoneInfo("UTC"),
    )

    assert words == objects


@pytest.mark.parametrize(
    "said", [{"latest_start": "soon"}, {"not_between": "all day"}, {"time_zone": "Mars"}]
)
def test_a_bad_limit_names_its_argument(said: dict[str, Any]) -> None:
    """The refusal says which argument is wrong."""
    with pytest.raises(InvalidSettingError, match=f"^{next(iter(said))}: "):
        given_in_call(**said)


def test_a_block_fills_in_what_is_not_said() -> None:
    """What the environment says wins, and a place is taken as a whole."""
    data = {"window": "PT9H", "zone": "DE", "region": None, "credentials": {"key": "x"}}
    block = given_by(Giver.BLOCK, data)

    assert block.fields == {"window": "PT9H", "zone": "DE"}
    assert given_in_call(window=timedelta(hours=1)).over(block).fields == {
        "window": timedelta(hours=1),
        "zone": "DE",
    }
    assert given_in_call(provider="aws").over(block).fields == {
        "window": "PT9H",
        "provider": "aws",
    }
