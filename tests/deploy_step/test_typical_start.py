from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from math import fsum
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest

from carbonaware_prefect.core import Interval
from carbonaware_prefect.deploy_step.typical_start import DailyWindow, typical_start
from carbonaware_prefect.errors import InvalidInputError
from carbonaware_prefect.sources.typical import Days, TypicalDays, days_of

UTC = timezone.utc
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def table(
    grams: Callable[[int, bool, int], float], time_zone: str = "Europe/Berlin"
) -> TypicalDays:
    """Typical days whose intensity follows from month, weekend or not, and hour."""
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
                tuple(float(grams(month, weekend, hour)) for hour in range(24))
                for weekend in (False, True)
            )
            for month in range(1, 13)
        ),
    )


def by_hour(grams: Callable[[int], float], time_zone: str = "Europe/Berlin") -> TypicalDays:
    """Typical days that are all the same."""
    return table(lambda _month, _weekend, hour: grams(hour), time_zone)


def window(**said: Any) -> DailyWindow:
    """A window; from ten at night to six in Berlin where nothing else is said."""
    night: dict[str, Any] = {"opens": time(22), "closes": time(6)}
    return DailyWindow(**(night | {"time_zone": "Europe/Berlin"} | said))


def clean_at(*hours: int) -> TypicalDays:
    """200 g at these hours of every day, 400 at the others."""
    return by_hour(lambda hour: 200 if hour in hours else 400)


def occurring(
    days: Days, asked: DailyWindow, duration: timedelta
) -> dict[timedelta, float]:
    """By start, the mean over all runs of a year, each followed through real time."""
    zone = ZoneInfo(asked.time_zone)
    year = days.forecast(
        Interval(datetime(2025, 12, 30, tzinfo=UTC), datetime(2027, 1, 5, tzinfo=UTC))
    )
    opened = [
        at
        for at in (date(2026, 1, 1) + timedelta(days=n) for n in range(365))
        if at.weekday() in asked.days and at.month in asked.months
    ]
    means = {}
    start = asked.earliest
    while start <= asked.latest_start:
        runs = [
            year.mean(datetime.combine(day, time(), zone) + start, duration)
            for day in opened
        ]
        means[start] = fsum(run for run in runs if run is not None) / len(runs)
        start += 5 * MINUTE
    return means


@pytest.mark.parametrize(
    ("zone", "time_zone", "opens", "closes", "duration", "days"),
    [
        (
            "US-SW-AZPS",
            "America/Phoenix",
            time(22),
            time(6),
            2 * HOUR,
            {0, 1, 2, 3, 4, 5, 6},
        ),
        ("JP-TK", "Asia/Kathmandu", time(5, 10), time(9, 55), 95 * MINUTE, {2, 5}),
        ("US-SW-AZPS", "UTC", time(14, 20), time(2, 5), 40 * MINUTE, {4, 5, 6}),
    ],
)
def test_it_is_the_best_of_all_starts(
    zone: str,
    time_zone: str,
    opens: time,
    closes: time,
    duration: timedelta,
    days: set[int],
) -> None:
    """Where no clocks change, no start does better over a year, and the means are exact."""
    found = days_of(zone)
    assert found is not None
    asked = window(time_zone=time_zone, opens=opens, closes=closes, days=frozenset(days))
    means = occurring(found, asked, duration)

    best = typical_start(found, asked, duration)

    assert best.intensity_slot == pytest.approx(min(means.values()), rel=1e-12)
    assert best.intensity_slot == pytest.approx(means[best.start], rel=1e-12)
    assert best.intensity_nominal == pytest.approx(means[asked.earliest], rel=1e-12)


@pytest.mark.parametrize(
    ("zone", "time_zone"),
    [("DE", "Europe/Berlin"), ("US-CAL-CISO", "Europe/Berlin"), ("DE", "UTC")],
)
def test_clock_changes_hardly_count(zone: str, time_zone: str) -> None:
    """Runs of the nights in which clocks change shift the means by less than 0.1 %."""
    found = days_of(zone)
    assert found is not None
    asked = window(time_zone=time_zone)
    means = occurring(found, asked, HOUR)

    best = typical_start(found, asked, HOUR)

    assert best.intensity_slot == pytest.approx(means[best.start], rel=1e-3)
    assert best.intensity_slot == pytest.approx(min(means.values()), rel=1e-3)


