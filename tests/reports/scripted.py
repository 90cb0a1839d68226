"""Runs with a history as a test tells it, written into the SQLite file of a server.

What Prefect's server makes of states it makes by these rules: the start of a run is that of
its first Running state, its end that of its last state where that is a final one, and its
run time that of all Running states together.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.prefect_server.server import Server

__all__ = ["Told", "labels", "write_runs"]

_FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
_NOTHING = timedelta(0)


@dataclass(frozen=True)
class Told:
    """A run as a test tells it.

    Attributes:
        name: of the run.
        due: when it was to start (UTC).
        states: type and beginning of each, in order; a type may have a name, after a colon.
        labels: all that it carries, by their whole names.
    """

    name: str
    due: datetime
    states: Sequence[tuple[datetime, str]]
    labels: dict[str, Any] = field(default_factory=dict)


def labels(**fields: Any) -> dict[str, Any]:
    """Our record, from fields without the prefix; moments as they are written down."""
    return {
        f"carbonaware.{name}": value.isoformat() if isinstance(value, datetime) else value
        for name, value in fields.items()
        if value is not None
    }


def write_runs(server: Server, deployment: str, runs: Iterable[Told]) -> dict[str, str]:
    """Write the runs of a deployment; their ids by name."""
    made = server.call(
        "POST",
        f"/deployments/{deployment}/create_flow_run",
        json={"state": {"type": "COMPLETED"}},
    )
    ids: dict[str, str] = {}
    file = server.database.removeprefix("sqlite+aiosqlite:///")
    with closing(sqlite3.connect(file, timeout=60)) as database, database:
        database.row_factory = sqlite3.Row
        run = _row(database, "flow_run", made["id"])
        state = _row(database, "flow_run_state", made["state"]["id"])
        run_rows, state_rows = [], []
        for told in runs:
            ids[told.name] = str(uuid.uuid4())
            states = _states(state, told, ids[told.name])
            state_rows += states
            run_rows.append(_run(run, told, ids[told.name], states[-1]))
        _insert(database, "flow_run", run_rows)
        _insert(database, "flow_run_state", state_rows)
    server.call("DELETE", f"/flow_runs/{made['id']}")
    return ids


def _row(database: sqlite3.Connection, table: str, key: str) -> dict[str, Any]:
    found = database.execute(f"select * from {table} where id = ?", (key,))  # noqa: S608
    return dict(found.fetchone())


def _insert(
    database: sqlite3.Connection, table: str, rows: Sequence[dict[str, Any]]
) -> None:
    names, marks = ",".join(rows[0]), ",".join("?" * len(rows[0]))
    database.executemany(
        f"insert into {table} ({names}) values ({marks})",  # noqa: S608  our own names
        [tuple(row.values()) for row in rows],
    )


def _states(template: dict[str, Any], told: Told, run: str) -> list[dict[str, Any]]:
    rows = []
    for at, words in told.states:
        kind, _, name = words.partition(":")
        rows.append(
            template
            | {
                "id": str(uuid.uuid4()),
                "flow_run_id": run,
                "type": kind,
                "name": name or kind.capitalize(),
                "timestamp": _written(at),
                "state_details": "{}",
            }
        )
    return rows


def _run(
    template: dict[str, Any], told: Told, run: str, last: dict[str, Any]
) -> dict[str, Any]:
    running = [at for at, words in told.states if words.startswith("RUNNING")]
    ran = sum(
        (
            end - start
            for (start, words), (end, _) in pairwise(told.states)
            if words.startswith("RUNNING")
        ),
        _NOTHING,
    )
    final = last["type"] in _FINAL
    zero = datetime(1970, 1, 1)  # noqa: DTZ001  as the server writes an interval
    return template | {
        "id": run,
        "name": told.name,
        "state_id": last["id"],
        "state_type": last["type"],
        "state_name": last["name"],
        "state_timestamp": last["timestamp"],
        "labels": json.dumps(told.labels),
        "expected_start_time": _written(told.due),
        "start_time": _written(running[0]) if running else None,
        "end_time": last["timestamp"] if final else None,
        "total_run_time": _written(zero + ran),
        "run_count": len(running),
        "idempotency_key": run,
    }


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"
