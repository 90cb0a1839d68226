"""A document of the ledger: entries as an artifact's data, and read again.

``{"format": 2, "crashes_until": …, "packed": …}`` in which ``packed`` is base64 of zlib of
JSON, column by column: so an entry takes some 90 bytes of it, row by row twice that, and
1 kB as a row of a table. Nothing in it is trusted to be what was written: what cannot be
read is passed over.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from carbonaware_prefect.labels import PREFIX
from carbonaware_prefect.planner.calls import Json, read_json
from carbonaware_prefect.planner.repair.entries import Entry, Snapshot
from carbonaware_prefect.planner.upcoming import moment

__all__ = ["Mention", "pack", "unpack"]

_FORMAT = 2
# Of what a document says, unpacked: that of some 500,000 runs.
_LONGEST = 512 * 1024 * 1024
_OURS = f"{PREFIX}."


@dataclass(frozen=True, slots=True)
class Mention:
    """An entry, and when the server took it down.

    The newest mention of a run holds. The time is the server's, which all planners share.
    """

    entry: Entry
    written: datetime


def pack(
    entries: Iterable[tuple[Entry, datetime | None]], crashes_until: datetime | None = None
) -> str:
    """The data of an artifact.

    Args:
        entries: each with when it was written; None for what is written now.
        crashes_until: crashes until then have been looked at.
    """
    snapshots: dict[str, Json] = {}
    rows = [_row(entry, written, snapshots) for entry, written in entries]
    names = {name for row in rows for name in row}
    columns = {name: [row.get(name) for row in rows] for name in sorted(names)}
    said = json.dumps({"snapshots": snapshots, "columns": columns}, separators=(",", ":"))
    packed = base64.b64encode(zlib.compress(said.encode())).decode()
    document = {
        "format": _FORMAT,
        "crashes_until": crashes_until.isoformat() if crashes_until else None,
        "packed": packed,
    }
    return json.dumps(document)


def unpack(data: Any, written: datetime) -> tuple[Sequence[Mention], datetime | None]:
    """The mentions in the data of an artifact, and until when crashes were looked at.

    Args:
        data: as the server answers it, whoever wrote it.
        written: when the artifact was made.
    """
    try:
        document = json.loads(data) if isinstance(data, str) else data
        until = moment(document["crashes_until"])
        packed = base64.b64decode(document["packed"], validate=True)
        unpacking = zlib.decompressobj()
        said = unpacking.decompress(packed, _LONGEST)
        content = read_json(said) if unpacking.eof else {}
        snapshots = {key: _snapshot(each) for key, each in content["snapshots"].items()}
        columns = content["columns"]
        rows = [
            dict(zip(columns, cells, strict=True))
            for cells in zip(*columns.values(), strict=True)
        ]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, zlib.error):
        return [], None
    mentions = (_mention(row, snapshots, written) for row in rows)
    return [mention for mention in mentions if mention is not None], until


def _row(entry: Entry, written: datetime | None, snapshots: dict[str, Json]) -> Json:
    before = entry.before
    key = f"{entry.deployment[:8]} {before.content} {before.updated}"
    snapshots[key] = {
        "updated": before.updated,
        "schedules": dict(before.schedules),
        "content": before.content,
    }
    row: Json = {
        "run": entry.run,
        "name": entry.name,
        "deployment": entry.deployment,
        "schedule": entry.schedule,
        "nominal_start": entry.nominal_start.isoformat(),
        "start": entry.start.isoformat(),
        "moved_at": entry.moved_at.isoformat(),
        "origin": list(entry.origin),
        "timetable": entry.timetable,
        "before": key,
        "sentence": entry.sentence,
        "theirs": entry.theirs,
        "deletable": entry.deletable,
        "note": entry.note,
        "written": written.isoformat() if written else None,
    }
    return row | {k: v for k, v in entry.record.items() if k.startswith(_OURS)}


def _mention(row: Any, snapshots: dict[str, Snapshot], written: datetime) -> Mention | None:
    try:
        nominal, start = moment(row["nominal_start"]), moment(row["start"])
        moved_at, origin = moment(row["moved_at"]), row["origin"]
        if nominal is None or start is None or moved_at is None:
            return None
        name, digest = origin
        entry = Entry(
            # The server refuses a whole question for one id that is none.
            run=str(UUID(row["run"])),
            name=str(row["name"]),
            deployment=str(UUID(row["deployment"])),
            schedule=str(row["schedule"]) if row["schedule"] else None,
            nominal_start=nominal,
            start=start,
            moved_at=moved_at,
            origin=(str(name), str(digest)),
            timetable=str(row["timetable"]),
            before=snapshots[row["before"]],
            record={
                name: value
                for name, value in row.items()
                if name.startswith(_OURS) and _is_label(value)
            },
            sentence=str(row["sentence"]),
            theirs=bool(row["theirs"]),
            deletable=bool(row["deletable"]),
            note=None if row["note"] is None else str(row["note"]),
        )
        return Mention(entry, moment(row["written"]) or written)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _is_label(value: Any) -> bool:
    # Any other is taken by the server, which then cannot answer with that run any more.
    return isinstance(value, (str, int, float, bool))


def _snapshot(told: Any) -> Snapshot:
    return Snapshot(
        updated=str(told["updated"]),
        schedules={str(key): str(each) for key, each in told["schedules"].items()},
        content=str(told["content"]),
    )
