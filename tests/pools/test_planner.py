"""The planner reads what these pools say."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from carbonaware_prefect.planner.policies import RunPolicies, RunPolicy
from carbonaware_prefect.planner.upcoming import StartOwner, Upcoming
from carbonaware_prefect.settings import Settings
from tests.pools.checking import merged
from tests.pools.examples import Example, change_of, examples
from tests.pools.published import WORKERS, Json, templates

NOW = datetime(2026, 1, 10, 21, tzinfo=timezone.utc)
_CLOUDS = set(WORKERS) - {"process", "docker"}
_PLANNED = [each for each in examples() if each.pool_type in _CLOUDS]


async def _no_block(_: str) -> Json | None:
    return None


def _wish(template: Json, variables: Json) -> RunPolicy:
    """What holds for a run of a pool with that template."""
    run = Upcoming(
        id="run",
        name="happy-heron",
        deployment="d",
        schedule=None,
        schedule_name="nightly",
        parameters={},
        nominal_start=NOW,
        start=NOW,
        created=NOW,
        set_at=NOW,
        plan=None,
        start_owner=StartOwner.SCHEDULE,
        queue=None,
        pool="pool",
        env={},
        labels={},
    )
    wishes = RunPolicies(
        Settings(),
        {"d": {"name": "nightly", "job_variables": variables}},
        {"pool": {"base_job_template": template}},
        _no_block,
    )
    return asyncio.run(wishes.of(run))


@pytest.mark.parametrize("form", ["object", "list"])
@pytest.mark.parametrize("pool_type", WORKERS)
def test_planner_reads_the_pool_s_env(pool_type: str, form: str) -> None:
    """The default env of each type's template, in both forms that pools have."""
    said = {"CARBONAWARE_ZONE": "DE", "CARBONAWARE_WINDOW": "PT9H"}
    listed = [{"name": name, "value": value} for name, value in said.items()]
    default: Any = said if form == "object" else listed
    for template in templates(pool_type).values():
        change = {"variables": {"properties": {"env": {"default": default}}}}
        wish = _wish(merged(template, change), {"env": {"CARBONAWARE_DURATION": "PT1H"}})

        assert wish.policy is not None
        assert (wish.policy.zone, wish.policy.window) == ("DE", timedelta(hours=9))
        assert wish.policy.duration == timedelta(hours=1)


@pytest.mark.parametrize("example", _PLANNED, ids=lambda each: each.where)
def test_planner_reads_the_examples(example: Example) -> None:
    """Place from the documented pool, window and duration from its deployment."""
    kind = example.pool_type
    wish = _wish(merged(templates(kind)["worker"], change_of(kind)), example.variables)

    assert wish.policy is not None
    assert wish.policy.zone == "DE"
    assert wish.policy.window == timedelta(hours=8)
    assert wish.policy.duration == timedelta(minutes=30)
