"""Who opts in, by which of the ways, and what a wrong value comes to.

No run of these starts in the test: their nominal start lies hours ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from carbonaware_prefect import CarbonPolicy
from carbonaware_prefect.planner.report import Action
from tests.prefect_server.server import Server
from tests.prefect_server.world import World, a_world
from tests.server.planner.occurrences import (
    HOUR,
    MINUTE,
    Occurrence,
    in_whole_minutes,
    occur,
    withdraw,
)
from tests.server.planner.passes import command, plan, row_of

# Hours: each way says another window, and the longer it is, the cleaner its best start.
_WINDOWS = {"run": 1, "deployment": 2, "pool": 3, "block": 4, "planner": 5}
_NO_WINDOW: dict[str, str | None] = {"CARBONAWARE_WINDOW": None}
_POLICY: dict[str, str | None] = {"CARBONAWARE_POLICY": "four-hours"}
_WRONG: dict[str, tuple[Mapping[str, str | None], str, str]] = {
    "window": ({"CARBONAWARE_WINDOW": "6"}, "CARBONAWARE_WINDOW='6'", "PT6H, 6h"),
    "region": (
        {"CARBONAWARE_ZONE": None, "CARBONAWARE_REGION": "mars-1"},
        "CARBONAWARE_REGION='mars-1'",
        "known are",
    ),
    "policy": ({"CARBONAWARE_POLICY": "nobody"}, "CARBONAWARE_POLICY='nobody'", "make one"),
    "of_the_pool": ({}, "CARBONAWARE_FINISH_BY='noon'", "07:00"),
    "of_the_run": ({}, "CARBONAWARE_DURATION='soon'", "PT6H, 6h"),
    "negative": ({"CARBONAWARE_DURATION": "-1h"}, "CARBONAWARE_DURATION='-1h'", ""),
    "no_time": ({"CARBONAWARE_LATEST_START": "25:99"}, "CARBONAWARE_LATEST_START=", ""),
    "no_hours": ({"CARBONAWARE_NOT_BETWEEN": "all day"}, "'all day'", ""),
    "time_zone": ({"CARBONAWARE_TIME_ZONE": "Mars/Olympus"}, "'Mars/Olympus'", ""),
    "share": ({"CARBONAWARE_MINIMUM_SAVING": "200%"}, "'200%'", ""),
    "count": ({"CARBONAWARE_MAX_MOVES": "many"}, "'many'", ""),
    "zone": ({"CARBONAWARE_ZONE": "Atlantis"}, "CARBONAWARE_ZONE='Atlantis'", ""),
}


def _template(world: World, **env: str) -> None:
    """Give the pool's base job template a default environment."""
    names = ("command", "env")
    template = {
        "job_configuration": {name: f"{{{{ {name} }}}}" for name in names},
        "variables": {
            "type": "object",
            "properties": {
                "command": {"type": "string"},
                "env": {"type": "object", "default": env},
            },
        },
    }
    path = f"/work_pools/{world.pool}"
    world.server.call("PATCH", path, json={"base_job_template": template})


@pytest.fixture(scope="module")
def pools(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, World]]:
    """Three pools: one says a window, one says nothing, one says something wrong."""
    with ExitStack() as stack:
        pools = {}
        for name in ("window", "silent", "wrong"):
            folder = tmp_path_factory.mktemp(name)
            pools[name] = stack.enter_context(a_world(server, folder))
        _template(pools["window"], CARBONAWARE_WINDOW=f"{_WINDOWS['pool']}h")
        _template(pools["wrong"], CARBONAWARE_FINISH_BY="noon")
        yield pools
        for world in pools.values():
            withdraw(world)


