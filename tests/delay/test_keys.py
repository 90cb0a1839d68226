"""Each delay call of a flow has a stable name."""

from __future__ import annotations

from typing import Any

from prefect.context import FlowRunContext
from prefect.task_runners import ThreadPoolTaskRunner

from carbonaware_prefect.delay.keys import _counts, call_key


def a_context() -> FlowRunContext:
    """A flow run context that no server knows."""
    build: Any = FlowRunContext.model_construct
    context: FlowRunContext = build(task_runner=ThreadPoolTaskRunner())
    return context


def test_calls_are_counted_under_their_key() -> None:
    """The first call has the key itself, later ones a number."""
    context = a_context()

    unnamed = [call_key(context, None).key for _ in range(3)]
    assert unnamed == [None, "call-2", "call-3"]
    assert [call_key(context, "a").key for _ in range(2)] == ["a", "a-2"]


def test_the_first_call_is_the_runs_first_delay() -> None:
    """Whatever their keys, the first of an attempt counts from the run's due time."""
    context = a_context()

    assert [call_key(context, key).first for key in ("a", None, "a", "b")] == [
        True,
        False,
        False,
        False,
    ]


def test_each_attempt_counts_anew() -> None:
    """Another context of the same flow starts from the first call again."""
    first, second = a_context(), a_context()

    assert call_key(first, "a") == call_key(second, "a") == ("a", True)


def test_counts_go_with_their_context() -> None:
    """Nothing is kept of a context that is gone."""
    context: Any = a_context()
    call_key(context, None)
    kept = len(_counts)
    del context

    assert len(_counts) == kept - 1


def test_outside_of_a_flow_the_key_stands() -> None:
    """Without a flow run there is nothing to count."""
    assert call_key(None, "a") == ("a", True)
