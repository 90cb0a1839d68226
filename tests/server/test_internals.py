"""The private names of Prefect that we use are there and do what we use them for."""

from __future__ import annotations

import inspect
from typing import Any

from prefect import flow_engine, task_engine
from prefect._internal import attempt_control, control_listener
from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext
from prefect.states import Scheduled
from prefect.task_runners import ThreadPoolTaskRunner

from carbonaware_prefect import prefect_internals


def test_flow_run_context_has_the_hook() -> None:
    """FlowRunContext carries a request that the engine heeds at task boundaries."""
    assert "flow_run_suspension_request" in FlowRunContext.model_fields
    source = inspect.getsource(task_engine.run_task_sync)
    assert "raise_if_flow_run_suspension_requested()" in source


def test_engine_reports_a_receipt_for_paused_states() -> None:
    """A Pause with a paused state makes the engine report a handled outcome."""
    source = inspect.getsource(flow_engine.BaseFlowRunEngine)
    assert "state.is_final() or state.is_paused()" in source
    assert "report_engine_outcome" in source
    assert callable(flow_engine.BaseFlowRunEngine._capture_state_report)


def test_engine_can_be_kept_from_setting_states() -> None:
    """An engine with ``short_circuit`` sets no state, whatever comes."""
    assert "short_circuit" in flow_engine.FlowRunEngine.__dataclass_fields__
    for engine in (flow_engine.FlowRunEngine, flow_engine.AsyncFlowRunEngine):
        source = inspect.getsource(engine.set_state)
        assert "if self.short_circuit:\n            return self.state" in source


def test_receipt_can_be_made_of_an_accepted_state() -> None:
    """The receipt takes the id, type and name of the state that the server accepted."""
    state: State[Any] = Scheduled()
    paused = prefect_internals._as_paused(state)
    receipt = attempt_control.EngineOutcomeReceipt.state_reported(
        state_id=paused.id, state_type=paused.type.value, state_name="Scheduled"
    )

    assert paused.type is StateType.PAUSED
    assert state.type is StateType.SCHEDULED
    assert receipt.state_id == state.id
    assert callable(control_listener.report_engine_outcome)


def test_engines_are_locals_of_the_functions_we_look_for() -> None:
    """Every function whose frames we look at keeps its engine in a local ``engine``."""
    codes = prefect_internals._TASK_CODES | prefect_internals._FLOW_CODES

    assert len(codes) == 8
    assert all("engine" in code.co_varnames for code in codes)


def test_thread_pool_keeps_cancel_events() -> None:
    """The thread pool task runner holds an event per task run that it cancels by."""
    assert ThreadPoolTaskRunner()._cancel_events == {}
    assert "_cancel_events[task_run_id]" in inspect.getsource(ThreadPoolTaskRunner.submit)
