"""Evidence to settle runs by: from which source, in blocks, and what could not be had."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from carbonaware_prefect.core import Interval
from carbonaware_prefect.core.accounting.settlement import Grade
from carbonaware_prefect.core.intervals import to_microseconds
from carbonaware_prefect.errors import SourceMalformedError
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.http.history import HasHistory
from carbonaware_prefect.sources.services.electricity_maps import ElectricityMaps
from carbonaware_prefect.sources.services.energy_charts import EnergyCharts
from carbonaware_prefect.sources.services.gb_carbon_intensity import GbCarbonIntensity
from carbonaware_prefect.sources.wiring.histories import (
    WITH_HISTORY,
    Histories,
    MeasuredFile,
)
from carbonaware_prefect.sources.wiring.live import LIVE, forget_live, open_live
from carbonaware_prefect.sources.wiring.past import read_revised
from tests.sources.contract.server import Api, Asked, Reply, json_reply, serve

DAY = datetime(2026, 2, 3, tzinfo=timezone.utc)
NOW = DAY + timedelta(days=60)
HOUR = timedelta(hours=1)
SPAN = Interval(DAY, DAY + 4 * HOUR)


@contextmanager
def a_server(answer: Callable[[Asked], Reply]) -> Iterator[Api]:
    """A service that answers so."""
    with serve() as api:
        api.answer = answer
        yield api


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    """Sources are opened anew, as another process would."""
    forget_live()
    yield
    forget_live()


def us(hour: float) -> int:
    """So many hours after the beginning of the day."""
    return to_microseconds(DAY + hour * HOUR)


def means(found: Any, low: float, high: float) -> list[tuple[str, float]]:
    """What each evidence that covers that time says."""
    piece = us(low), us(high)
    return [
        (each.grade.value, each.values.mean([piece]))
        for each in found
        if each.values.covers(*piece)
    ]


def energy_charts(asked: Asked) -> Reply:
    """Energy-Charts: 100 g/kWh measured in even hours, 200 forecast but for 03:00."""
    query = parse_qs(urlsplit(asked.path).query)
    start, end = (
        datetime.fromisoformat(query[name][0].replace("Z", "+00:00"))
        for name in ("start", "end")
    )
    starts = [start + i * HOUR for i in range((end - start) // HOUR)]
    return json_reply(
        {
            "unix_seconds": [int(each.timestamp()) for each in starts],
            "co2eq": [None if each.hour % 2 else 100.0 for each in starts],
            "co2eq_forecast": [None if each.hour == 3 else 200.0 for each in starts],
        }
    )


def test_blocks_are_asked_for_once_and_joined() -> None:
    """Measured hours first, then also forecast ones; a gap stays one; a call for each."""
    with a_server(energy_charts) as server:
        settings = Settings(energy_charts_url=server.url, cache_dir="")
        histories = Histories(settings, now=NOW)
        found = None
        for hour in (0, 6, 12):
            found = histories.evidence("DE", "energy_charts", us(hour), us(hour + 1))
            assert means(found, hour, hour + 1) == [("measured", 100), ("forecast", 100)]
        assert means(found, 0, 2) == [("forecast", 150)]
        assert means(found, 2, 4) == []
        assert len(server.asked) == 1
        month = histories.evidence("DE", "energy_charts", us(0), us(24 * 28))
        assert means(month, 24 * 20, 24 * 20 + 1)[:1] == [("measured", 100)]

    assert len(server.asked) == 2
    assert not histories.notes


def test_a_source_that_does_not_answer() -> None:
    """Then what it measured is unknown, which is said once; nothing else stands for it."""
    with a_server(lambda _: Reply(500)) as server:
        histories = Histories(
            Settings(gb_carbon_intensity_url=server.url, cache_dir=""), now=NOW
        )
        for _ in range(3):
            found = histories.evidence("GB", "gb_carbon_intensity", us(0), us(1))
            assert found == []

    assert len(histories.notes) == 1


def test_a_source_that_asks_for_a_pause() -> None:
    """It is asked again when it said, four times in all."""
    pauses: list[float] = []
    busy = Reply(429, headers={"Retry-After": "7"})

    def answer(asked: Asked) -> Reply:
        return busy if len(pauses) < 2 else energy_charts(asked)

    with a_server(answer) as server:
        settings = Settings(energy_charts_url=server.url, cache_dir="")
        histories = Histories(settings, now=NOW, sleep=pauses.append)
        found = histories.evidence("DE", "energy_charts", us(0), us(1))
        assert means(found, 0, 1) == [("measured", 100), ("forecast", 100)]
        assert pauses == [7, 7]
    with a_server(lambda _: busy) as server:
        settings = Settings(energy_charts_url=server.url, cache_dir="")
        histories = Histories(settings, now=NOW, sleep=pauses.append)
        assert histories.evidence("DE", "energy_charts", us(0), us(1)) == []

    assert pauses == [7] * 5
    assert len(histories.notes) == 1


def test_who_is_asked(tmp_path: Path) -> None:
    """A file, a source that was named, the run's own, typical days, nobody."""
    path = tmp_path / "measured.csv"
    path.write_text("start,gco2_per_kwh\n2026-02-03T00:00Z,7\n2026-02-03T01:00Z,9\n")
    settings = Settings(cache_dir="")
    file = MeasuredFile("DE", read_revised(path, "DE", settings))
    with a_server(energy_charts) as server:
        asking = Settings(energy_charts_url=server.url, cache_dir="")
        histories = Histories(asking, files=[file], named=["energy_charts"], now=NOW)

        def asked(zone: str | None, source: str | None) -> Any:
            return histories.evidence(zone, source, us(0), us(1))

        assert means(asked("DE", "energy_charts"), 0, 1) == [("measured", 7)]
        assert means(asked("FR", None), 0, 1) == [("measured", 100), ("forecast", 100)]
        assert asked(None, "energy_charts") is None
        assert asked("US-CAL-CISO", "watttime") is None
        (typical,) = asked("US-CAL-CISO", "typical")
        assert (typical.grade, typical.source) == (Grade.TYPICAL, "typical")
        assert asked("XX", "typical") is None
        # Without its key nobody measures, so that what was forecast may stand.
        assert asked("US-CAL-CISO", "electricity_maps") is None
        assert "CARBONAWARE_ELECTRICITY_MAPS_KEY" in " ".join(histories.notes)


