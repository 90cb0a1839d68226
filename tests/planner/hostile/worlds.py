"""Worlds in which users wrote anything into every field that they may set.

`hostile` gives the same world for the same number: a failure can be looked at again.
"""

from __future__ import annotations

import base64
import json
import uuid
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from carbonaware_prefect.planner.repair.documents import pack
from carbonaware_prefect.planner.repair.entries import entry_for
from carbonaware_prefect.planner.repair.ledger import KEY
from carbonaware_prefect.planner.repair.older import TABLE
from carbonaware_prefect.planner.upcoming import read_upcoming
from tests.planner.hostile.healthy import (
    DIP,
    DUE,
    HOUR,
    a_deployment,
    a_run,
    a_state,
    ours,
    peace,
)
from tests.planner.hostile.nonsense import NUMBERS, Nonsense
from tests.planner.hostile.server import NOW, Json, Prefect

__all__ = ["hostile"]

_FAR = ("0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00", "1970-01-01T00:00:00Z")


def hostile(number: int) -> Prefect:
    """The healthy ones, among some of people who write anything."""
    world, some = peace(), Nonsense(number)
    world.refused.add("refused")
    world.blocks["nightly"] = some.anything() if some.chance(0.3) else some.fields()
    for each in range(some.draw.randrange(3, 7)):
        _neighbour(world, some, 10 + each)
    if some.chance(0.3):
        world.events = [some.anything() for _ in range(2)]
        world.events.append({"occurred": some.text(), "payload": some.anything()})
    if some.chance(0.3):
        key = some.draw.choice((KEY, TABLE))
        _artifact(world, key, _forged(some) if some.chance(0.7) else some.anything())
    some.draw.shuffle(world.deployments)
    some.draw.shuffle(world.runs)
    return world


def _neighbour(world: Prefect, some: Nonsense, number: int) -> None:
    """A deployment with some of its fields wrong, its pool, and one or two runs."""
    deployment = a_deployment(number, **_wrong(some, _DEPLOYMENT))
    if some.chance(0.5):
        deployment["job_variables"] = some.job_variables()
    pool: Json = {
        "id": f"pool-{number}",
        "name": f"pool-{number}{some.text()}",
        "base_job_template": _template(some),
        "concurrency_limit": some.draw.choice((None, 0, 1, 2**40)),
    }
    queue = {"id": str(uuid.UUID(int=500 + number)), "concurrency_limit": some.scalar()}
    world.deployments.append(deployment)
    world.pools.append(pool)
    world.queues.append(queue)
    for each in range(some.draw.randrange(1, 3)):
        identity = str(uuid.UUID(int=1000 + 10 * number + each))
        run = a_run(identity, a_deployment(number), work_pool_name=pool["name"])
        run["work_queue_id"] = queue["id"] if some.chance(0.5) else None
        run |= _wrong(some, _RUN)
        if some.chance(0.3):
            run["state"] = run["state"] | _wrong(some, _STATE)
        if some.chance(0.3):
            run["job_variables"] = some.job_variables()
        world.runs.append(run)
        _fate(world, some, run)


def _fate(world: Prefect, some: Nonsense, run: Json) -> None:
    """What may have become of a run besides."""
    kind = some.draw.randrange(20)
    if kind == 0:
        world.poisoned.add(run["id"])
    elif kind == 1:
        world.stubborn.add(run["id"])
    elif kind < 4:
        _move(some, run)
    elif kind < 6:
        _crash(world, some, run)
    elif kind < 8:
        _remember(world, some, run)


def _move(some: Nonsense, run: Json) -> None:
    """It says that the planner, or a redeploy, had put it where it is."""
    slot = some.draw.choice((DIP, DUE, NOW + 40 * HOUR))
    run["labels"] = ours(DUE, slot) | (_labels(some) if some.chance(0.5) else {})
    if some.chance(0.5):
        run["labels"]["carbonaware.restored_from"] = some.scalar()
        run["labels"]["carbonaware.nominal_start"] = some.draw.choice(_FAR)
    run["state"] = a_state(slot, (NOW - 3 * HOUR).isoformat())
    if some.chance(0.3):
        run["idempotency_key"] = f"carbonaware {some.text()}"
        run["empirical_policy"] = {"retry_type": "in_process"}


