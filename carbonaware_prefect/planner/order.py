"""Order within a schedule: which of its runs are due before and after a run."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from carbonaware_prefect.core import Neighbours
from carbonaware_prefect.planner.api import EXACTLY, Json
from carbonaware_prefect.planner.upcoming import Upcoming
from carbonaware_prefect.prefect_edge.schedules import next_due

__all__ = ["Order"]


class Order:
    """The due times of every schedule's runs.

    Args:
        runs: all that are scheduled.
        deployments: theirs, by id.
    """

    def __init__(self, runs: Iterable[Upcoming], deployments: Mapping[str, Json]) -> None:
        self._deployments = deployments
        dues: dict[tuple[str, str], set[datetime]] = defaultdict(set)
        for run in runs:
            if run.schedule is not None:
                dues[run.deployment, run.schedule].add(run.nominal_start)
        self._dues = {schedule: sorted(found) for schedule, found in dues.items()}

    def of(self, run: Upcoming) -> Neighbours | None:
        """The due times next to a run's; None where no schedule made it."""
        if run.schedule is None:
            return None
        dues, due = self._dues[run.deployment, run.schedule], run.nominal_start
        before = bisect_left(dues, due - EXACTLY)
        after = bisect_right(dues, due + EXACTLY)
        return Neighbours(
            previous=dues[before - 1] if before else None,
            following=dues[after] if after < len(dues) else self._worked_out(run),
        )

    def _worked_out(self, run: Upcoming) -> datetime | None:
        """When the schedule's next run will be due, which the server has not made yet."""
        for each in self._deployments[run.deployment].get("schedules") or []:
            if each.get("id") == run.schedule and each.get("active"):
                return next_due(each.get("schedule") or {}, run.nominal_start)
        return None
