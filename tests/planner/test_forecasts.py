"""One forecast for each zone and source, however many runs ask."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from carbonaware_prefect.core import Policy, Reason
from carbonaware_prefect.planner.forecasts import Need, decline, fetch_all, turns_of
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.wiring.fetch import Fetched

NOW = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


def need(source: str | None, zone: str | None, ahead: int = 1, **more: Any) -> Need:
    """A run of one hour that may wait six."""
    policy = Policy(zone=zone, duration=HOUR)
    return Need(
        confined=False,
        request=policy.bind(NOW + ahead * HOUR),
        settings=Settings(source=source, cache_dir="", **more),
    )


def found(*needs: Need) -> Mapping[tuple[Any, ...], Fetched]:
    """What the sources answer."""
    return asyncio.run(fetch_all(needs, NOW, within=HOUR))


def a_file(folder: Path, hours: int) -> str:
    """A forecast file that reaches so far."""
    lines = ["start,gco2_per_kwh"]
    lines += [f"{(NOW + i * HOUR).isoformat()},{200 + i}" for i in range(hours + 1)]
    file = folder / "forecast.csv"
    file.write_text("\n".join(lines))
    return f"file:{file}"


def test_runs_of_a_zone_share_one_answer() -> None:
    """Two runs of one zone and one of another make two questions."""
    asked = [need("typical", "DE"), need("typical", "DE", 9), need("typical", "ES")]
    answers = found(*asked)

    assert len(answers) == 2
    forecast = answers[asked[0].key].forecast
    assert forecast is not None
    # It covers the first run's nominal start and the last one's latest end.
    assert forecast.mean(NOW + HOUR, HOUR) is not None
    assert forecast.mean(NOW + 15 * HOUR, HOUR) is not None


def test_nobody_said_where() -> None:
    """Without a place there is a reason, and what to set."""
    (answer,) = found(need("typical", None)).values()
    decision = decline(answer, need("typical", None).request, NOW)

    assert (answer.forecast, answer.reason) == (None, Reason.NO_PLACE)
    assert "CARBONAWARE_ZONE" in answer.because
    assert decision.sentence.startswith("Starting at its nominal time 13:00 UTC: nobody")


@pytest.mark.parametrize(
    ("source", "zone", "reason"),
    [
        ("typcal", "DE", Reason.INVALID_SETTING),
        ("typical", "IS", Reason.NO_FORECAST),
        ("file:/nowhere/forecast.csv", "DE", Reason.SOURCE_FAILED),
        ("electricity_maps", "DE", Reason.SOURCE_FAILED),
    ],
)
def test_a_source_that_does_not_help(source: str, zone: str, reason: Reason) -> None:
    """No fault is raised; each has its reason, and the others are answered."""
    asked = [need(source, zone), need("typical", "ES")]
    answers = found(*asked)

    assert answers[asked[0].key].forecast is None
    assert answers[asked[0].key].reason is reason
    assert answers[asked[1].key].forecast is not None


def test_a_chain_goes_on_to_the_next_source(tmp_path: Path) -> None:
    """A file that ends before any slot is passed over, and that is told."""
    asked = need(f"{a_file(tmp_path, 1)}", "DE")
    alone = found(asked)[asked.key]
    chain = need("electricity_maps,typical", "DE")
    passed_over = found(chain)[chain.key]

    assert alone.forecast is not None
    assert passed_over.forecast is not None
    assert passed_over.forecast.source == "typical"
    assert passed_over.failures[0].startswith("electricity_maps: ")


def test_who_names_a_file(tmp_path: Path) -> None:
    """The planner names any file; a deployment none, where it has no folder for them."""
    own = need(a_file(tmp_path, 8), "DE")
    others = replace(own, confined=True)
    answers = found(own, others)

    assert answers[own.key].forecast is not None
    assert answers[others.key].reason is Reason.INVALID_SETTING
    assert "CARBONAWARE_FORECAST_FOLDER" in answers[others.key].because


def test_a_thousand_zones_take_no_longer_than_allowed() -> None:
    """What is left when time is over starts as due; the most wanted zones come first."""
    few = [need("typical", f"ZZ-{number}") for number in range(20)]
    many = [need("typical", "DE", ahead) for ahead in range(3)]
    nothing = asyncio.run(fetch_all([*few, *many], NOW, within=timedelta(0)))
    answers = found(*few, *many)

    assert {answer.reason for answer in nothing.values()} == {Reason.SOURCE_FAILED}
    assert "no time was left" in nothing[few[0].key].because
    assert next(iter(answers)) == many[0].key
    assert answers[many[0].key].forecast is not None


def test_a_deployment_with_many_zones_waits_for_the_others() -> None:
    """Its second zone comes after the first one of everybody else."""
    many = [replace(need("auto", zone), deployment="many") for zone in ("DE", "FR", "ES")]
    few = replace(need("auto", "GB"), deployment="few")
    turns = turns_of({each.key: [each] for each in [*many, few]})

    assert [turns[each.key] for each in many] == [0, 1, 2]
    assert turns[few.key] == 0


def test_one_that_may_never_start_settles_nothing_for_the_others(tmp_path: Path) -> None:
    """A forecast of no use to those that may start is passed over all the same."""
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    for file, hours in ((old, range(-5, -2)), (new, range(9))):
        lines = [f"{(NOW + i * HOUR).isoformat()},{300 - i}" for i in hours]
        file.write_text("\n".join(["start,gco2_per_kwh", *lines]))
    chain = f"electricity_maps,file:{old},file:{new}"
    open_for_all = need(chain, "DE")
    closed = Policy(zone="DE", duration=HOUR, window=HOUR).bind(NOW - 9 * HOUR)
    never = replace(open_for_all, request=closed)
    answers = found(never, open_for_all)

    assert not closed.starts_from(NOW)
    forecast = answers[open_for_all.key].forecast
    assert forecast is not None
    assert forecast.mean(NOW + HOUR, HOUR) is not None
