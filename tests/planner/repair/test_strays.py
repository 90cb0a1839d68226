"""Runs that Prefect's scheduler makes for a schedule that a deploy has just deleted."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest

from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.repair.strays import find_strays
from carbonaware_prefect.planner.upcoming import Upcoming
from tests.planner.repair.test_twins import DUE, a_run

NOW = DUE - timedelta(hours=1)
GONE = {"id": "gone", "type": "SCHEDULE", "display_value": "nightly"}
STRAY, FRESH = a_run("stray", created_by=GONE), a_run("fresh")
DEPLOYED = {"deployment": {"id": "deployment", "schedules": [{"id": "new"}]}}


class Present:
    """The API, with what is there when the planner looks again."""

    def __init__(self, schedule: str = "new", gone: str = "") -> None:
        self.schedule, self.gone = schedule, gone

    async def deployments_with(self, ids: list[str]) -> list[dict[str, Any]]:
        return [{"id": key, "schedules": [{"id": self.schedule}]} for key in ids]

    async def runs(self, ids: list[str]) -> list[dict[str, Any]]:
        return [{"id": key} for key in ids if key != self.gone]


def found(*runs: Upcoming, present: Present | None = None) -> list[tuple[str, str]]:
    """Names of the strays, each with that of the run that counts."""
    api = cast("Api", present or Present())
    pairs = asyncio.run(find_strays(api, NOW, runs, DEPLOYED))
    return [(stray.name, twin.name) for stray, twin in pairs]


def test_beside_the_run_that_counts() -> None:
    """One of a schedule that is no more, due at the same time."""
    assert found(STRAY, FRESH) == [("stray", "fresh")]


@pytest.mark.parametrize(
    "runs",
    [
        (STRAY,),
        (STRAY, a_run("later", DUE + timedelta(minutes=1))),
        (FRESH, a_run("other schedule")),
        (a_run("of a person", created_by={}), FRESH),
        (a_run("due", NOW, created_by=GONE), a_run("fresh", NOW)),
    ],
    ids=["alone", "other time", "two schedules", "of nobody", "due"],
)
def test_no_stray(runs: tuple[Upcoming, ...]) -> None:
    """When in doubt a run starts; what is due may have been spared by the deploy."""
    assert found(*runs) == []


@pytest.mark.parametrize(
    "present",
    [Present(schedule="gone"), Present(gone="stray Bonn"), Present(gone="fresh Bonn")],
    ids=["deployed anew", "stray deleted", "twin deleted"],
)
def test_looked_at_again(present: Present) -> None:
    """Deployments and runs are read one after the other; a deploy may come between."""
    assert found(STRAY, FRESH, present=present) == []
