"""What a decision leaves in Prefect: labels on the run, a page, an event.

None of them may ever cost a run.
"""

from __future__ import annotations

from datetime import datetime

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.core import Decision, Reason
from carbonaware_prefect.delay.call import Call
from carbonaware_prefect.labels import PLANNER, labels_for
from carbonaware_prefect.pages.events import LACKING, RunEvent, RunEventName, emit
from carbonaware_prefect.pages.run_page import write_page
from carbonaware_prefect.pages.runs import RunOnPage
from carbonaware_prefect.prefect_edge import flow_runs

__all__ = ["announce", "began", "record", "show"]


def record(
    call: Call,
    decision: Decision,
    decided_at: datetime,
    moves: int,
    *,
    waits_here: bool = False,
) -> None:
    """Leave the decision on the flow run."""
    if call.flow_run is None:
        return
    in_process = waits_here and call.decided_by != PLANNER
    labels = labels_for(
        decision,
        key=call.key,
        decided_at=decided_at,
        decided_by="in_process" if in_process else call.decided_by,
        moves=moves,
    )
    try:
        with flow_runs.brief_client() as client:
            flow_runs.record(client, call.flow_run, labels)
    except Exception as error:  # noqa: BLE001  see above
        call.logger.warning("Could not record the decision on the flow run: %s", error)


def show(call: Call, decision: Decision) -> None:
    """Write the page of a deployment's run that is to wait.

    Before it is moved: after that its process has to be gone by the slot.
    """
    run = call.flow_run
    if not decision.wait or decision.slot is None or run is None:
        return
    try:
        deployment = call.schedule.deployment()
        if run.deployment_id is None or deployment is None or not call.read().pages:
            return
        told = RunOnPage(
            id=str(run.id),
            name=run.name,
            deployment=deployment.name,
            nominal_start=decision.request.nominal_start,
            start=decision.slot.start,
            sentence=decision.sentence,
            decision=decision,
        )
        write_page(
            told,
            deployment=str(run.deployment_id),
            task_run=str(call.task_run.id),
            written=utc_now(),
        )
    except Exception as error:  # noqa: BLE001  see above
        call.logger.warning("Could not write the page of the run: %s", error)


def began(call: Call, decision: Decision, moves: int) -> None:
    """Send the event of a run that goes on now, and why."""
    name = RunEventName.PLACED
    if decision.reason is Reason.OVERRIDDEN:
        name = RunEventName.OVERRIDDEN
    elif decision.reason in LACKING:
        name = RunEventName.NO_FORECAST
    announce(call, name, decision, moves)


def announce(call: Call, name: RunEventName, decision: Decision, moves: int) -> None:
    """Send an event about the run of this call, from a thread of Prefect's."""
    run = call.flow_run
    if run is None:
        return
    try:
        now = utc_now()
        record = labels_for(
            decision, key=None, decided_at=now, decided_by=call.decided_by, moves=moves
        )
        emit(
            RunEvent(
                name=name,
                run=str(run.id),
                run_name=run.name,
                deployment=None if run.deployment_id is None else str(run.deployment_id),
                deployment_name=call.schedule.deployment_name(),
                record=record,
                sentence=decision.sentence,
                occurred=now,
                key=call.key,
            )
        )
    except Exception as error:  # noqa: BLE001  see above
        call.logger.warning("Could not send the event %s: %s", name.value, error)
