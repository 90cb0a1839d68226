from __future__ import annotations

from datetime import datetime, timedelta, timezone
from math import asin, degrees, fsum

import pytest

from carbonaware_prefect.core import Interval, find_slot
from carbonaware_prefect.sources.typical import SunDays, TypicalSource, TypicalTables
from carbonaware_prefect.sources.typical.sun import sine_of_height
from carbonaware_prefect.sources.typical.tables import country_mixes

UTC = timezone.utc
HOUR = timedelta(hours=1)


def days(**said: object) -> SunDays:
    """A grid at 20 degrees north, ten percent solar, unless said otherwise."""
    known: dict[str, object] = {
        "zone": "XX", "time_zone": "UTC", "latitude": 20.0, "longitude": 0.0,
        "solar": 0.1, "wind": 0.0, "hydro": 0.0, "year": 2023, "mix_of": "Nowhere",
    }  # fmt: skip
    return SunDays(**(known | said))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("moment", "latitude", "longitude", "height"),
    [
        # Noon at the equinoxes and solstices: 90 degrees less the distance in latitude.
        (datetime(2026, 3, 20, 12, 7, tzinfo=UTC), 51.5, 0.0, 38.5),
        (datetime(2026, 6, 21, 12, 2, tzinfo=UTC), 51.5, 0.0, 61.9),
        (datetime(2026, 12, 21, 11, 58, tzinfo=UTC), 51.5, 0.0, 15.1),
        (datetime(2026, 6, 21, 12, 2, tzinfo=UTC), -33.9, 0.0, 32.7),
        (datetime(2026, 12, 21, 11, 58, tzinfo=UTC), -33.9, 0.0, 79.5),
        # Six hours east it is noon when it is six in the morning at zero.
        (datetime(2026, 3, 20, 6, 7, tzinfo=UTC), 20.0, 90.0, 70.0),
    ],
)
def test_how_high_the_sun_stands(
    moment: datetime, latitude: float, longitude: float, height: float
) -> None:
    """At noon, to within half a degree of the almanac."""
    found = degrees(asin(sine_of_height(moment, latitude, longitude)))

    assert found == pytest.approx(height, abs=0.5)


@pytest.mark.parametrize(
    ("day", "equation"),
    [((2026, 2, 11), -14.2), ((2026, 5, 14), 3.7), ((2026, 11, 3), 16.4)],
)
def test_when_noon_is(day: tuple[int, int, int], equation: float) -> None:
    """The sun is ahead of the clock, or behind it, by what the almanac says."""
    noon = datetime(*day, 12, tzinfo=UTC)
    minutes = range(-30, 31)
    highest = max(minutes, key=lambda m: sine_of_height(noon + timedelta(minutes=m), 50, 0))

    assert -highest == pytest.approx(equation, abs=1)


def test_the_sun_of_a_year_makes_its_share() -> None:
    """Over a year the modelled day lies below its level by the solar share."""
    for latitude in (-45.0, 0.0, 20.0, 65.0):
        grid = days(latitude=latitude, solar=0.05)
        year = grid.forecast(
            Interval(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
        )
        mean = fsum(percent for _, percent in year) / len(year)
        assert mean == pytest.approx(95, abs=0.1)


def test_seasons_turn_with_the_hemisphere() -> None:
    """Noon in December is cleaner in the south than in June."""
    south = days(latitude=-35.0)

    december, june = (
        south.at(datetime(2026, month, 21, 12, 30, tzinfo=UTC)) for month in (12, 6)
    )

    assert december < june


def test_at_night_a_grid_is_at_its_level() -> None:
    """Without sun there is nothing that the model knows."""
    assert days().at(datetime(2026, 6, 21, 0, tzinfo=UTC)) == 100


def test_no_share_exceeds_the_grid() -> None:
    """However much sun there is in a year, at noon a tenth is made otherwise."""
    assert days(solar=0.6).at(datetime(2026, 6, 21, 12, tzinfo=UTC)) == 10


def test_jobs_in_dubai_go_to_noon() -> None:
    """The United Arab Emirates have no history that may be used, and much sun."""
    evening = datetime(2026, 11, 27, 18, tzinfo=UTC)
    asked = Interval(evening, evening + 26 * HOUR)
    forecast = TypicalSource().fetch("AE", asked)
    slot = find_slot(
        forecast, earliest=evening, latest_start=evening + 24 * HOUR, duration=2 * HOUR
    )

    # Noon in Dubai is at 8:09 UTC that day.
    assert slot.start <= datetime(2026, 11, 28, 8, 9, tzinfo=UTC) <= slot.end
    assert (forecast.source, forecast.modelled) == ("typical (sun)", True)


def test_pieces_follow_the_local_clock() -> None:
    """In India hours start at half past in UTC, and so do the pieces."""
    start = datetime(2026, 6, 1, 6, tzinfo=UTC)
    forecast = TypicalSource().fetch("IN-WE", Interval(start, start + HOUR))

    assert forecast.start == start - HOUR / 2
    assert len(forecast) == 2


@pytest.mark.parametrize(
    ("mix", "fault"),
    [
        ({"solar": 0.02, "wind": 0.1, "hydro": 0.1}, None),
        ({"solar": 0.0199}, "the sun makes 2.0% of its energy, less than 2 %"),
        (
            {"wind": 0.11, "hydro": 0.1},
            "wind and water make 21% of its energy, more than 20 %",
        ),
    ],
)
def test_the_gate(mix: dict[str, float], fault: str | None) -> None:
    """Noon is clean where there is sun, and little of what follows another rhythm."""
    assert days(**mix).fault == fault


def test_what_the_gate_keeps_out_has_no_days() -> None:
    """Each zone with a mix and without a table is modelled or has none."""
    tables = TypicalTables()
    for zone, mix in country_mixes().items():
        found = tables.found(zone)
        if next((kind for kind, _ in tables.each(zone) if kind != "sun"), None) is None:
            assert (found is None) == (mix.fault is not None), zone


def test_it_is_said_to_be_modelled() -> None:
    """The credit names the mix, its year, whose it is, and its licence."""
    days_of_india = TypicalTables().days_of("IN-WE")

    assert days_of_india is not None
    assert days_of_india.credit == (
        "modelled from the sun and the mix of India (country) in 2023: Our World in Data "
        "from Ember and the Energy Institute, CC BY 4.0"
    )
