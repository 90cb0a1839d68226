"""The table of waiting runs, for people: the artifact `carbon-aware-runs` in the UI.

One artifact, written over when something has changed. The planner reads nothing from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.calls import Json
from carbonaware_prefect.planner.repair import artifacts
from carbonaware_prefect.planner.repair.entries import Entry
from carbonaware_prefect.planner.repair.older import TABLE, is_older

__all__ = ["publish"]

# More would make a page that nobody reads.
_ROWS = 100
# What a pass reads of the versions that older planners left, to delete them.
_CLEARED_BYTES = 4 * 1024 * 1024
# Noted once no other version is left, so that nobody looks for one with each pass.
_ALONE = {"versions": "one"}


async def publish(
    api: Api,
    entries: Iterable[Entry],
    names: Mapping[str, str],
    there: Json | None,
    flow_run: str | None = None,
) -> bool:
    """Write the table anew, and clear some of what older versions left.

    Args:
        api: the Prefect API.
        entries: of the runs that wait.
        names: of the deployments, by id.
        there: the newest version of the table, None where there is none.
        flow_run: the run of the planner's own flow, where it is one.

    Returns:
        Whether a planner of an older version has written since the last time.
    """
    waiting = sorted(entries, key=lambda entry: (entry.start, entry.name))
    rows = [
        {
            "run": entry.name,
            "deployment": names.get(entry.deployment, ""),
            "nominal start": f"{entry.nominal_start:%Y-%m-%d %H:%M} UTC",
            "starts at": f"{entry.start:%Y-%m-%d %H:%M} UTC",
            "why": entry.sentence,
        }
        for entry in waiting[:_ROWS]
    ]
    described, data = _describe(len(waiting)), json.dumps(rows)
    older = there is not None and is_older(there)
    if there is None or older:
        note = None if older else _ALONE
        await artifacts.create(
            api, TABLE, described, data, type="table", flow_run_id=flow_run, metadata_=note
        )
        return older
    left: list[Json] = []
    if artifacts.note_of(there) != _ALONE:
        left = await artifacts.latest(api, TABLE, 1, offset=1)
    noted = {} if left else {"metadata_": _ALONE}
    await artifacts.write_over(api, there["id"], described, data, **noted)
    if left:
        await _clear(api, left[0])
    return False


def _describe(count: int) -> str:
    shown = f"; the next {_ROWS} of {count}" if count > _ROWS else ""
    return f"Flow runs that `carbonaware-prefect` moved from their nominal start{shown}."


async def _clear(api: Api, artifact: Json) -> None:
    """Delete versions beside the newest, as many as a pass has time to read."""
    read = 0
    left = [artifact]
    while left and read < _CLEARED_BYTES:
        read += len(str(left[0].get("data")))
        await artifacts.delete(api, left[0]["id"])
        left = await artifacts.latest(api, TABLE, 1, offset=1)
