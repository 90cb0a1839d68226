from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from math import fsum
from zoneinfo import ZoneInfo

import pytest

from carbonaware_prefect.errors import InvalidInputError
from carbonaware_prefect.sources.typical.learning import (
    OLDER,
    learn_grams,
    lengths_of,
    years_of,
)
from tests.sources.typical.years import HOUR, UTC, pieces

MINUTE = timedelta(minutes=1)
Grams = tuple[tuple[tuple[float, ...], ...], ...]


def uneven(local: datetime) -> float:
    """No two months, day types or hours alike, and every day another."""
    return (
        300
        + 20 * ((local.month * 5) % 12)
        + 40 * (local.weekday() >= 5)
        + 7 * ((local.hour * 11) % 24)
        + local.day
    )


def by_brute_force(
    grams: Callable[[datetime], float], time_zone: str, step: timedelta = HOUR
) -> Grams:
    """Each cell from all quarters of an hour of 2022, then leaning on its neighbours."""
    zone = ZoneInfo(time_zone)
    sums: dict[tuple[int, int, int], list[float]] = {}
    for start, end, value in pieces(grams, time_zone=time_zone, step=step):
        for i in range((end - start) // (15 * MINUTE)):
            local = (start + i * 15 * MINUTE).astimezone(zone)
            cell = (local.month, int(local.weekday() >= 5), local.hour)
            sums.setdefault(cell, []).append(value)
    means = {cell: fsum(values) / len(values) for cell, values in sums.items()}

    def leaning(month: int, kind: int, hour: int) -> float:
        near = [
            (
                (5, 2)[other] * (1 if other == kind else 0.3) * (0.5 if step_ else 1),
                means[(month - 1 + step_) % 12 + 1, other, hour],
            )
            for other in (0, 1)
            for step_ in (-1, 0, 1)
        ]
        return fsum(w * mean for w, mean in near) / fsum(w for w, _ in near)

    return tuple(
        tuple(tuple(leaning(m, kind, hour) for hour in range(24)) for kind in (0, 1))
        for m in range(1, 13)
    )


def flat(grams: Grams) -> list[float]:
    """All cells in order."""
    return [value for month in grams for day in month for value in day]


@pytest.mark.parametrize(
    "time_zone",
    [
        "Europe/London",
        "America/Sao_Paulo",
        "Australia/Sydney",
        "Australia/Lord_Howe",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "America/St_Johns",
        "Pacific/Auckland",
    ],
)
def test_cells_are_what_every_quarter_of_an_hour_says(time_zone: str) -> None:
    """Clocks that change, in either hemisphere, and offsets of 30 and 45 minutes."""
    learnt = learn_grams([list(pieces(uneven, time_zone=time_zone))], time_zone)

    assert flat(learnt) == pytest.approx(flat(by_brute_force(uneven, time_zone)), rel=1e-3)


@pytest.mark.parametrize("minutes", [15, 30])
def test_finer_values_are_weighted_by_their_time(minutes: int) -> None:
    """A table from 30-minute values is that of their hours' means."""
    zone = "Europe/London"
    step = minutes * MINUTE
    fine = list(pieces(lambda at: uneven(at) + at.minute, time_zone=zone, step=step))
    mean = fsum(range(0, 60, minutes)) / (60 // minutes)
    whole = list(pieces(lambda at: uneven(at) + mean, time_zone=zone))

    assert flat(learn_grams([fine], zone)) == pytest.approx(
        flat(learn_grams([whole], zone)), rel=1e-3
    )


def test_a_leap_day_counts_as_a_day_of_february() -> None:
    """The 29th says as much about February as the others."""
    rare = datetime(2024, 2, 29, tzinfo=UTC)

    def grams(at: datetime) -> float:
        return 1000 if at.date() == rare.date() else 100

    with_it = learn_grams([list(pieces(grams, first=2024))], "UTC")
    without = learn_grams([list(pieces(lambda _: 100, first=2024))], "UTC")

    # 21 weekdays of the month lean on the neighbours: 10 of 10 + 5 + 5, and the types.
    share = 5 / (5 + 2 * 0.3) / 2
    more = with_it[1][0][12] - without[1][0][12]
    assert more == pytest.approx(900 / 21 * share, rel=0.01)
    assert with_it[6] == without[6]


def test_the_newest_twelve_months_count_most() -> None:
    """Each twelve months before count a twentieth of those after."""
    history = list(pieces(lambda at: {2021: 400, 2022: 100}[at.year], first=2021, years=2))

    (value, *_) = flat(learn_grams([history], "UTC"))

    assert OLDER == 0.05
    assert value == pytest.approx((100 + 0.05 * 400) / 1.05, rel=0.02)


def test_an_older_year_fills_what_the_newest_lacks() -> None:
    """A month that the newest year has no data of comes from the year before."""
    history = [
        piece
        for piece in pieces(lambda at: 300 if at.month == 5 else 100, first=2021, years=2)
        if (piece[0].year, piece[0].month) != (2022, 5)
    ]

    learnt = learn_grams([history], "UTC")

    assert learnt[4][0][12] > learnt[3][0][12] > learnt[1][0][12]


def test_two_suppliers_never_mix_their_grams() -> None:
    """The first sets the scale, the other adds only its shape."""
    one = list(pieces(lambda _: 100))
    other = list(pieces(lambda at: 900 if at.hour < 12 else 300))

    learnt = learn_grams([one, other], "UTC")

    assert fsum(flat(learnt)) / 576 == pytest.approx(100, rel=0.01)
    assert learnt[0][0][3] == pytest.approx(125, rel=0.01)
    assert learnt[0][0][15] == pytest.approx(75, rel=0.01)


def test_holes_of_a_day_do_no_harm() -> None:
    """Nothing is read as zero."""
    day = datetime(2022, 3, 13, tzinfo=UTC)
    history = [p for p in pieces(lambda _: 100) if not day <= p[0] < day + 24 * HOUR]

    assert set(flat(learn_grams([history], "UTC"))) == {100}


def test_a_month_without_data_is_named() -> None:
    """Of a month that nobody measured there are no typical days."""
    history = [p for p in pieces(lambda _: 100) if p[0].month not in {5, 6}]

    with pytest.raises(InvalidInputError) as caught:
        learn_grams([history], "Europe/Berlin")

    said = str(caught.value)
    assert "too little data in month 5, 6: e.g. 0 h for weekdays at 0:00" in said
    assert "give histories of whole years" in said


def test_zero_and_negative_values_are_numbers() -> None:
    """Marginal intensities may be either."""
    history = list(pieces(lambda at: -5 if at.hour == 3 else 0))

    learnt = learn_grams([history], "UTC")

    assert learnt[0][0][3] == -5
    assert learnt[0][0][4] == 0


def test_years_and_hours_are_told() -> None:
    """A year of which only the last hours are known, by the local clock, is none."""
    history = list(pieces(lambda _: 100, first=2021, years=2))

    assert years_of([history], "America/Los_Angeles") == (2021, 2022)
    assert lengths_of([history]) == 2 * 8760
