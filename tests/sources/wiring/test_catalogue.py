"""Which sources there are, which are usable, and what a name stands for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.core import Decision, Interval, Reason
from carbonaware_prefect.delay.choice import checked, choose
from carbonaware_prefect.errors import (
    InvalidSettingError,
    SourceRefusedError,
    UnknownSourceError,
)
from carbonaware_prefect.policies.given import given_in_call
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.wiring.catalogue import entries, names, open_source
from carbonaware_prefect.sources.wiring.chain import ChainSource
from carbonaware_prefect.sources.wiring.zones import scheduler_regions, watttime_regions
from tests.apis import HOUR, carbonaware_scheduler, electricity_maps, energy_charts
from tests.sources.contract.server import Api, Reply, json_reply, serve

ORDER = [
    "electricity_maps",
    "watttime",
    "carbon_aware_sdk",
    "gb_carbon_intensity",
    "energy_charts",
    "carbonaware_scheduler",
    "typical",
]
SECRET = "not-to-be-seen"  # noqa: S105  of no service


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def api() -> Iterator[Api]:
    """A server for any source."""
    with serve() as api:
        yield api


def auto(zone: str, **said: Any) -> list[str]:
    """The names that ``auto`` asks for a zone, in order."""
    chain = open_source("auto", Settings(**said))
    assert isinstance(chain, ChainSource)
    return [link.name for link in chain.candidates(zone)[0]]


def decide(monkeypatch: pytest.MonkeyPatch, zone: str = "DE", **variables: str) -> Decision:
    """A decision with some of the variables set."""
    for name, value in variables.items():
        monkeypatch.setenv(f"CARBONAWARE_{name.upper()}", value)
    now = utc_now()
    return choose(given_in_call(zone=zone), due=now, now=now)


def test_the_order_is_the_documented_one() -> None:
    """The sources come in the order that auto asks them, and docs/sources.md says it."""
    docs = (Path(__file__).parents[3] / "docs" / "sources.md").read_text()
    order = docs[docs.index("## Order") :]

    assert [entry.name for entry in entries(Settings())] == ORDER
    assert sorted(ORDER, key=lambda name: order.index(f"`{name}`")) == ORDER
    for entry in entries(Settings()):
        assert entry.info.attribution.split(",")[0].split(";")[0].split(" (")[0] in docs


def test_what_is_missing_is_named() -> None:
    """Each source names the variable that it lacks, and nothing when it is set."""
    missing = {entry.name: entry.missing for entry in entries(Settings())}

    assert missing["electricity_maps"] == "CARBONAWARE_ELECTRICITY_MAPS_KEY"
    assert "CARBONAWARE_WATTTIME_PASSWORD" in str(missing["watttime"])
    assert missing["carbon_aware_sdk"] == "CARBONAWARE_SDK_URL"
    assert missing["energy_charts"] is missing["typical"] is None
    half = Settings(watttime_username="me")
    assert entries(half)[1].missing == "CARBONAWARE_WATTTIME_PASSWORD"


@pytest.mark.parametrize(
    ("name", "covered", "not_covered"),
    [
        ("electricity_maps", "JP-TK", None),
        ("watttime", "CAISO_NORTH", "US-MIDA-PJM"),
        ("gb_carbon_intensity", "GB-13", "DE"),
        ("energy_charts", "DE", "SE-SE3"),
        ("carbonaware_scheduler", "US-MIDA-PJM", "GB-13"),
        ("typical", "DE", "IS"),
    ],
)
def test_each_source_knows_its_zones(
    name: str, covered: str, not_covered: str | None
) -> None:
    """A source covers its own zones; where several grids hide behind one, none."""
    (entry,) = [entry for entry in entries(Settings()) if entry.name == name]

    assert entry.covers(covered)
    assert not_covered is None or not entry.covers(not_covered)


def test_auto_goes_by_zone() -> None:
    """Without credentials auto asks the keyless sources of the zone, one signal only."""
    assert auto("DE") == ["energy_charts", "typical"]
    assert auto("GB") == ["gb_carbon_intensity", "typical"]
    assert auto("GB-13") == ["gb_carbon_intensity"]
    assert auto("US-MIDA-PJM") == ["carbonaware_scheduler"]
    assert auto("IS") == []


def test_auto_goes_by_credentials() -> None:
    """Sources that the user has credentials for come first, and set the signal."""
    assert auto("DE", electricity_maps_key="x") == [
        "electricity_maps", "energy_charts", "typical",
    ]  # fmt: skip
    assert auto("DE", watttime_username="me", watttime_password="x") == [  # noqa: S106
        "watttime", "carbonaware_scheduler",
    ]  # fmt: skip
    assert auto("DE", sdk_url="http://127.0.0.1:9", sdk_locations="FR=francecentral") == [
        "energy_charts", "typical",
    ]  # fmt: skip
    assert auto("DE", allow_typical=False) == ["energy_charts"]


def test_a_watttime_code_is_for_watttime_alone() -> None:
    """What a free account reaches can be named, and no other source is asked for it."""
    said = {"watttime_username": "me", "watttime_password": "x"}

    assert checked(given_in_call(zone="CAISO_NORTH"))
    assert auto("CAISO_NORTH", electricity_maps_key="x", **said) == ["watttime"]


def test_nothing_said_asks_nothing_on_the_network() -> None:
    """By default typical days answer; with credentials, or typical forbidden, auto."""
    assert open_source(None, Settings()).name == "typical"
    assert open_source(None, Settings(electricity_maps_key="x")).name == "auto"
    assert open_source(None, Settings(sdk_url="http://127.0.0.1:9")).name == "auto"
    assert open_source(None, Settings(allow_typical=False)).name == "auto"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("energy_chart", ["'energy_chart'", "nearest", "'energy_charts'", "file:PATH"]),
        ("typical,nonsense", ["'nonsense'", "allowed are"]),
        ("file:", ["'file:'"]),
        ("typical,", ["''"]),
        (ChainSource, ["must be a name"]),
    ],
)
def test_unknown_names_are_errors_with_the_nearest(said: object, words: list[str]) -> None:
    """A name that is none is refused with what is near and what is allowed."""
    with pytest.raises(UnknownSourceError) as caught:
        open_source(said, Settings())
    for word in words:
        assert word in str(caught.value)


def test_names_and_chains_are_taken_as_people_write_them(tmp_path: Path) -> None:
    """Case, blanks and dashes don't matter; a chain may end in a file or typical days."""
    for said in ("Energy-Charts", " energy_charts "):
        assert open_source(said, Settings()).name == "energy_charts"
    chain = open_source(f"energy_charts, file:{tmp_path}/x.csv , typical", Settings())
    assert chain.name == "energy_charts,file,typical"
    assert "auto" in names()