def _crash(world: Prefect, some: Nonsense, run: Json) -> None:
    """It crashed after it was moved, or says so."""
    slot = some.draw.choice((DIP.isoformat(), *_FAR))
    labels = ours(DUE, DIP) | {"carbonaware.slot_start": slot}
    run["labels"] = labels | (_labels(some) if some.chance(0.3) else {})
    moved = a_state(DIP, (NOW - 3 * HOUR).isoformat())
    moved["state_details"] = {"scheduled_time": slot}
    at = (NOW - timedelta(minutes=5)).isoformat()
    run["state"] = {"type": "CRASHED", "name": "Crashed", "timestamp": at}
    run["state"]["state_details"] = {}
    world.histories[run["id"]] = [moved | _wrong(some, _STATE), run["state"]]


def _remember(world: Prefect, some: Nonsense, run: Json) -> None:
    """The planner had moved it, and it may be gone since."""
    deployment = a_deployment(0) | {"id": run["deployment_id"]}
    known = read_upcoming(a_run(run["id"], deployment))
    assert known is not None
    nominal = some.draw.choice((NOW - HOUR, DUE))
    entry = replace(
        entry_for(known, deployment, start=DIP, record={}, sentence=some.text()),
        nominal_start=nominal,
        record=ours(nominal, DIP) | (_labels(some) if some.chance(0.5) else {}),
        moved_at=NOW - 3 * HOUR,
    )
    _artifact(world, KEY, pack([(entry, None)]))
    if some.chance(0.5):
        world.deployments[-1]["updated"] = (NOW - timedelta(minutes=10)).isoformat()
    if some.chance(0.2):
        world.poisoned.add(run["id"])
    elif some.chance(0.7):
        world.runs.remove(run)


def _artifact(world: Prefect, key: str, data: Any) -> None:
    number = len(world.artifacts)
    made = (NOW - HOUR + timedelta(minutes=number)).isoformat()
    world.artifacts.insert(
        0, {"id": f"artifact-{number}", "key": key, "created": made, "data": data}
    )


def _forged(some: Nonsense) -> Any:
    """A document or a row of the planner's memory that somebody else has written."""
    identity = str(uuid.UUID(int=some.draw.randrange(900, 1100)))
    times = (*_FAR, NOW.isoformat(), (NOW - HOUR).isoformat())
    row: Json = {
        "run": identity,
        "run id": identity,
        "name": some.text(),
        "deployment": str(uuid.UUID(int=some.draw.randrange(110, 116))),
        "deployment id": str(uuid.UUID(int=some.draw.randrange(110, 116))),
        "schedule": some.scalar(),
        "schedule id": some.scalar(),
        "schedules": some.anything(),
        "origin": ["s", "0123456789abcdef"],
        "timetable": some.text(),
        "before": "before",
        "sentence": some.text(),
        "why": some.text(),
        "theirs": some.scalar(),
        "deletable": some.scalar(),
        "state": some.text(),
        "note": None,
        "record": "{}",
        "written": None,
    }
    for name in ("nominal_start", "start", "moved_at"):
        row[name] = some.draw.choice(times)
    row |= {"nominal start": row["nominal_start"], "starts at": row["start"]}
    row["planned at"] = row["moved_at"]
    if some.chance(0.5):
        row[some.draw.choice([*row])] = some.anything()
    if some.chance(0.3):
        return json.dumps([row])
    before = {"updated": some.text(), "schedules": {"a": some.scalar()}, "content": "x"}
    columns = {name: [each] for name, each in row.items()}
    said = json.dumps({"snapshots": {"before": before}, "columns": columns})
    packed = base64.b64encode(zlib.compress(said.encode())).decode()
    until = some.draw.choice((None, *_FAR, some.text()))
    return {"format": 2, "crashes_until": until, "packed": packed}


