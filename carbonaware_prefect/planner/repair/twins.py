"""Upcoming runs whose occurrence has another run already.

A run that was moved to before its nominal start has started; a redeploy then makes the
same occurrence again, unless the schedule has kept its id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta

from carbonaware_prefect.planner.api import EXACTLY
from carbonaware_prefect.planner.calls import Json
from carbonaware_prefect.planner.repair.entries import Entry, digest_of
from carbonaware_prefect.planner.upcoming import StartOwner, Upcoming

__all__ = ["Twins"]

_SECOND = timedelta(seconds=1)


class Twins:
    """Finds them; each run is the twin of one entry at most.

    Args:
        runs: all upcoming ones.
        deployments: by id.
    """

    def __init__(self, runs: Iterable[Upcoming], deployments: Mapping[str, Json]) -> None:
        self._schedules = {
            key: {each.get("id") for each in deployment.get("schedules") or []}
            for key, deployment in deployments.items()
        }
        self._due: dict[tuple[str, int], list[Upcoming]] = defaultdict(list)
        for run in runs:
            if run.start_owner is StartOwner.SCHEDULE:
                second = int(run.nominal_start.timestamp())
                self._due[run.deployment, second].append(run)
        self._taken: set[str] = set()

    def of(self, entry: Entry) -> list[Upcoming]:
        """The upcoming runs that may be of the same occurrence."""
        # As long as its schedule keeps its id, Prefect makes no occurrence twice.
        if entry.schedule in self._schedules.get(entry.deployment, ()):
            return []
        second = int(entry.nominal_start.timestamp())
        return [
            run
            for at in (second - 1, second, second + 1)
            for run in self._due.get((entry.deployment, at), ())
            if run.id not in self._taken
            and abs(run.nominal_start - entry.nominal_start) <= EXACTLY
        ]

    def take(self, entry: Entry) -> Upcoming | None:
        """The likest of them, and only one where two schedules agree on a time."""
        twins = self.of(entry)
        if not twins:
            return None
        run = max(twins, key=lambda twin: (_likeness(twin, entry), twin.id))
        self._taken.add(run.id)
        return run


def _likeness(run: Upcoming, entry: Entry) -> int:
    """In how much a run agrees with what was written down: schedule, then parameters."""
    name, digest = entry.origin
    return 2 * ((run.schedule_name or "") == name) + (digest_of(run.parameters) == digest)
