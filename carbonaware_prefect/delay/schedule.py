"""The schedule that made a flow run: its time zone, and when its next run is due."""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import cached_property
from typing import Any

import httpx
from prefect.client.schemas.objects import DeploymentSchedule, FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound

from carbonaware_prefect.policies.words import parse_time_zone
from carbonaware_prefect.prefect_edge.flow_runs import brief_client
from carbonaware_prefect.prefect_edge.schedules import next_due

__all__ = ["ScheduleOfRun"]


class ScheduleOfRun:
    """Asked of the server once, and only when something of it is needed.

    Args:
        flow_run: whose; None where there is no flow run.
    """

    def __init__(self, flow_run: FlowRun | None) -> None:
        self._flow_run = flow_run

    @cached_property
    def _deployment(self) -> DeploymentResponse | None:
        if self._flow_run is None or self._flow_run.deployment_id is None:
            return None
        try:
            with brief_client() as client:
                return client.read_deployment(self._flow_run.deployment_id)
        except (ObjectNotFound, httpx.HTTPError, OSError):
            return None

    def deployment(self) -> DeploymentResponse | None:
        """The deployment of the run; None where there is none, or it cannot be read."""
        return self._deployment

    def deployment_name(self) -> str | None:
        """The name of the deployment, if it has been read: nothing is asked for it."""
        known: DeploymentResponse | None = vars(self).get("_deployment")
        return None if known is None else known.name

    @property
    def _all(self) -> list[DeploymentSchedule]:
        """The schedules of the deployment; none where they cannot be read."""
        return [] if self._deployment is None else self._deployment.schedules

    def _made_it(self) -> list[DeploymentSchedule]:
        made_by: Any = self._flow_run and self._flow_run.created_by
        return [each for each in self._all if made_by is not None and each.id == made_by.id]

    def time_zone(self) -> tzinfo | None:
        """Its time zone, else that of the deployment's first schedule that has one.

        None where there is none, or it cannot be read: times of day are UTC then.
        """
        schedules = [*self._made_it(), *self._all]
        names = [getattr(each.schedule, "timezone", None) for each in schedules]
        known = [name for name in names if name]
        try:
            return parse_time_zone(known[0]) if known else None
        except ValueError:
            return None

    def next_due(self) -> datetime | None:
        """When the run after this one is due (UTC); None where nothing tells of one."""
        if self._flow_run is None or self._flow_run.expected_start_time is None:
            return None
        due = self._flow_run.expected_start_time
        for each in self._made_it():
            if each.active:
                schedule = each.schedule.model_dump(mode="json", exclude_none=True)
                return next_due(schedule, due)
        return None
