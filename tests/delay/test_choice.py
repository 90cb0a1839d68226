"""From what a call said to a decision: typed errors early, reasons to start late."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from carbonaware_prefect import (
    carbonaware_delay,
    carbonaware_delay_decorator,
    carbonaware_delay_task,
)
from carbonaware_prefect.core import Forecast, Interval, Reason, Signal
from carbonaware_prefect.delay.choice import checked, choose
from carbonaware_prefect.errors import (
    InvalidInputError,
    SourceUnreachableError,
    UnknownPlaceError,
    UnknownSourceError,
)
from carbonaware_prefect.policies.given import given_in_call
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.wiring.catalogue import open_source

NOON = datetime(2026, 7, 1, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WINDOW", "DURATION", "PROVIDER", "REGION", "ZONE", "SOURCE"):
        monkeypatch.delenv(f"CARBONAWARE_{name}", raising=False)


def dipping(at: datetime = NOON + 2 * HOUR) -> Forecast:
    """300 g/kWh, but 100 for an hour."""
    return Forecast.from_points(
        [(NOON - HOUR, 300), (at, 100), (at + HOUR, 300)],
        end=NOON + 48 * HOUR,
        source="test",
    )


DOORS: list[Callable[..., Any]] = [
    carbonaware_delay,
    carbonaware_delay_decorator,
    carbonaware_delay_task,
]


class Broken:
    """A source that cannot deliver."""

    name = "broken"
    signal: Signal = "average"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def fetch(self, zone: str | None, interval: Interval) -> Forecast:
        raise self.error


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"window": timedelta(0)}, InvalidInputError, ["window", "positive"]),
        ({"window": -HOUR}, InvalidInputError, ["window", "positive"]),
        ({"window": 6}, InvalidInputError, ["window", "timedelta", "6"]),
        ({"duration": timedelta(0)}, InvalidInputError, ["duration", "positive"]),
        ({"duration": -HOUR}, InvalidInputError, ["duration", "positive"]),
        ({"provider": "gpc", "region": "us-central1"}, UnknownPlaceError, ["gpc", "gcp"]),
        ({"region": "us-centrall1"}, UnknownPlaceError, ["us-centrall1", "us-central1"]),
        ({"provider": "aws", "region": "us-central1"}, UnknownPlaceError, ["gcp", "zone="]),
        ({"zone": "Germany"}, UnknownPlaceError, ["Germany"]),
        ({"source": "crystal ball"}, UnknownSourceError, ["crystal ball", "typical"]),
        ({"source": 7}, UnknownSourceError, ["7"]),
    ],
)
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_bad_input_is_an_error_where_it_is_written(
    door: Callable[..., Any],
    given: dict[str, Any],
    error: type[Exception],
    words: list[str],
) -> None:
    """Every door refuses bad input at definition, naming it and what is allowed."""
    with pytest.raises(error) as caught:
        door(**given)
    assert isinstance(caught.value, ValueError)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "place", [{"zone": "IS"}, {"provider": "aws", "region": "ap-east-1"}]
)
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_typical_days_of_a_zone_that_has_none(
    door: Callable[..., Any], place: dict[str, str]
) -> None:
    """Asked for by name they are an error at definition, with the nearest that exist."""
    with pytest.raises(UnknownPlaceError, match=r"has no table .* nearest with one: [A-Z]"):
        door(source="typical", **place)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_a_zone_with_a_table_of_ones_own(
    door: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is as good as a shipped one; what is wrong in it comes out when it is read."""
    monkeypatch.setenv("CARBONAWARE_TYPICAL_DIR", str(tmp_path))
    (tmp_path / "XX-NEW.json").write_text("damaged")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert door(zone="XX-NEW", source="typical")
        assert door(zone="XX-NEW")


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_a_zone_that_nothing_here_knows(door: Callable[..., Any]) -> None:
    """A well-formed zone may be known to a source elsewhere, so it is a warning."""
    with pytest.warns(UserWarning, match="unknown zone 'DE-X'; nearest known: DE") as seen:
        door(zone="DE-X", window=timedelta(microseconds=1))

    assert seen[0].filename == __file__


