"""The deploy step as `prefect deploy` calls it: with what a YAML file can say."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

import pytest
from packaging.version import Version
from prefect.server.schemas.schedules import CronSchedule
from ruamel.yaml import YAML

from carbonaware_prefect.deploy_step.steps import low_carbon_cron
from carbonaware_prefect.errors import (
    CarbonAwareError,
    InvalidSettingError,
    UnknownPlaceError,
)

THROUGH_WHENEVER = sys.version_info >= (3, 13) or Version(version("prefect")) >= Version(
    "3.9.1"
)


def step(inputs: str) -> dict[str, Any]:
    """What the step gives for inputs as they stand in a file."""
    return low_carbon_cron(**YAML(typ="safe").load(inputs))


def starts(found: dict[str, Any], after: datetime, count: int = 4) -> list[str]:
    """When Prefect starts runs of a schedule with this cron, by its local clock."""
    schedule = CronSchedule(cron=found["cron"], timezone=found["timezone"])
    dates = asyncio.run(schedule.get_dates(n=count, start=after))
    return [f"{at:%a %d %H:%M %Z}" for at in dates]


def test_outputs(capsys: pytest.CaptureFixture[str]) -> None:
    """The step gives the schedule and the numbers behind it, and prints one sentence."""
    found = step("{zone: DE, between: '22:00-06:00', duration: PT1H}")

    assert found == {
        "cron": "0 3 * * *",
        "timezone": "Europe/Berlin",
        "start": "03:00",
        "zone": "DE",
        "intensity_nominal": 418.0,
        "intensity_slot": 390.7,
        "saving_percent": 6.5,
        "source": "typical",
        "signal": "average",
        "sentence": (
            "Typically cleanest start between 22:00 and 06:00 Europe/Berlin: 03:00, "
            "418 -> 391 gCO2/kWh (-7 %) against 22:00, zone DE, cron '0 3 * * *'. An "
            "estimate: mean over the schedule's days of a year, average intensity, "
            "typical days of 2021-2023: Electricity Maps, ODbL 1.0"
        ),
    }
    assert capsys.readouterr().out == found["sentence"] + "\n"


def test_opening_is_the_best() -> None:
    """Where no later start is cleaner, the sentence says so and claims no saving."""
    found = step("{zone: ZA, between: '13:00-18:00', duration: 30m}")

    assert (found["cron"], found["saving_percent"]) == ("0 13 * * *", 0)
    assert (
        "Johannesburg: 13:00, 672 gCO2/kWh, zone ZA, cron '0 13 * * *'; "
        "no later start is cleaner. An estimate"
    ) in found["sentence"]


def test_modelled_days_know_no_grams() -> None:
    """Where the sun alone is known, the step states a saving and no intensity."""
    found = step("{zone: AE, between: '06:00-22:00', duration: 1h}")

    assert found["cron"] == "0 12 * * *"
    assert (found["intensity_nominal"], found["intensity_slot"]) == (None, None)
    assert found["saving_percent"] == 12.7
    assert found["source"] == "typical (sun)"
    assert "12:00, -13 % by modelled days against 06:00, zone AE" in found["sentence"]


def test_day_after_is_said() -> None:
    """A start on another day than the window's is said where days are restricted."""
    found = step("{zone: DE, between: '22:00-06:00', days: weekdays}")

    assert found["cron"].endswith("* * 2-6")
    assert f"Europe/Berlin: {found['start']} the day after, " in found["sentence"]


def test_days_of_a_schedule_are_those_of_its_window() -> None:
    """The night of each weekday has its run: Prefect starts it Tuesday to Saturday."""
    found = step("{zone: DE, between: '22:00-06:00', duration: 1h, days: weekdays}")

    monday = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
    assert [at[:3] for at in starts(found, monday, 6)] == [
        "Tue", "Wed", "Thu", "Fri", "Sat", "Tue",
    ]  # fmt: skip


def test_clock_changes_of_a_schedule() -> None:
    """Prefect starts a skipped time an hour off, and a time that comes twice once.

    Through pendulum it is an hour early, through whenever an hour late.
    """
    found = step("{zone: DE, between: '01:45-02:30'}")

    spring = starts(found, datetime(2026, 3, 28, tzinfo=timezone.utc), 3)
    autumn = starts(found, datetime(2026, 10, 24, tzinfo=timezone.utc), 3)

    skipped = "Sun 29 03:00 CEST" if THROUGH_WHENEVER else "Sun 29 01:00 CET"
    assert spring == ["Sat 28 02:00 CET", skipped, "Mon 30 02:00 CEST"]
    assert autumn == ["Sat 24 02:00 CEST", "Sun 25 02:00 CEST", "Mon 26 02:00 CET"]


@pytest.mark.parametrize(
    ("inputs", "zone", "time_zone"),
    [
        ("zone: DE", "DE", "Europe/Berlin"),
        ("zone: SE-SE3", "SE-SE3", "Europe/Stockholm"),
        ("{provider: gcp, region: us-west2}", "US-CAL-CISO", "America/Los_Angeles"),
        ("region: europe-west3", "DE", "Europe/Berlin"),
        ("{zone: DE, timezone: UTC}", "DE", "UTC"),
        ("{zone: DE, timezone: ''}", "DE", "Europe/Berlin"),
        ("{zone: DE, timezone: }", "DE", "Europe/Berlin"),
    ],
)
def test_place_and_time_zone(inputs: str, zone: str, time_zone: str) -> None:
    """A zone or a cloud region is a place; its own local time is the default."""
    found = low_carbon_cron(between="22:00-06:00", **YAML(typ="safe").load(inputs))

    assert (found["zone"], found["timezone"]) == (zone, time_zone)


