"""What versions before 0.3 wrote down: a table with all runs in each of its versions."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.calls import Json
from carbonaware_prefect.planner.repair import artifacts
from carbonaware_prefect.planner.repair.documents import Mention
from carbonaware_prefect.planner.repair.entries import Entry, Snapshot
from carbonaware_prefect.planner.upcoming import moment

__all__ = ["TABLE", "is_older", "read_older"]

TABLE = "carbon-aware-runs"
# So many versions those planners read themselves.
_VERSIONS = 20
_THEIRS, _SETTLED = "a person's", "settled"


async def read_older(api: Api) -> list[Mention]:
    """The newest mention of each run; nothing where no older version has been."""
    newest: dict[str, Mention] = {}
    for artifact in await artifacts.latest(api, TABLE, _VERSIONS):
        made = moment(artifact["created"])
        for row in _rows(artifact.get("data")):
            entry = _entry(row)
            if entry is not None and made is not None:
                newest.setdefault(entry.run, Mention(entry, made))
    return list(newest.values())


def is_older(artifact: Json) -> bool:
    """Whether an older version wrote that table."""
    return any("record" in row for row in _rows(artifact.get("data")))


def _rows(data: Any) -> list[Json]:
    """The table's rows; none where somebody else wrote something else there."""
    try:
        rows = json.loads(data) if isinstance(data, str) else data
    except ValueError:
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _entry(row: Json) -> Entry | None:
    try:
        nominal, start = moment(row["nominal start"]), moment(row["starts at"])
        moved_at = moment(row["planned at"])
        record = json.loads(row["record"])
        if nominal is None or start is None or moved_at is None:
            return None
        name, digest = row.get("origin") or ("", "")
        return Entry(
            # The server refuses a whole question for one id that is none.
            run=str(UUID(row["run id"])),
            name=str(row["run"]),
            deployment=str(UUID(row["deployment id"])),
            schedule=str(row["schedule id"]) or None,
            nominal_start=nominal,
            start=start,
            moved_at=moved_at,
            origin=(str(name), str(digest)),
            timetable=str(row.get("timetable", "")),
            before=Snapshot(schedules=dict.fromkeys(map(str, row["schedules"]), "")),
            record=record if isinstance(record, dict) else {},
            sentence=str(row["why"]),
            theirs=row["state"] == _THEIRS,
            # Those without a schedule were put back.
            deletable=bool(row["schedule id"]),
            note=str(row["note"]) if row["state"] == _SETTLED else None,
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
