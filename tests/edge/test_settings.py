"""What the environment may say, and how it is told when it says something else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from carbonaware_prefect.errors import InvalidSettingError
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

    assert (timedelta(hours=4), "DE", None, None) == (
        settings.window,
        settings.zone,
        settings.region,
        settings.duration,
    )


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("WINDOW", "soon", "is no duration; write e.g. PT6H, 6h, 90m or 1h30m"),
        ("DURATION", "0h", "must be longer than zero; write e.g. PT6H or 6h"),
        ("WINDOW", "PT0S", "must be longer than zero; write e.g. PT6H or 6h"),
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