def test_nothing_is_asked_about_the_future() -> None:
    """A block that has not begun is empty, and nobody is asked."""
    with a_server(energy_charts) as server:
        settings = Settings(energy_charts_url=server.url, cache_dir="")
        histories = Histories(settings, now=DAY - timedelta(days=60))

        assert histories.evidence("DE", "energy_charts", us(0), us(1)) == []
        assert not server.asked


def test_sources_with_a_history_are_those_that_say_so() -> None:
    """The column of the table, and the classes."""
    settings = Settings(
        electricity_maps_key="k", watttime_username="u", watttime_password="p",  # noqa: S106
        sdk_url="https://localhost", cache_dir="",
    )  # fmt: skip
    having = [
        name
        for name in LIVE
        if isinstance(getattr(open_live(name, settings), "uncached", None), HasHistory)
    ]

    assert list(WITH_HISTORY) == having


def test_great_britain_has_what_was_measured() -> None:
    """Actual values of the whole country; its regions have forecasts alone."""
    rows = [
        {"from": "2026-02-03T00:00Z", "to": "2026-02-03T00:30Z",
         "intensity": {"forecast": 211, "actual": 206}},
        {"from": "2026-02-03T00:30Z", "to": "2026-02-03T01:00Z",
         "intensity": {"forecast": 199, "actual": None}},
    ]  # fmt: skip
    source = GbCarbonIntensity()
    past = source.parse_history({"data": rows}, "GB", SPAN)
    regional = {"data": {"regionid": 13, "data": [
        {**row, "intensity": {"forecast": 100}} for row in rows]}}  # fmt: skip
    region = source.parse_history(regional, "GB-13", SPAN)

    assert past.measured is not None
    assert past.best is not None
    assert [value for _, value in past.measured] == [206]
    assert [value for _, value in past.best] == [206, 199]
    assert region.measured is None
    assert "2026-02-03T00:00Z/" in str(source.build_history_request("GB", SPAN).url)


def test_electricity_maps_tells_estimates_apart() -> None:
    """What it estimates was not measured; another zone's points are refused."""
    from pydantic import SecretStr

    source = ElectricityMaps(SecretStr("k"))
    points = [
        {"zone": "DE", "datetime": "2026-02-03T00:00:00.000Z", "carbonIntensity": 300,
         "isEstimated": False},
        {"zone": "DE", "datetime": "2026-02-03T01:00:00.000Z", "carbonIntensity": 280,
         "isEstimated": True},
        {"zone": "DE", "datetime": "2026-02-03T02:00:00.000Z", "carbonIntensity": None},
    ]  # fmt: skip
    past = source.parse_history({"data": points}, "DE", SPAN)
    url = unquote(str(source.build_history_request("DE", SPAN).url))

    assert past.measured is not None
    assert past.best is not None
    assert [value for _, value in past.measured] == [300]
    assert [value for _, value in past.best] == [300, 280]
    assert "/v4/carbon-intensity/past-range?zone=DE&" in url
    assert "start=2026-02-03T00:00:00Z&end=2026-02-03T04:00:00Z" in url
    assert "horizonHours" not in url
    with pytest.raises(SourceMalformedError, match="another zone"):
        source.parse_history({"data": points}, "FR", SPAN)


def contradicting_gb() -> Any:
    """A half hour that comes twice."""
    row = {"from": "2026-02-03T00:00Z", "to": "2026-02-03T00:30Z"}
    return {"data": [{**row, "intensity": {"forecast": 1, "actual": n}} for n in (5, 6)]}


@pytest.mark.parametrize(
    "parse",
    [
        lambda: GbCarbonIntensity().parse_history(contradicting_gb(), "GB", SPAN),
        lambda: EnergyCharts().parse_history(
            {"unix_seconds": [1770076800, 1770076800], "co2eq": [5, 6]}, "DE", SPAN
        ),
    ],
)
def test_a_source_that_changed_its_mind(parse: Callable[[], object]) -> None:
    """Two values for one time make no answer."""
    with pytest.raises(SourceMalformedError):
        parse()


def test_a_file_that_says_two_things(tmp_path: Path) -> None:
    """That time is a gap and noted; the same value twice is one; order means nothing."""
    path = tmp_path / "measured.csv"
    lines = ["03:00Z,4", "00:00Z,1", "01:00Z,2", "01:00Z,3", "02:00Z,9", "02:00Z,9"]
    path.write_text(
        "\n".join(["start,gco2_per_kwh", *(f"2026-02-03T{line}" for line in lines)])
    )
    history = read_revised(path, "DE", Settings(cache_dir=""))

    assert [value for _, value in history.actual] == [1, 9, 4]
    assert [piece.duration / HOUR for piece, _ in history.actual] == [1, 1, 1]
    assert history.notes == ("Times with several values were taken as unknown: 1",)
