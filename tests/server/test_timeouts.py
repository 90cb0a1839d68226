"""Which time-out a wait in process is charged to, where flows and tasks are nested."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from prefect.context import ContextModel, FlowRunContext, TaskRunContext

from tests.prefect_server.server import Server
from tests.prefect_server.world import FLOWS
from tests.warm import python

_HUNDRED = "timeout_seconds=100 of flow"
_FIFTY = "timeout_seconds=50 of task 'in_fifty'"
_TIGHTEST = {
    "outside": None,
    "no timeout": None,
    "a task without": None,
    "a task": _FIFTY,
    "a task in a task": _FIFTY,
    "a submitted task": _FIFTY,
    "a flow": f"{_HUNDRED} 'hundred-flow'",
    "a task in a flow": f"{_HUNDRED} 'hundred-flow'",
    "a shorter task": _FIFTY,
    "a longer task": f"{_HUNDRED} 'hundred-flow'",
    "a sub-flow": f"{_HUNDRED} 'hundred-flow'",
    "an async flow": f"{_HUNDRED} 'async-flow'",
    "a thread of an async flow": f"{_HUNDRED} 'async-flow'",
    "a second attempt": f"{_HUNDRED} 'twice-flow'",
}


@pytest.fixture(scope="module")
def told(server: Server) -> dict[str, Any]:
    """What each of them was told."""
    done = subprocess.run(
        [python(), str(FLOWS / "timeouts.py")],
        env=server.environment(),
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.parametrize("name", _TIGHTEST)
def test_the_tightest_that_encloses_a_call(told: dict[str, Any], name: str) -> None:
    """Its own, its caller's or its flow's, less two seconds, from when it began."""
    expected, budget = _TIGHTEST[name], told[name]

    assert (budget and budget["name"]) == expected
    if budget is not None:
        seconds = float(expected.split("=")[1].split()[0]) - 2 if expected else 0
        assert budget["begun"] <= budget["end"] - seconds <= budget["told"]


def test_contexts_know_what_was_there_before() -> None:
    """Prefect keeps the token of the context variable, which holds the value before."""
    assert "_token" in ContextModel.__private_attributes__
    for kind in (FlowRunContext, TaskRunContext):
        assert "start_time" in kind.model_fields
        assert "self._token = self.__var__.set(self)" in _source(ContextModel.__enter__)


def _source(function: Any) -> str:
    import inspect

    return inspect.getsource(function)
