from __future__ import annotations

import random
from datetime import datetime

import pytest

from carbonaware_prefect.sources.typical import Kept, TypicalDays
from carbonaware_prefect.sources.typical.learning import learn_grams
from carbonaware_prefect.sources.typical.trial import (
    WINDOWS,
    Trial,
    is_worth_it,
    jobs_of,
    kept_by,
    try_table,
)
from tests.sources.typical.years import HOUR, pieces, solar_day


def weather(seed: int, rhythm: float) -> list[tuple[datetime, datetime, float]]:
    """A year of hours: a daily rhythm so strong, and days that nobody can foresee."""
    chance = random.Random(seed)
    level = 0.0
    history = []
    for start, end, grams in pieces(solar_day, time_zone="Europe/Berlin"):
        level = 0.9 * level + chance.gauss(0, 30)
        history.append((start, end, 500 + rhythm * (grams - 400) + level))
    return history


def test_a_perfect_rhythm_is_kept() -> None:
    """Where all days are alike, a table keeps all, and nobody does worse."""
    history = list(pieces(lambda at: 300 - 100 * (at.hour == 12)))

    trial = try_table([history], "UTC")

    assert trial.windows[24].kept == 1
    assert trial.windows[24].worse == 0
    assert trial.minimum_saving == 0.01
    assert set(trial.windows) == {6, 12, 24}


def test_one_year_is_tried_on_every_second_week() -> None:
    """Each week is judged by a table of the others: a rhythm of odd weeks is no use."""

    def odd_weeks_at_noon(local: datetime) -> float:
        clean = 12 if local.isocalendar().week % 2 else 0
        return 300 - 100 * (local.hour == clean)

    trial = try_table([list(pieces(odd_weeks_at_noon))], "UTC")

    assert trial.held_out == "every second week, by the others, and the other way round"
    assert trial.windows[24].kept < 0.05


def test_two_years_are_tried_on_the_newest() -> None:
    """The table of the year before decides, as it would have."""
    clean = {2022: 12, 2023: 3}
    history = list(
        pieces(lambda at: 300 - 100 * (at.hour == clean[at.year]), first=2022, years=2)
    )

    trial = try_table([history], "UTC")

    assert trial.held_out == "twelve months to December 2023, by those before"
    assert trial.windows[24].kept < 0.05


def test_another_supplier_s_older_years_help() -> None:
    """They are the years before, on which the newest is tried."""
    older = list(pieces(lambda at: 700 - 100 * (at.hour == 12), first=2021))
    newest = list(pieces(lambda at: 300 - 100 * (at.hour == 12), first=2022))

    trial = try_table([newest, older], "UTC")

    assert trial.held_out == "twelve months to December 2022, by those before"
    assert trial.windows[24].kept == 1


def test_weak_promises_are_not_worth_a_move() -> None:
    """Where weather rules, the table asks for more before it moves a job."""
    strong = try_table([weather(1, rhythm=1.0)], "Europe/Berlin")
    weak = try_table([weather(1, rhythm=0.3)], "Europe/Berlin")

    assert weak.minimum_saving > strong.minimum_saving
    assert weak.windows[24].worse <= 0.2


def test_no_rhythm_is_not_worth_having() -> None:
    """A table of mere weather does not beat starting at once."""
    trial = try_table([weather(2, rhythm=0.0)], "Europe/Berlin")

    assert not is_worth_it(trial.windows[24])


@pytest.mark.parametrize(
    ("kept", "worse", "worth"),
    [(0.25, 0.25, True), (0.249, 0.1, False), (0.9, 0.251, False), (-0.2, 0.5, False)],
)
def test_the_gate(kept: float, worse: float, worth: bool) -> None:
    """A quarter kept, and no more than a quarter worse."""
    assert is_worth_it(Kept(0.1, kept, worse)) == worth


def test_hours_that_the_table_knows_are_not_judged() -> None:
    """No job's window reaches into a week that the table was learnt from."""
    history = list(pieces(solar_day))
    odd = [piece for piece in history if piece[0].isocalendar().week % 2]

    table = TypicalDays(
        zone="", time_zone="UTC", source="", licence="", years=(2022,), boundary="",
        hours=8760, grams=learn_grams([history], "UTC"),
    )  # fmt: skip
    jobs = jobs_of([(odd, table.forecast)], WINDOWS[-1])

    assert jobs
    for job in jobs:
        last = job.arrival + 26 * HOUR
        assert job.arrival.isocalendar().week % 2 == 1
        assert (last - HOUR).isocalendar().week % 2 == 1


def test_shares_at_a_minimum_saving() -> None:
    """A higher one moves less, keeps less, and does less harm."""
    history = weather(3, rhythm=0.5)
    table = TypicalDays(
        zone="", time_zone="Europe/Berlin", source="", licence="", years=(2022,),
        boundary="", hours=8760, grams=learn_grams([history], "Europe/Berlin"),
    )  # fmt: skip
    jobs = jobs_of([(history, table.forecast)], 24)

    loose, strict = kept_by(jobs, 0.0), kept_by(jobs, 0.1)

    assert loose.kept > strict.kept
    assert loose.worse > strict.worse
    assert loose.possible == strict.possible


def test_a_trial_is_a_value() -> None:
    """Two trials of the same hours are equal."""
    history = weather(4, rhythm=1.0)

    assert isinstance(try_table([history], "UTC"), Trial)
    assert try_table([history], "UTC") == try_table([history], "UTC")
