"""What a repair says that it did, and what it did."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, cast
from uuid import UUID

import pytest

from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.reads import Unreadable
from carbonaware_prefect.planner.repair.documents import Mention
from carbonaware_prefect.planner.repair.entries import Entry
from carbonaware_prefect.planner.repair.ledger import Ledger
from carbonaware_prefect.planner.repair.repairs import Repairs
from carbonaware_prefect.planner.report import Action, Outcome
from carbonaware_prefect.planner.upcoming import StartOwner, Upcoming, read_upcoming

HOUR = timedelta(hours=1)
NOW = datetime(2026, 1, 10, 1, tzinfo=timezone.utc)
DUE = NOW + HOUR
RUN, TWIN, DEPLOYMENT = (str(UUID(int=n)) for n in (1, 2, 3))
DEPLOYED = {"id": DEPLOYMENT, "name": "nightly", "schedules": [{"id": "new"}]}
STARTED_EARLY = Entry(
    run=RUN,
    name="happy-heron",
    deployment=DEPLOYMENT,
    schedule="old",
    nominal_start=DUE,
    start=NOW - HOUR / 2,
    moved_at=NOW - HOUR,
)


class Server:
    """One that has a run whose twin it is asked to cancel.

    Args:
        results: what it answers to that.
        there: the runs that it has.
    """

    unreadable: Mapping[str, Unreadable] = {}

    def __init__(
        self, results: list[dict[str, Any]], there: tuple[str, ...] = (RUN,)
    ) -> None:
        self._results = results
        self._there = there

    async def runs(self, ids: list[str]) -> list[dict[str, Any]]:
        return [
            {"id": each, "state_name": "Completed"} for each in ids if each in self._there
        ]

    async def crashed(self, since: datetime) -> list[dict[str, Any]]:
        return []

    async def delete_scheduled(self, ids: list[str]) -> set[str]:
        return set()

    async def set_states(self, *_: Any) -> list[dict[str, Any]]:
        return self._results

    async def call(self, *_: Any, **__: Any) -> None:
        return None


def upcoming(run: str, start: datetime, **labels: str) -> Upcoming:
    """A run that is due at the same time as the other."""
    found = read_upcoming(
        {
            "id": run,
            "name": "sad-swan",
            "deployment_id": DEPLOYMENT,
            "created": NOW.isoformat(),
            "expected_start_time": DUE.isoformat(),
            "auto_scheduled": True,
            "labels": labels,
            "state": {
                "name": "Scheduled",
                "state_details": {"scheduled_time": start.isoformat()},
            },
        }
    )
    assert found is not None
    return found


def cancel(results: list[dict[str, Any]]) -> Outcome:
    """What is reported about the twin of a run that started early."""
    twin = upcoming(TWIN, DUE)
    api = cast("Api", Server(results))
    repairs = Repairs(api, NOW, {DEPLOYMENT: DEPLOYED}, [twin])

    async def mend() -> None:
        await repairs.look(Ledger.of([Mention(STARTED_EARLY, NOW)], ["document"]))
        await repairs.write([])
        await repairs.treat()

    asyncio.run(mend())
    (outcome,) = repairs.outcomes()
    return outcome


@pytest.mark.parametrize(
    ("results", "fault"),
    [
        ([{"flow_run_id": TWIN, "status": "ACCEPT"}], None),
        ([], "it was not cancelled: it waits no longer"),
        (
            [{"flow_run_id": TWIN, "status": "REJECT", "details": {"reason": "no"}}],
            "the server refused to cancel it",
        ),
    ],
    ids=["cancelled", "gone", "refused"],
)
def test_cancelled_is_what_was_cancelled(
    results: list[dict[str, Any]], fault: str | None
) -> None:
    """An empty answer is no success."""
    outcome = cancel(results)

    assert (outcome.run, outcome.action, outcome.fault) == (TWIN, Action.CANCEL, fault)


@pytest.mark.parametrize("there", [True, False])
def test_twin_of_a_run_that_is_due(there: bool) -> None:
    """A redeploy spares what is due: that is looked up anew before its twin goes."""
    start = STARTED_EARLY.start
    plan = {
        "nominal_start": DUE.isoformat(),
        "slot_start": start.isoformat(),
        "decided_at": STARTED_EARLY.moved_at.isoformat(),
        "decided_by": "planner",
        "reason": "cleaner_slot",
    }
    due = upcoming(RUN, start, **{f"carbonaware.{k}": v for k, v in plan.items()})
    server = Server([], (RUN,) if there else ())
    repairs = Repairs(
        cast("Api", server), NOW, {DEPLOYMENT: DEPLOYED}, [due, upcoming(TWIN, DUE)]
    )
    ledger = Ledger.of([Mention(STARTED_EARLY, NOW)], ["document"])

    asyncio.run(repairs.look(ledger))

    assert due.start_owner is StartOwner.PLANNER
    assert (TWIN in repairs.not_to_plan) is there