def _labels(some: Nonsense) -> Json:
    names = some.draw.sample(
        ("nominal_start", "slot_start", "decided_at", "decided_by", "reason", "moves",
         "intensity_slot", "restored_from", "signal", "source", "zone", "allowed_starts",
         "saving_percent", "key.reason", "key.slot_start"),
        k=some.draw.randrange(1, 8),
    )  # fmt: skip
    return {
        f"carbonaware.{name}": some.draw.choice(_FAR) if some.chance(0.2) else some.scalar()
        for name in names
    }


def _schedules(some: Nonsense) -> Any:
    (schedule,) = a_deployment(0)["schedules"]
    timing: Any = some.anything()
    if some.chance(0.7):
        timing = some.draw.choice(
            (
                {"cron": some.text(), "timezone": some.anything()},
                {"interval": some.draw.choice(NUMBERS), "anchor_date": some.text()},
                {"rrule": some.text(), "timezone": "Europe/Berlin"},
            )
        )
    wrong = {
        "schedule": timing,
        "parameters": some.anything(),
        "slug": some.scalar(),
        "active": some.scalar(),
    }
    for name in some.draw.sample([*wrong], k=2):
        schedule[name] = wrong[name]
    return [schedule] + ([some.anything()] if some.chance(0.2) else [])


def _template(some: Nonsense) -> Any:
    """A base job template of a pool."""
    if some.chance(0.3):
        return some.anything()
    env = some.env() if some.chance(0.5) else some.anything()
    return {"variables": {"properties": {"env": {"default": env}}}}


def _limit(some: Nonsense) -> Any:
    limit = {"limit": some.scalar(), "active": some.scalar(), "name": some.text()}
    return limit if some.chance(0.8) else some.anything()


def _moment(some: Nonsense) -> Any:
    return some.draw.choice((*_FAR, DUE.isoformat(), (NOW + HOUR / 60).isoformat()))


def _details(some: Nonsense) -> Any:
    details = {"scheduled_time": _moment(some), some.text(): some.anything()}
    return details if some.chance(0.8) else some.anything()


def _anything(some: Nonsense) -> Any:
    return some.anything()


Wrong = Mapping[str, Callable[[Nonsense], Any]]
_DEPLOYMENT: Wrong = {
    "name": Nonsense.text,
    "job_variables": Nonsense.job_variables,
    "parameters": _anything,
    "schedules": _schedules,
    "labels": lambda some: some.anything() if some.chance(0.3) else _labels(some),
    "description": Nonsense.scalar,
    "global_concurrency_limit": _limit,
    "concurrency_options": _anything,
    "pull_steps": _anything,
    "work_pool_name": Nonsense.scalar,
    "parameter_openapi_schema": _anything,
    "paused": Nonsense.scalar,
}
_RUN: Wrong = {
    "name": Nonsense.text,
    "labels": lambda some: some.anything() if some.chance(0.3) else _labels(some),
    "parameters": _anything,
    "job_variables": Nonsense.job_variables,
    "tags": _anything,
    "expected_start_time": _moment,
    "empirical_policy": _anything,
    "idempotency_key": Nonsense.scalar,
    "context": _anything,
    "created_by": _anything,
    "run_count": Nonsense.scalar,
}
_STATE: Wrong = {
    "message": _anything,
    "name": Nonsense.text,
    "state_details": _details,
    "data": _anything,
}


def _wrong(some: Nonsense, fields: Wrong) -> Json:
    """Some of the fields, or none, or all of them."""
    kind = some.draw.randrange(10)
    count = len(fields) if kind == 0 else min(kind // 2, 3)
    return {name: fields[name](some) for name in some.draw.sample([*fields], k=count)}