@pytest.mark.parametrize(
    ("clean", "duration", "start"),
    [
        ((3,), HOUR, "03:00"),
        ((3, 4), 2 * HOUR, "03:00"),
        ((3,), 20 * MINUTE, "03:00"),
        ((2, 3), 90 * MINUTE, "02:00"),
        ((6, 7), HOUR, "06:00"),
        ((6, 7), 3 * HOUR, "05:00"),
        ((21, 22), 45 * MINUTE, "22:00"),
        ((), HOUR, "22:00"),
    ],
)
def test_start_is_the_earliest_of_the_best(
    clean: tuple[int, ...], duration: timedelta, start: str
) -> None:
    """The run covers the clean hours as far as the window allows; ties go to the first."""
    best = typical_start(clean_at(*clean), window(), duration)

    assert f"{best.at:%H:%M}" == start


def test_a_start_between_hours() -> None:
    """A run ends with the clean hour where the hour after is worse than the one before."""
    grams = {1: 350.0, 2: 300.0, 3: 200.0, 4: 390.0}
    days = by_hour(lambda hour: grams.get(hour, 400))

    best = typical_start(days, window(), 100 * MINUTE)

    assert best.cron == "20 2 * * *"
    assert best.intensity_slot == pytest.approx((40 * 300 + 60 * 200) / 100)


def test_bounds_of_the_window_are_starts_too() -> None:
    """A window that opens or closes within an hour is used to the minute."""
    falling = by_hour(lambda hour: 400 - hour)
    rising = by_hour(lambda hour: 400 + hour)
    asked = window(opens=time(7, 10), closes=time(9, 50))

    assert typical_start(falling, asked, HOUR).cron == "50 9 * * *"
    assert typical_start(rising, asked, HOUR).cron == "10 7 * * *"


def test_time_zones_that_shift_against_each_other() -> None:
    """Phoenix knows no summer time: its 20:00 is 5:00 in Berlin's summer, 4:00 in winter.

    Summer is longer, and the mean weighs both by their days.
    """
    days = by_hour(lambda hour: 200 if hour == 20 else 400, "America/Phoenix")

    best = typical_start(days, window(), HOUR)

    assert best.cron == "0 5 * * *"
    summer = (date(2026, 10, 25) - date(2026, 3, 29)).days
    assert best.intensity_slot == pytest.approx((summer * 200 + (365 - summer) * 400) / 365)


def test_days_are_those_on_which_the_window_opens() -> None:
    """Friday's window reaches into the weekend's hours; Sunday's out of them."""
    days = table(lambda _month, weekend, hour: (100 if weekend else 300) + abs(hour - 3))
    friday, sunday = window(days=frozenset({4})), window(days=frozenset({6}))

    after_friday = typical_start(days, friday, HOUR)
    after_sunday = typical_start(days, sunday, HOUR)

    assert (after_friday.cron, after_friday.intensity_slot) == ("0 3 * * 6", 100)
    assert after_friday.intensity_nominal == 300 + 19
    assert (after_sunday.cron, after_sunday.intensity_slot) == ("0 22 * * 0", 100 + 19)


def test_weekdays_and_weekend_have_means_of_their_own() -> None:
    """The mean over all days weighs 261 weekdays and 104 days of weekends."""
    days = table(lambda _month, weekend, _hour: 100 if weekend else 300)
    noon = {"opens": time(9), "closes": time(15)}

    def mean(asked: DailyWindow) -> float:
        return typical_start(days, asked, HOUR).intensity_slot

    assert mean(window(**noon)) == pytest.approx((261 * 300 + 104 * 100) / 365)
    assert mean(window(**noon, days=frozenset(range(5)))) == 300
    assert mean(window(**noon, days=frozenset({5, 6}))) == 100