@pytest.mark.parametrize(
    "given",
    [
        {"zone": "FR"},
        {"zone": "CAISO_NORTH"},
        {"zone": "XX-NEW", "source": "electricity_maps,typical"},
        {"zone": "XX-NEW", "source": "file:forecast.csv"},
        {"zone": "XX-NEW", "source": Broken(OSError())},
    ],
)
def test_a_zone_that_a_named_source_may_know(given: dict[str, Any]) -> None:
    """No warning where a source decides by itself which zones it knows."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checked(given_in_call(**given))


def test_the_cleanest_slot_is_chosen() -> None:
    """A fixed forecast decides by itself, with no place given."""
    decision = choose(given_in_call(source=dipping()), due=NOON, now=NOON)

    assert decision.wait
    assert decision.slot is not None
    assert decision.slot.start == NOON + 2 * HOUR
    assert decision.sentence == (
        "Waiting for cleaner electricity: 14:00-14:30 UTC, 300 -> 100 gCO2/kWh (-67 %)"
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SourceUnreachableError("no answer in 10 s"), Reason.SOURCE_FAILED),
        (OSError("on fire"), Reason.SOURCE_FAILED),
        (KeyError("bug in a user's source"), Reason.SOURCE_FAILED),
    ],
)
def test_a_failing_source_means_start_now(error: Exception, reason: Reason) -> None:
    """Whatever a source raises, the run starts at once with the fault as reason."""
    decision = choose(given_in_call(zone="DE", source=Broken(error)), due=NOON, now=NOON)

    assert not decision.wait
    assert reason is decision.reason
    assert str(error) in decision.sentence
    assert decision.source == "broken"


def test_no_place_means_start_now_with_the_remedy() -> None:
    """With nothing given and nothing set the run starts at once and says what to set."""
    decision = choose(given_in_call(), due=NOON, now=NOON)

    assert not decision.wait
    assert decision.reason is Reason.NO_PLACE
    assert "CARBONAWARE_ZONE" in decision.sentence


def test_unknown_zone_to_the_source_means_start_now() -> None:
    """A zone without typical days gives no guess but a start at once."""
    decision = choose(given_in_call(zone="IS"), due=NOON, now=NOON)

    assert decision.reason is Reason.NO_FORECAST
    assert decision.source == "typical"


def test_environment_fills_what_the_call_left_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Window, duration, place and source come from the environment when not said."""
    monkeypatch.setenv("CARBONAWARE_WINDOW", "1h")
    monkeypatch.setenv("CARBONAWARE_DURATION", "15m")
    monkeypatch.setenv("CARBONAWARE_REGION", "us-central1")
    request = choose(given_in_call(), due=NOON, now=NOON).request

    assert request.latest_start == NOON + HOUR
    assert timedelta(minutes=15) == request.duration
    assert request.zone == "US-MIDW-MISO"


def test_what_the_call_says_wins_over_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An argument wins, also one that equals the default."""
    monkeypatch.setenv("CARBONAWARE_WINDOW", "1h")
    monkeypatch.setenv("CARBONAWARE_ZONE", "PL")
    given = given_in_call(window=timedelta(hours=6), zone="DE")
    request = choose(given, due=NOON, now=NOON).request

    assert request.latest_start == NOON + 6 * HOUR
    assert request.zone == "DE"


@pytest.mark.parametrize(
    ("name", "value"),
    [("WINDOW", "soon"), ("ZONE", "nowhere"), ("PROVIDER", "aws"), ("SOURCE", "oracle")],
)
def test_a_bad_variable_at_run_time_means_start_now(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """A bad variable found when the flow runs never fails it; it is the reason."""
    monkeypatch.setenv(f"CARBONAWARE_{name}", value)
    decision = choose(given_in_call(), due=NOON, now=NOON)

    assert not decision.wait
    assert decision.reason is Reason.INVALID_SETTING


def test_sources_by_name(tmp_path: Path) -> None:
    """``typical``, ``auto`` and ``file:PATH`` name sources; a Source stands for itself."""
    broken = Broken(OSError())

    nothing = Settings.model_construct()
    assert open_source(None, nothing).name == "typical"
    assert open_source("auto", nothing).name == "auto"
    assert open_source(f"file:{tmp_path}/forecast.csv", nothing).name == "file"
    assert open_source(broken, nothing) is broken
    assert open_source(dipping(), nothing).name == "test"


def test_a_missing_forecast_file_means_start_now(tmp_path: Path) -> None:
    """A forecast file that is not there costs the saving, not the run."""
    given = given_in_call(zone="DE", source=f"file:{tmp_path}/none.csv")
    decision = choose(given, due=NOON, now=NOON)

    assert decision.reason is Reason.SOURCE_FAILED
    assert "none.csv" in decision.sentence


def test_what_was_left_open_survives_pickling() -> None:
    """In a process that got the flow pickled, the environment still fills in the same."""
    settings = Settings(window=9 * HOUR, duration=2 * HOUR, minimum_wait=HOUR)
    given = [
        given_in_call(zone="DE"),
        given_in_call(zone="DE", window=8 * HOUR, minimum_wait=timedelta(0)),
    ]
    pickled = pickle.loads(pickle.dumps(given))  # noqa: S301  our own
    policies = [each.over(settings.given()).policy() for each in pickled]

    assert policies == [each.over(settings.given()).policy() for each in given]
    assert (policies[0].window, policies[1].window) == (9 * HOUR, 8 * HOUR)
    assert (policies[0].minimum_wait, policies[1].minimum_wait) == (HOUR, timedelta(0))