def test_a_chain_of_two_signals_is_refused_where_it_is_written() -> None:
    """Average and marginal intensity in one chain are an error at definition."""
    with pytest.raises(InvalidSettingError, match="watttime is marginal, typical is"):
        checked(given_in_call(source="watttime,typical"))


def test_regions_on_the_wrong_grid_are_left_out() -> None:
    """The scheduler is never asked for a region that its own map misplaces."""
    pairs = set(scheduler_regions().values())

    assert ("azure", "westeurope") not in pairs
    assert scheduler_regions()["NL"] == ("gcp", "europe-west4")
    assert "US-CAL-CISO" not in watttime_regions()


def test_a_named_source_without_its_key_says_what_to_set() -> None:
    """A source that lacks its key refuses by the name of the variable."""
    now = utc_now()
    source = open_source("electricity_maps", Settings())
    with pytest.raises(SourceRefusedError, match="CARBONAWARE_ELECTRICITY_MAPS_KEY"):
        source.fetch("DE", Interval(now, now + HOUR))


def test_auto_decides_by_a_live_source(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A live source's dip is waited for, and the record says which source it was."""
    api.answer = energy_charts(dip_after=3)
    decision = decide(monkeypatch, source="auto", energy_charts_url=api.url)

    assert decision.wait
    assert (decision.source, decision.failures) == ("energy_charts", ())
    assert decision.intensity_slot == 100


def test_auto_asks_the_scheduler_for_a_region(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marginal intensity in lb/MWh arrives as g/kWh, for a region of the zone."""
    api.answer = carbonaware_scheduler
    decision = decide(
        monkeypatch, "US-MIDA-PJM", source="auto", carbonaware_scheduler_url=api.url
    )

    assert decision.signal == "marginal"
    assert decision.intensity_slot == pytest.approx(800 * 0.45359237)


def test_a_dead_source_falls_through_to_typical(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the live source is down typical days decide, and the sentence says so."""
    api.answer = lambda _: Reply(status=503)
    decision = decide(monkeypatch, source="auto", energy_charts_url=api.url)

    assert decision.source == "typical"
    assert decision.failures[0].startswith("energy_charts: Energy-Charts at the base URL")
    assert "typical answered" in decision.sentence


def test_without_leave_for_typical_a_dead_source_starts_the_run(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where typical days are not allowed an outage means to start now."""
    api.answer = lambda _: Reply(status=503)
    decision = decide(
        monkeypatch, source="auto", energy_charts_url=api.url, allow_typical="false"
    )

    assert decision.reason is Reason.SOURCE_FAILED


def test_the_time_lost_to_dead_sources_is_bounded(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two silent sources together take no longer than CARBONAWARE_SOURCE_TIMEOUT."""
    api.answer = lambda _: Reply(manner="silence")
    started = utc_now()
    decision = decide(
        monkeypatch,
        source="auto",
        electricity_maps_key=SECRET,
        electricity_maps_url=api.url,
        energy_charts_url=api.url,
        source_timeout="1s",
    )

    assert utc_now() - started < timedelta(seconds=1.5)
    assert decision.source == "typical"
    silent = [failure for failure in decision.failures if "no answer within" in failure]
    assert len(silent) == 2


def test_a_refused_key_is_named_by_its_variable(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record names the variable of a refused key, and never the key."""
    api.answer = lambda _: json_reply({"error": SECRET}, status=401)
    decision = decide(
        monkeypatch, electricity_maps_key=SECRET, electricity_maps_url=api.url,
        energy_charts_url=api.url,
    )  # fmt: skip

    assert "CARBONAWARE_ELECTRICITY_MAPS_KEY" in decision.failures[0]
    assert SECRET not in str(decision)


def test_a_key_switches_live_forecasts_on(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a key set and no source named, the account's source decides."""
    api.answer = electricity_maps()
    decision = decide(
        monkeypatch, "JP-TK", electricity_maps_key=SECRET, electricity_maps_url=api.url
    )

    assert decision.source == "electricity_maps"


@pytest.mark.parametrize("url", ["nonsense", "http://example.com", "https://me:pw@x.org"])
def test_a_bad_base_url_is_a_failure_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """A URL that cannot be used costs that source, not the run, and shows no password."""
    decision = decide(monkeypatch, electricity_maps_key=SECRET, electricity_maps_url=url,
                      energy_charts_url="nonsense")  # fmt: skip

    assert "CARBONAWARE_ELECTRICITY_MAPS_URL" in decision.failures[0]
    assert decision.source == "typical"
    assert ":pw@" not in str(decision)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("SDK_SIGNAL", "both", ["CARBONAWARE_SDK_SIGNAL", "average"]),
        ("SDK_LOCATIONS", "DE", ["CARBONAWARE_SDK_LOCATIONS", "DE=germanywestcentral"]),
        ("SOURCE_TIMEOUT", "10", ["CARBONAWARE_SOURCE_TIMEOUT"]),
        ("DETECT", "perhaps", ["CARBONAWARE_DETECT"]),
    ],
)
def test_bad_variables_start_the_run_with_their_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: list[str]
) -> None:
    """A variable with a bad value is the reason to start now, and says what is allowed."""
    decision = decide(monkeypatch, source="auto", **{variable.lower(): value})

    assert decision.reason is Reason.INVALID_SETTING
    for word in words:
        assert word in decision.sentence


def test_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the settings nor an error about them show a credential."""
    monkeypatch.setenv("CARBONAWARE_ELECTRICITY_MAPS_KEY", SECRET)
    monkeypatch.setenv("CARBONAWARE_WATTTIME_PASSWORD", SECRET)
    assert SECRET not in repr(Settings.read())
    monkeypatch.setenv("CARBONAWARE_WINDOW", "soon")
    with pytest.raises(InvalidSettingError) as caught:
        Settings.read()

    assert SECRET not in str(caught.value)


def test_an_empty_cache_folder_switches_files_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty CARBONAWARE_CACHE_DIR says something, unlike other empty variables."""
    monkeypatch.setenv("CARBONAWARE_CACHE_DIR", "")
    assert Settings.read().cache_dir == ""
    monkeypatch.delenv("CARBONAWARE_CACHE_DIR")
    assert Settings.read().cache_dir is None
