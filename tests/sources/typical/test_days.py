from __future__ import annotations

import csv
import os
from collections import Counter
from datetime import datetime, timedelta, timezone
from math import fsum
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from carbonaware_prefect.clouds.places import regions
from carbonaware_prefect.core import Forecast, Interval, find_slot
from carbonaware_prefect.errors import NoForecastError
from carbonaware_prefect.sources.base import Source
from carbonaware_prefect.sources.typical import (
    TypicalDays,
    TypicalSource,
    TypicalTables,
    known_zones,
)

UTC = timezone.utc
HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")
TRACES = Path(
    os.environ.get("CARBONAWARE_TRACES", Path(__file__).parents[4] / "shared" / "data")
)


def local_day(year: int, month: int, day: int, zone: ZoneInfo = BERLIN) -> Interval:
    """One calendar day in local time."""
    start = datetime(year, month, day, tzinfo=zone)
    following = start.date() + timedelta(days=1)
    return Interval(
        start, datetime(following.year, following.month, following.day, tzinfo=zone)
    )


def telling_days(time_zone: str) -> TypicalDays:
    """Days whose intensity tells month, day type and hour: 1 to 12, 0 or 1, 00 to 23."""
    return TypicalDays(
        zone="XX",
        time_zone=time_zone,
        source="",
        licence="",
        years=(2026,),
        boundary="lifecycle",
        hours=8760,
        grams=tuple(
            tuple(
                tuple(1000.0 * month + 100 * weekend + hour for hour in range(24))
                for weekend in range(2)
            )
            for month in range(1, 13)
        ),
    )


def told(forecast: Forecast) -> list[float]:
    """The intensities, in order of time."""
    return [grams for _, grams in forecast]


def test_germany_in_april_is_cleanest_at_midday() -> None:
    """The sun is in the table: a weekday's lowest hour lies between 12 and 15 local."""
    forecast = TypicalSource().fetch("DE", local_day(2026, 4, 15))
    cleanest = min(forecast, key=lambda piece: piece[1])[0].start.astimezone(BERLIN)
    assert 12 <= cleanest.hour <= 15


@pytest.mark.parametrize("year", [2026, 2027])
def test_california_in_spring_is_cleanest_by_day(year: int) -> None:
    """A job that may wait a day goes to daylight, whichever source the shape is from."""
    pacific = ZoneInfo("America/Los_Angeles")
    day = local_day(year, 4, 15, pacific)
    forecast = TypicalSource().fetch("US-CAL-CISO", Interval(day.start, day.end + HOUR))
    slot = find_slot(
        forecast, earliest=day.start, latest_start=day.end - HOUR, duration=2 * HOUR
    )
    assert 9 <= slot.start.astimezone(pacific).hour <= 15


def test_it_is_a_source() -> None:
    """It keeps the protocol and says what it is in every forecast."""
    source = TypicalSource()
    forecast = source.fetch("DE", local_day(2026, 1, 1))
    assert isinstance(source, Source)
    assert (forecast.source, forecast.signal, forecast.zone) == ("typical", "average", "DE")
    assert forecast.issued_at is None


def test_the_interval_is_covered_in_whole_hours() -> None:
    """Pieces start and end at whole local hours and cover all that was asked."""
    asked = Interval(
        datetime(2026, 5, 1, 9, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 5, 1, 11, 0, 0, 1, tzinfo=UTC),
    )
    forecast = TypicalSource().fetch("PL", asked)
    assert forecast.start == datetime(2026, 5, 1, 9, tzinfo=UTC)
    assert forecast.end == datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert len(forecast) == 3


def test_day_type_and_month_follow_the_local_calendar() -> None:
    """Midnight in Berlin, not in UTC, ends Friday and January."""
    start = datetime(2026, 1, 31, 22, tzinfo=UTC)  # 23:00 on a Saturday in January
    forecast = telling_days("Europe/Berlin").forecast(Interval(start, start + 2 * HOUR))
    assert told(forecast) == [1123, 2100]


def test_the_short_day() -> None:
    """On the day that clocks go forward, the hour from 2 to 3 does not occur."""
    forecast = telling_days("Europe/Berlin").forecast(local_day(2026, 3, 29))
    assert told(forecast) == [3100 + hour for hour in range(24) if hour != 2]


def test_the_long_day() -> None:
    """On the day that clocks go back, the hour from 2 to 3 occurs twice."""
    forecast = telling_days("Europe/Berlin").forecast(local_day(2026, 10, 25))
    assert told(forecast) == [10100 + hour for hour in sorted([*range(24), 2])]


def test_the_leap_day() -> None:
    """29 February is a day of February."""
    forecast = telling_days("Europe/Berlin").forecast(local_day(2028, 2, 29))
    assert told(forecast) == [2000 + hour for hour in range(24)]


def test_the_end_of_the_year() -> None:
    """December's last hour is followed by January's first."""
    start = datetime(2026, 12, 31, 22, tzinfo=UTC)
    forecast = telling_days("Europe/Berlin").forecast(Interval(start, start + 2 * HOUR))
    assert told(forecast) == [12023, 1000]


def test_half_an_hour_of_offset() -> None:
    """In India local hours start at half past in UTC, and pieces with them."""
    start = datetime(2026, 6, 1, 12, tzinfo=UTC)  # 17:30 on a Monday
    forecast = telling_days("Asia/Kolkata").forecast(Interval(start, start + HOUR))
    assert forecast.start == start - HOUR / 2
    assert told(forecast) == [6017, 6018]