class Asked:
    """Deployments that opted in by one way each, or said something wrong.

    Attributes:
        nominal: of all of them.
        cases: by name.
        report: of the pass.
    """

    def __init__(self, pools: dict[str, World]) -> None:
        self.server = pools["silent"].server
        self.nominal = in_whole_minutes(self.server.now() + 3 * HOUR)
        with temporary_settings({PREFECT_API_URL: self.server.api}):
            policy = CarbonPolicy(window=_WINDOWS["block"] * HOUR, zone="DE")
            policy.save("four-hours", overwrite=True)
        of_deployment: dict[str, str | None] = {
            "CARBONAWARE_WINDOW": f"{_WINDOWS['deployment']}h"
        }
        self.cases = {
            "run": self._occur(pools["window"], of_deployment | _POLICY),
            "deployment": self._occur(pools["window"], of_deployment | _POLICY),
            "pool": self._occur(pools["window"], _NO_WINDOW | _POLICY),
            "block": self._occur(pools["silent"], _NO_WINDOW | _POLICY),
            "planner": self._occur(pools["silent"], _NO_WINDOW),
            "untagged": self._occur(pools["silent"], of_deployment, tags=("nightly",)),
        }
        for name, (env, _, _) in _WRONG.items():
            pool = pools["wrong" if name == "of_the_pool" else "silent"]
            self.cases[name] = self._occur(pool, env)
        self._bind_fields("run", CARBONAWARE_WINDOW=f"{_WINDOWS['run']}h")
        self._bind_fields("of_the_run", CARBONAWARE_DURATION="soon")
        self.before = self.cases["untagged"].rows()
        self.report = plan(self.server, window=_WINDOWS["planner"] * HOUR)

    def _occur(
        self,
        world: World,
        env: Mapping[str, str | None],
        tags: tuple[str, ...] = ("carbon-aware",),
    ) -> Occurrence:
        dips = {
            self.nominal + hours * HOUR - 30 * MINUTE: 300.0 - 50 * hours
            for hours in _WINDOWS.values()
        }
        return occur(world, self.nominal, dips=dips, env=env, tags=tags)

    def _bind_fields(self, name: str, **env: str) -> None:
        self.cases[name].set_variables(self.cases[name].run().id, **env)


@pytest.fixture(scope="module")
def asked(pools: dict[str, World]) -> Asked:
    """All of them, after one pass."""
    return Asked(pools)


@pytest.mark.parametrize("way", _WINDOWS)
def test_each_way_to_opt_in(asked: Asked, way: str) -> None:
    """Run over deployment over pool over policy block over the planner's environment."""
    expected = asked.nominal + _WINDOWS[way] * HOUR - 30 * MINUTE

    assert asked.cases[way].start() == expected
    assert row_of(asked.report, asked.cases[way]).action is Action.MOVE


def test_without_the_tag_nothing_is_touched(asked: Asked) -> None:
    """A deployment that only has the variables stays as it is, and is not reported."""
    case = asked.cases["untagged"]

    assert case.start() == asked.nominal
    assert case.run().labels() == {}
    assert case.settings["name"] not in {row.deployment for row in asked.report.outcomes}


@pytest.mark.parametrize("where", _WRONG)
def test_a_wrong_value_is_told_by_name(asked: Asked, where: str) -> None:
    """Deployment, variable, value and what is allowed; the run stays where it was."""
    case = asked.cases[where]
    row = row_of(asked.report, case)
    _, value, allowed = _WRONG[where]

    assert (row.action, row.reason) == (Action.LEAVE, "invalid_setting")
    assert f"deployment {case.settings['name']!r}" in row.sentence
    assert value in row.sentence
    assert allowed in row.sentence
    assert case.start() == asked.nominal
    assert case.run().labels() == {}


def test_the_table_tells_wrong_values_in_full(asked: Asked) -> None:
    """A person reads in the table what to mend, and the others are planned all the same."""
    done = command(asked.server, "plan", "--dry-run", COLUMNS="400")

    assert done.status == 0
    for _, value, _ in _WRONG.values():
        assert value in done.out
    assert f"{len(_WRONG)} to leave alone" in done.out
