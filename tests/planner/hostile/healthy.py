"""Deployments that everybody would plan, each in its own way, and what is around them."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from carbonaware_prefect.planner.repair.documents import pack
from carbonaware_prefect.planner.repair.entries import Entry, Snapshot, digest_of
from carbonaware_prefect.planner.repair.ledger import KEY
from tests.planner.hostile.server import NOW, Json, Prefect

__all__ = [
    "CRASHED", "DIP", "DUE", "HOUR", "LOST", "PLAIN", "WAITING",
    "a_deployment", "a_forecast", "a_run", "ours", "peace",
]  # fmt: skip

HOUR = timedelta(hours=1)
DUE = NOW + 2 * HOUR
DIP = DUE + 3 * HOUR
ENV = {
    "CARBONAWARE_ZONE": "DE",
    "CARBONAWARE_WINDOW": "PT9H",
    "CARBONAWARE_SOURCE": "file:dip.csv",
}
PLAIN, BLOCK, TYPICAL, CHAIN, LOST, CRASHED, WAITING = (
    str(uuid.UUID(int=number)) for number in range(1, 8)
)
_CHAIN = "electricity_maps,file:over.csv,file:dip.csv"


def a_forecast(folder: Path) -> None:
    """In a folder: a forecast with one clean hour, and one of hours that are over."""
    title = "start,gco2_per_kwh"
    lines = [title]
    for hours in range(-3, 48):
        start = DUE + hours * HOUR
        lines.append(f"{start.isoformat()},{100 if start == DIP else 300}")
    (folder / "dip.csv").write_text("\n".join(lines))
    over = [f"{(NOW - hours * HOUR).isoformat()},300" for hours in (3, 2)]
    (folder / "over.csv").write_text("\n".join([title, *over]))


def ours(nominal: datetime, slot: datetime) -> Json:
    """The labels of a run that the planner moved three hours ago."""
    return {
        "carbonaware.nominal_start": nominal.isoformat(),
        "carbonaware.slot_start": slot.isoformat(),
        "carbonaware.decided_at": (NOW - 3 * HOUR).isoformat(),
        "carbonaware.decided_by": "planner",
        "carbonaware.reason": "cleaner_slot",
        "carbonaware.moves": 1,
        "carbonaware.allowed_starts": f"{nominal.isoformat()}/{(slot + HOUR).isoformat()}",
    }


def a_deployment(number: int, **fields: Any) -> Json:
    """A deployment with a schedule, as the server would answer it."""
    last = (NOW - 24 * HOUR).isoformat()
    schedule = {"cron": "0 14 * * *", "timezone": "UTC", "day_or": True}
    return {
        "id": str(uuid.UUID(int=100 + number)),
        "name": f"deployment-{number}",
        "tags": ["carbon-aware"],
        "job_variables": {"env": ENV},
        "parameters": {},
        "schedules": [
            {
                "id": str(uuid.UUID(int=300 + number)),
                "active": True,
                "schedule": schedule,
                "parameters": {},
                "slug": None,
                "created": last,
                "updated": last,
            }
        ],
        "labels": {},
        "paused": False,
        "work_pool_name": "pool",
        "global_concurrency_limit": None,
        "created": last,
        "updated": last,
        **fields,
    }


def a_run(identity: str, deployment: Json, **fields: Any) -> Json:
    """A run that its schedule made, as the server would answer it."""
    created = (NOW - 24 * HOUR).isoformat()
    return {
        "id": identity,
        "name": "happy-heron",
        "deployment_id": deployment["id"],
        "work_pool_name": None,
        "work_queue_id": None,
        "expected_start_time": DUE.isoformat(),
        "created": created,
        "auto_scheduled": True,
        "run_count": 0,
        "parameters": {},
        "labels": {},
        "tags": [],
        "job_variables": {},
        "empirical_policy": {},
        "idempotency_key": None,
        "created_by": {
            "type": "SCHEDULE",
            "id": deployment["schedules"][0]["id"],
            "display_value": "s",
        },
        "state": a_state(DUE, created),
        **fields,
    }


def a_state(start: datetime, since: str) -> Json:
    """Scheduled for a start."""
    return {
        "type": "SCHEDULED",
        "name": "Scheduled",
        "message": "",
        "timestamp": since,
        "state_details": {"scheduled_time": start.isoformat()},
    }


def peace() -> Prefect:
    """The healthy ones among themselves."""
    world = Prefect()
    for number, (run, fields) in enumerate(
        {
            PLAIN: {},
            BLOCK: {"job_variables": {"env": {"CARBONAWARE_POLICY": "good"}}},
            TYPICAL: {"job_variables": {"env": {"CARBONAWARE_ZONE": "US-CAL-CISO"}}},
            CHAIN: {"job_variables": {"env": ENV | {"CARBONAWARE_SOURCE": _CHAIN}}},
        }.items()
    ):
        deployment = a_deployment(number, **fields)
        world.deployments.append(deployment)
        pool = f"pool-{number}"
        world.runs.append(a_run(run, deployment, work_pool_name=pool))
        world.pools.append({"id": pool, "name": pool, "concurrency_limit": 3})
    world.blocks["good"] = {"zone": "DE", "source": "file:dip.csv", "window": "PT9H"}
    _waiting(world)
    _lost(world)
    _crashed(world)
    return world


def _waiting(world: Prefect) -> None:
    """One that waits where it was put."""
    deployment = a_deployment(4)
    at = (NOW - 3 * HOUR).isoformat()
    run = a_run(WAITING, deployment, labels=ours(DUE, DIP), state=a_state(DIP, at))
    world.deployments.append(deployment)
    world.runs.append(run)


def _lost(world: Prefect) -> None:
    """One that a redeploy deleted ten minutes ago, while it waited."""
    nominal, slot, moved_at = NOW - HOUR, NOW + 4 * HOUR, NOW - 3 * HOUR
    deployment = a_deployment(5)
    (schedule,) = deployment["schedules"]
    entry = Entry(
        run=LOST,
        name="late-lark",
        deployment=deployment["id"],
        schedule=schedule["id"],
        nominal_start=nominal,
        start=slot,
        moved_at=moved_at,
        origin=("s", digest_of({})),
        before=Snapshot(
            updated=deployment["updated"],
            schedules={schedule["id"]: schedule["updated"]},
            content="before",
        ),
        record=ours(nominal, slot),
        sentence="Waiting",
    )
    deployed = (NOW - timedelta(minutes=10)).isoformat()
    deployment["updated"] = schedule["updated"] = deployed
    world.deployments.append(deployment)
    world.artifacts.append(
        {
            "id": "ledger",
            "key": KEY,
            "created": moved_at.isoformat(),
            "data": pack([(entry, moved_at)]),
        }
    )


def _crashed(world: Prefect) -> None:
    """One that was moved, and whose process ended before it could leave."""
    nominal, slot = NOW - HOUR, NOW + 4 * HOUR
    deployment = a_deployment(6)
    moved = a_state(slot, (NOW - 3 * HOUR).isoformat())
    at = (NOW - timedelta(minutes=5)).isoformat()
    crashed = {"type": "CRASHED", "name": "Crashed", "timestamp": at, "state_details": {}}
    world.histories[CRASHED] = [moved, crashed]
    world.deployments.append(deployment)
    world.runs.append(
        a_run(
            CRASHED,
            deployment,
            labels=ours(nominal, slot),
            state=crashed,
            expected_start_time=nominal.isoformat(),
        )
    )
