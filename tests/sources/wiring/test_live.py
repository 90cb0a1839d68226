"""How long a live source, and with it a login, is kept."""

from __future__ import annotations

import pytest

from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.wiring.live import LIVE, forget_live, open_live

ACCOUNT = {"watttime_username": "frida", "watttime_password": "p", "cache_dir": ""}


@pytest.fixture(autouse=True)
def _as_in_a_new_process() -> None:
    forget_live()


def settings(**given: object) -> Settings:
    """An account at WattTime, and what is given."""
    return Settings(**{**ACCOUNT, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [
        {"window": "9h"},
        {"zone": "DE", "source": "watttime", "minimum_saving": 0.5},
        {"electricity_maps_key": "k"},
        {"planner_interval": "1h"},
    ],
)
def test_what_a_login_does_not_depend_on(other: dict[str, object]) -> None:
    """Settings that differ in the window alone share one login."""
    assert open_live("watttime", settings()) is open_live("watttime", settings(**other))


@pytest.mark.parametrize(
    "other",
    [
        {"watttime_username": "boris"},
        {"watttime_password": "q"},
        {"watttime_url": "https://mirror.example"},
        {"source_timeout": "3s"},
        {"cache_dir": "/tmp/elsewhere"},  # noqa: S108  never written to
    ],
)
def test_what_a_login_depends_on(other: dict[str, object]) -> None:
    """Another account, address or limit makes another source of it."""
    one, another = (open_live("watttime", each) for each in (settings(), settings(**other)))
    assert one is not another


def test_each_source_names_all_its_settings() -> None:
    """A setting that a row forgets would not make a new source when it changes."""
    prefixes = {name: "sdk" if name == "carbon_aware_sdk" else name for name in LIVE}
    for name, row in LIVE.items():
        own = {field for field in Settings.model_fields if field.startswith(prefixes[name])}
        assert {*row.needs, *row.takes} == own
