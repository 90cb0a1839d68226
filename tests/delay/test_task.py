"""The task factory, as far as it needs no server."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from prefect import Task
from prefect.cache_policies import NO_CACHE

from carbonaware_prefect import carbonaware_delay_task
from carbonaware_prefect.blocks import CarbonPolicy
from carbonaware_prefect.errors import InvalidInputError


def test_task_kwargs_go_to_the_task() -> None:
    """Name, tags, retries and the like are Prefect's."""
    delay = carbonaware_delay_task(zone="DE", name="green", tags=["carbon"], retries=2)

    assert isinstance(delay, Task)
    assert (delay.name, delay.tags, delay.retries) == ("green", {"carbon"}, 2)


def test_result_is_never_cached() -> None:
    """Persistence and caching are fixed, with a warning when they were asked for."""
    with pytest.warns(UserWarning, match="ignores cache_policy, persist_result"):
        delay = carbonaware_delay_task(
            zone="DE", persist_result=True, cache_policy=NO_CACHE
        )

    assert delay.persist_result is False
    assert delay.cache_policy == NO_CACHE


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"wait": "sleep"}, "wait must be one of auto, reschedule, in_process"),
        ({"key": "a.b"}, "key must be up to 64 letters"),
        ({"key": ""}, "key must be up to 64 letters"),
        ({"minimum_wait": timedelta(-1)}, "minimum_wait must be a timedelta"),
    ],
)
def test_bad_options_are_refused(given: dict[str, Any], words: str) -> None:
    """Options of the task are checked where it is defined."""
    with pytest.raises(InvalidInputError, match=words):
        carbonaware_delay_task(zone="DE", **given)


def test_policy_block_makes_a_delay_task() -> None:
    """A block holds a policy, checks it, and makes the task of it."""
    policy = CarbonPolicy(window=timedelta(hours=4), zone="DE")

    assert isinstance(policy.delay_task(name="green"), Task)
    with pytest.raises(ValueError, match="Germany"):
        CarbonPolicy(zone="Germany")