def test_months_choose_the_season() -> None:
    """With months, only their days count, and the schedule runs in them alone."""
    days = table(lambda month, _weekend, hour: abs(hour - (12 if 4 <= month <= 9 else 2)))
    whole_day = {"opens": time(0), "closes": time(23, 59)}
    summer = window(**whole_day, months=frozenset(range(4, 10)))
    winter = window(**whole_day, months=frozenset({1, 2, 3, 10, 11, 12}))

    assert typical_start(days, summer, HOUR).cron == "0 12 * 4-9 *"
    assert typical_start(days, winter, HOUR).cron == "0 2 * 1-3,10-12 *"


@pytest.mark.parametrize(
    ("opened", "same_day", "day_after"),
    [
        (set(range(7)), "*", "*"),
        (set(range(5)), "1-5", "2-6"),
        ({5, 6}, "0,6", "0-1"),
        ({0}, "1", "2"),
        ({6}, "0", "1"),
        ({5}, "6", "0"),
        ({0, 2, 4}, "1,3,5", "2,4,6"),
    ],
)
def test_cron_days(opened: set[int], same_day: str, day_after: str) -> None:
    """Cron counts from Sunday; a start after midnight lies on the day after."""
    asked = window(days=frozenset(opened))

    before = typical_start(clean_at(23), asked, HOUR)
    after = typical_start(clean_at(4), asked, HOUR)

    assert (before.cron, before.next_day) == (f"0 23 * * {same_day}", False)
    assert (after.cron, after.next_day) == (f"0 4 * * {day_after}", True)


def test_seconds_of_a_duration_are_rounded_up() -> None:
    """A start is at a full minute whatever the duration."""
    best = typical_start(clean_at(3), window(), 2 * HOUR - timedelta(seconds=1))

    assert best.duration == 2 * HOUR
    assert best.start % MINUTE == timedelta(0)


def test_saving_is_against_the_opening() -> None:
    """A quarter less than at the window's opening is a saving of a quarter."""
    days = by_hour(lambda hour: 300 if hour == 3 else 400)

    assert typical_start(days, window(), HOUR).saving == pytest.approx(0.25)


def test_no_saving_against_nothing() -> None:
    """Against an opening without emissions there is no ratio."""
    days = by_hour(lambda hour: -10 if hour == 3 else 0)
    best = typical_start(days, window(), HOUR)

    assert (best.intensity_nominal, best.intensity_slot, best.saving) == (0, -10, None)


@pytest.mark.parametrize("duration", [timedelta(0), -HOUR, timedelta(days=7, seconds=1)])
def test_durations_that_make_no_sense(duration: timedelta) -> None:
    """A duration is positive and at most a week."""
    with pytest.raises(InvalidInputError, match="more than zero and at most 7 days"):
        typical_start(clean_at(3), window(), duration)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"closes": time(22)}, "from 22:00 to 22:00 leaves no choice"),
        ({"opens": time(22, 0, 1)}, "full minutes, got 22:00:01 to 06:00:00"),
        ({"closes": time(6, tzinfo=UTC)}, "full minutes"),
        ({"days": frozenset()}, r"days must be some of 0 to 6, got \[\]"),
        ({"days": frozenset({7})}, r"days must be some of 0 to 6, got \[7\]"),
        ({"months": frozenset({0, 1})}, r"months must be some of 1 to 12, got \[0, 1\]"),
    ],
)
def test_windows_that_make_no_sense(fault: dict[str, Any], message: str) -> None:
    """A window that no schedule could keep is refused, with what is wrong."""
    with pytest.raises(InvalidInputError, match=message):
        window(**fault)


def test_time_zones_lie_quarters_of_an_hour_apart() -> None:
    """What the search relies on: every offset of the year is a multiple of 15 minutes."""
    for name in available_timezones():
        zone = ZoneInfo(name)
        for month in range(1, 13):
            offset = datetime(2026, month, 15, tzinfo=zone).utcoffset()
            assert offset is not None
            assert offset % (15 * MINUTE) == timedelta(0), name
