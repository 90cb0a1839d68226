"""The private names of Prefect that we use are there and do what we use them for."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import prefect
import pytest
from packaging.version import Version
from prefect import flow_engine, task_engine
from prefect._internal import control_listener
from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext
from prefect.states import Scheduled
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities import engine as engine_utilities

from carbonaware_prefect.prefect_edge import engine
from tests.prefect_server.prefects import RECEIPTS

needs_receipts = pytest.mark.skipif(
    not RECEIPTS, reason="Prefect before 3.8.4 has no receipts"
)


def test_flow_run_context_has_the_hook() -> None:
    """FlowRunContext carries a request that the engine heeds at task boundaries."""
    assert "flow_run_suspension_request" in FlowRunContext.model_fields
    source = inspect.getsource(task_engine.run_task_sync)
    assert "raise_if_flow_run_suspension_requested()" in source


def test_receipts_came_with_3_8_4() -> None:
    """Prefect has every name of receipts from 3.8.4 on, and none of them before."""
    there = {
        RECEIPTS,
        hasattr(control_listener, "report_engine_outcome"),
        hasattr(flow_engine.BaseFlowRunEngine, "_capture_state_report"),
    }

    assert there == {Version(prefect.__version__) >= Version("3.8.4")}


def test_without_receipts_none_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Prefect knows no receipts, leaving goes on without."""
    monkeypatch.setitem(sys.modules, "prefect._internal.attempt_control", None)

    assert engine.send_receipt(Scheduled()) is False


@needs_receipts
def test_engine_reports_a_receipt_for_paused_states() -> None:
    """A Pause with a paused state makes the engine report a handled outcome."""
    source = inspect.getsource(flow_engine.BaseFlowRunEngine)
    assert "state.is_final() or state.is_paused()" in source
    assert "report_engine_outcome" in source
    assert callable(flow_engine.BaseFlowRunEngine._capture_state_report)


def test_engine_can_be_kept_from_setting_states() -> None:
    """An engine with ``short_circuit`` sets no state, whatever comes."""
    assert "short_circuit" in flow_engine.FlowRunEngine.__dataclass_fields__
    for kind in (flow_engine.FlowRunEngine, flow_engine.AsyncFlowRunEngine):
        source = inspect.getsource(kind.set_state)
        assert "if self.short_circuit:\n            return self.state" in source


@needs_receipts
def test_receipt_can_be_made_of_an_accepted_state() -> None:
    """The receipt takes the id, type and name of the state that the server accepted."""
    from prefect._internal import attempt_control

    state: State[Any] = Scheduled()
    paused = engine._as_paused(state)
    receipt = attempt_control.EngineOutcomeReceipt.state_reported(
        state_id=paused.id, state_type=paused.type.value, state_name="Scheduled"
    )

    assert paused.type is StateType.PAUSED
    assert state.type is StateType.SCHEDULED
    assert receipt.state_id == state.id
    assert callable(control_listener.report_engine_outcome)


def test_engines_are_locals_of_the_functions_we_look_for() -> None:
    """Every function whose frames we look at keeps its engine in a local ``engine``."""
    codes = engine._TASK_CODES | engine._FLOW_CODES

    assert len(codes) == 8
    assert all("engine" in code.co_varnames for code in codes)


def test_thread_pool_keeps_cancel_events() -> None:
    """The thread pool task runner holds an event per task run that it cancels by."""
    assert ThreadPoolTaskRunner()._cancel_events == {}
    assert "_cancel_events[task_run_id]" in inspect.getsource(ThreadPoolTaskRunner.submit)


def test_engine_agrees_to_end_under_prefect_s_handler_only() -> None:
    """No intent of a supervisor is agreed to while another handler of SIGTERM is set."""
    assert control_listener.get_intent() is None
    assert not engine.told_to_end()
    source = inspect.getsource(engine_utilities.commit_control_intent_and_ack)
    assert "is not _prefect_sigterm_handler:\n                return False" in source


def test_serve_starts_a_function_of_prefect() -> None:
    """The process of a served run has a function of Prefect's as its target."""
    source = inspect.getsource(flow_engine.run_flow_in_subprocess)
    assert "target=_run_serialized_call_with_control_bootstrap" in source
    target = flow_engine._run_serialized_call_with_control_bootstrap
    assert target.__module__ == "prefect.flow_engine"
    assert not engine.owns_process("some other run")
