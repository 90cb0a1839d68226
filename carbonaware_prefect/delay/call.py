"""One call of a delay task, and where it happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.context import FlowRunContext, TaskRunContext

from carbonaware_prefect.delay.in_process import Logger, logger_here
from carbonaware_prefect.delay.keys import call_key
from carbonaware_prefect.delay.run_settings import read_settings
from carbonaware_prefect.delay.schedule import ScheduleOfRun
from carbonaware_prefect.errors import RescheduleError
from carbonaware_prefect.labels import PLANNER, planner_plan
from carbonaware_prefect.policies.given import GivenPolicy
from carbonaware_prefect.settings import Settings

__all__ = ["Call"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a delay task, and where it happens.

    What the planner decided, it decided for the whole run: then all calls look at its
    record, and what they write stays the planner's.

    Attributes:
        first: whether it is the first delay of the run, which counts from its due time.
    """

    given: GivenPolicy
    read: Callable[[], Settings]
    schedule: ScheduleOfRun
    key: str | None
    first: bool
    decided_by: str
    context: FlowRunContext | None
    flow_run: FlowRun | None
    task_run: TaskRun
    logger: Logger

    @classmethod
    def here(cls, given: GivenPolicy, key: str | None) -> Call:
        """The call that is being executed in this thread."""
        context, task_context = FlowRunContext.get(), TaskRunContext.get()
        if task_context is None:
            msg = "the delay task's body runs as a Prefect task only"
            raise RescheduleError(msg)
        flow_run = None if context is None else context.flow_run
        planned = flow_run is not None and planner_plan(flow_run.labels) is not None
        logger = logger_here()
        name, first = call_key(context, key)
        return cls(
            given=given,
            # Once for all that is decided here: it may be a call to the server.
            read=cache(partial(read_settings, logger.warning)),
            schedule=ScheduleOfRun(flow_run),
            key=None if planned else name,
            first=first,
            decided_by=PLANNER if planned else "task",
            context=context,
            flow_run=flow_run,
            task_run=task_context.task_run,
            logger=logger,
        )