@pytest.mark.parametrize(
    ("between", "opens", "closes"),
    [
        ("22:00-06:00", "22:00", "06:00"),
        (" 9:05 - 17:45 ", "09:05", "17:45"),
        ("20:00-24:00", "20:00", "23:59"),
        ("00:00-24:00", "00:00", "23:59"),
        ("20:00-00:00", "20:00", "00:00"),
    ],
)
def test_windows(between: str, opens: str, closes: str) -> None:
    """A window is two local times; 24:00 is the last minute of its day."""
    found = low_carbon_cron(zone="DE", between=between)

    assert f"between {opens} and {closes} Europe/Berlin: " in str(found["sentence"])


@pytest.mark.parametrize(
    ("days", "field"),
    [
        ("every day", "*"),
        ("Weekdays", "1-5"),
        ("weekend", "0,6"),
        ("mon-thu", "1-4"),
        ("fri-mon", "0-1,5-6"),
        ("'Tuesday, fri'", "2,5"),
        ("[mon, wed]", "1,3"),
        ("''", "*"),
        ("", "*"),
    ],
)
def test_days(days: str, field: str) -> None:
    """Days have names, ranges that may wrap, and words."""
    found = step(f"{{zone: DE, between: '09:00-17:00', days: {days}}}")

    assert found["cron"].split()[4] == field


@pytest.mark.parametrize(
    ("months", "field"),
    [
        ("every month", "*"),
        ("6", "6"),
        ("'06'", "6"),
        ("4-9", "4-9"),
        ("oct-mar", "1-3,10-12"),
        ("[6, December]", "6,12"),
    ],
)
def test_months(months: str, field: str) -> None:
    """Months have numbers or names, and ranges that may wrap."""
    found = step(f"{{zone: DE, between: '09:00-17:00', months: {months}}}")

    assert found["cron"].split()[3] == field


def test_seasons_differ() -> None:
    """In summer the sun makes noon the cleanest, so a season gets a start of its own."""
    summer = step("{zone: ES, between: '00:00-24:00', months: apr-sep, duration: 2h}")
    winter = step("{zone: ES, between: '00:00-24:00', months: oct-mar, duration: 2h}")

    assert summer["start"] != winter["start"]


@pytest.mark.parametrize(
    ("inputs", "error", "said"),
    [
        ("between: 22-06", InvalidSettingError, "between='22-06' is no range of allowed"),
        (
            "between: '06:00-06:00'",
            InvalidSettingError,
            "write two local times that differ",
        ),
        ("between: '24:00-06:00'", InvalidSettingError, 'e.g. between: "22:00-06:00"'),
        ("between: '22:00-24:30'", InvalidSettingError, '"00:00-24:00" is a whole day'),
        ("between: 22:00", InvalidSettingError, "is no range of allowed starts"),
        ("between: ", InvalidSettingError, "between=None is no range of allowed starts"),
        ("duration: 60", InvalidSettingError, "duration=60: '60' is no duration; write"),
        ("duration: PT0S", InvalidSettingError, "duration='PT0S' must be longer than zero"),
        ("duration: 8d", InvalidSettingError, "at most 7 days"),
        ("duration: 9999999999d", InvalidSettingError, "is more than a year"),
        ("timezone: Berlin", InvalidSettingError, "timezone='Berlin' is no time zone; "),
        ("timezone: europe/berlin", InvalidSettingError, "nearest known: Europe/Berlin"),
        ("days: 1-5", InvalidSettingError, "days='1-5' names no days; write 'every day'"),
        ("days: [mo, tu]", InvalidSettingError, "mon-thu or tue,fri"),
        ("days: every month", InvalidSettingError, "days='every month' names no days"),
        ("months: 0", InvalidSettingError, "months=0 names no months; write 'every month'"),
        ("months: 4-13", InvalidSettingError, "e.g. 4-9, oct-mar or 6,12"),
        ("zone: CN", UnknownPlaceError, "zone 'CN' has no typical days"),
        ("zone: de", UnknownPlaceError, "nearest known: 'DE'"),
        ("zone: ", UnknownPlaceError, "nobody said where the work runs; give zone, or"),
        ("zone: 7", UnknownPlaceError, "zone '7' is no grid zone key"),
        (
            "{zone: , region: cn-north-1}",
            UnknownPlaceError,
            "zone 'CN' (aws cn-north-1) has no typical days",
        ),
    ],
)
def test_what_is_refused(inputs: str, error: type[CarbonAwareError], said: str) -> None:
    """A wrong input is a typed error: what was given, what is allowed, what to write."""
    right = {"zone": "DE", "between": "22:00-06:00"}

    with pytest.raises(error) as caught:
        low_carbon_cron(**(right | YAML(typ="safe").load(inputs)))

    assert said in str(caught.value)


@pytest.mark.parametrize("inputs", ["zone: CN", "zone: "])
def test_places_that_would_do_are_named(inputs: str) -> None:
    """Where a place is the fault, the error says where zones are listed."""
    with pytest.raises(UnknownPlaceError, match="typical show` lists the zones"):
        step(f"{{between: '22:00-06:00', {inputs}}}")