def test_half_an_hour_of_daylight_saving() -> None:
    """Where clocks go back by 30 minutes, the walk falls back into step."""
    start = datetime(2026, 4, 4, 14, tzinfo=UTC)  # 1:00 on a Sunday, before 2:00 -> 1:30
    forecast = telling_days("Australia/Lord_Howe").forecast(
        Interval(start, start + 2 * HOUR)
    )
    lengths = [interval.duration / HOUR for interval, _ in forecast]
    assert list(zip(lengths, told(forecast), strict=True)) == [
        (1, 4101),
        (0.5, 4101),
        (1, 4102),
    ]


def test_a_minute_at_a_time() -> None:
    """Through a year with both changes of the clock, each minute has its local hour."""
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    first = datetime(2027, 12, 30, tzinfo=UTC)
    forecast = telling_days("Australia/Lord_Howe").forecast(
        Interval(first, first + timedelta(days=400))
    )

    for piece, grams in forecast:
        for moment in (piece.start, piece.end - timedelta(minutes=1)):
            local = moment.astimezone(lord_howe)
            weekend = local.weekday() >= 5
            assert grams == 1000 * local.month + 100 * weekend + local.hour


@pytest.mark.parametrize("zone", ["CN", "", "de", "../DE", None])
def test_an_unknown_zone_is_no_guess(zone: str | None) -> None:
    """A zone without a table, or none, raises and names the way out."""
    with pytest.raises(NoForecastError) as caught:
        TypicalSource().fetch(zone, local_day(2026, 1, 1))
    assert "`carbonaware-prefect typical show` lists the zones" in str(caught.value)
    assert "source='file:PATH'" in str(caught.value)


def test_why_there_is_none() -> None:
    """Where wind and water rule, noon is not clean enough to say so."""
    with pytest.raises(NoForecastError, match="wind and water make 23% of its energy"):
        TypicalSource().fetch("CN", local_day(2026, 1, 1))


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("US-CAL-CISO", datetime(1, 1, 1, tzinfo=UTC)),
        ("DE", datetime(9999, 12, 31, 23, tzinfo=UTC)),
    ],
)
def test_the_ends_of_the_calendar(zone: str, start: datetime) -> None:
    """Beyond what Python can count there is no forecast, and no other error."""
    asked = Interval(start, start + HOUR / 2)
    with pytest.raises(NoForecastError, match="outside the calendar"):
        TypicalSource().fetch(zone, asked)


def test_known_zones_have_forecasts() -> None:
    """Each zone listed has plausible hours: positive, below burning coal alone."""
    day = local_day(2026, 7, 1)
    for zone in known_zones():
        assert all(8 < grams < 1000 for grams in told(TypicalSource().fetch(zone, day)))


def test_most_cloud_regions_decide_offline() -> None:
    """By tables alone more than 110 of the regions, more than 122 with the sun."""
    found = [TypicalTables().found(row.zone) for row in regions()]
    kinds = Counter(kind for kind, _ in filter(None, found))

    assert kinds["odbl"] + kinds["open"] >= 110
    assert sum(kinds.values()) >= 122


def test_a_decision_says_whom_to_credit() -> None:
    """The forecast carries publisher, years and licence, and the least saving."""
    basis = TypicalSource().fetch("GB", local_day(2026, 7, 1)).basis

    assert basis is not None
    assert basis.credit == "typical days of 2021-2023: Electricity Maps, ODbL 1.0"
    assert basis.minimum_saving == 0.07
    assert not basis.modelled


@pytest.mark.skipif(
    not TRACES.is_dir(), reason="no traces; set CARBONAWARE_TRACES to their folder"
)
@pytest.mark.parametrize(
    ("zone", "file", "least"),
    [
        ("DE", "cc_DE_lifecycle_2020_2021.csv", 0.08),
        ("US-CAL-CISO", "eia_CISO_2022.csv", 0.15),
        ("US-CAL-CISO", "cc_CISO_lifecycle_2020_2021.csv", 0.15),
        ("US-TEX-ERCO", "eia_ERCO_2022.csv", 0.04),
        ("SE", "cc_SE_lifecycle_2020_2021.csv", 0.01),
    ],
)
def test_it_saves_on_average(zone: str, file: str, least: float) -> None:
    """Scheduled by typical days, 2 h jobs that may wait 12 h emit less than at once."""
    with (TRACES / file).open(encoding="utf-8", newline="") as lines:
        rows = [
            (row[0].replace("Z", "+00:00"), float(row[1]))
            for row in [*csv.reader(lines)][1:]
        ]
    starts = [datetime.fromisoformat(start) for start, _ in rows]
    actual = Forecast.from_intervals(
        (start, start + HOUR, grams) for start, (_, grams) in zip(starts, rows, strict=True)
    )
    typical = TypicalSource().fetch(zone, Interval(actual.start, actual.end))
    at_once, chosen = [], []
    for start in starts[::31]:
        now = actual.mean(start, 2 * HOUR)
        if actual.mean(start, 14 * HOUR) is None or now is None:
            continue
        slot = find_slot(
            typical, earliest=start, latest_start=start + 12 * HOUR, duration=2 * HOUR
        )
        at_once.append(now)
        chosen.append(actual.mean(slot.start, 2 * HOUR) or 0)
    assert fsum(chosen) / fsum(at_once) < 1 - least
