"""What holds for a run: its own variables first, the defaults last."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from carbonaware_prefect.planner.policies import RunPolicies, RunPolicy
from carbonaware_prefect.planner.upcoming import StartOwner, Upcoming
from carbonaware_prefect.settings import Settings

NOW = datetime(2026, 1, 10, 2, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
REQUEST = httpx.Request("GET", "http://localhost")


def a_run(**env: str) -> Upcoming:
    """A run with these variables of its own."""
    return Upcoming(
        id="run",
        name="happy-heron",
        deployment="d",
        schedule="s",
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
        env=env,
        labels={},
    )


class Places:
    """What is said at each place, and the question what holds."""

    def __init__(self, **said: Any) -> None:
        self.said = said
        self.asked: list[str] = []

    async def _block(self, name: str) -> dict[str, Any] | None:
        self.asked.append(name)
        found: dict[str, Any] | None = self.said.get("block")
        return found

    def policies(self) -> RunPolicies:
        variables = {"properties": {"env": {"default": self.said.get("pool")}}}
        given = self.said.get("job_variables", {"env": self.said.get("deployment")})
        return RunPolicies(
            Settings(**self.said.get("own", {})),
            {"d": {"name": "etl", "job_variables": given}},
            {"pool": {"base_job_template": {"variables": variables}}},
            self._block,
        )

    def terms(self, **env: str) -> RunPolicy:
        return asyncio.run(self.policies().of(a_run(**env)))


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (["run", "deployment", "pool", "block", "own"], 1),
        (["deployment", "pool", "block", "own"], 2),
        (["pool", "block", "own"], 3),
        (["block", "own"], 4),
        (["planner"], 5),
        ([], 6),
    ],
)
def test_who_is_heard_first(left: list[str], expected: int) -> None:
    """The run, its deployment, the work pool, the policy block, the planner, defaults."""
    everywhere: dict[str, dict[str, Any]] = {
        "run": {"CARBONAWARE_WINDOW": "1h"},
        "deployment": {"CARBONAWARE_WINDOW": "2h"},
        "pool": {"CARBONAWARE_WINDOW": "3h"},
        "block": {"window": "4h"},
        "own": {"window": "5h", "policy": "nightly"},
        "planner": {"window": "5h"},
    }
    said = {name: everywhere[name] for name in left}
    said.setdefault("own", said.get("planner", {}))
    terms = Places(**said).terms(**said.get("run", {}))

    assert terms.fault is None
    assert terms.policy is not None
    assert terms.policy.window == expected * HOUR


def test_an_env_may_be_a_list() -> None:
    """Kubernetes pools and deployments may list name and value; both are read."""
    secret = {"name": "CARBONAWARE_ZONE", "valueFrom": {"secretKeyRef": {"key": "zone"}}}
    ask = Places(
        pool=[
            {"name": "CARBONAWARE_WINDOW", "value": "3h"},
            {"name": "CARBONAWARE_DURATION", "value": "45m"},
        ],
        deployment=[{"name": "CARBONAWARE_WINDOW", "value": "2h"}, secret, {"name": []}, 7],
    )
    terms = ask.terms()

    assert terms.policy is not None
    assert terms.policy.window == 2 * HOUR
    assert terms.policy.duration == HOUR * 0.75
    assert terms.policy.zone is None


def test_a_variable_may_stand_alone() -> None:
    """``env.NAME`` is one entry of ``env``; where both say it, ``env`` counts."""
    ask = Places(
        pool={"CARBONAWARE_WINDOW": "3h"},
        job_variables={
            "env.CARBONAWARE_WINDOW": "2h",
            "env.CARBONAWARE_DURATION": "45m",
            "env": {"CARBONAWARE_DURATION": "1h"},
        },
    )
    terms = ask.terms()

    assert terms.policy is not None
    assert (terms.policy.window, terms.policy.duration) == (2 * HOUR, HOUR)


def test_a_place_is_taken_as_a_whole() -> None:
    """A deployment's region is not mixed with the planner's zone."""
    ask = Places(
        own={"zone": "DE"},
        deployment={"CARBONAWARE_PROVIDER": "aws", "CARBONAWARE_REGION": "eu-west-3"},
    )
    terms = ask.terms()

    assert terms.policy is not None
    assert terms.policy.zone == "FR"


def test_what_a_deployment_may_not_say() -> None:
    """Credentials and URLs are the planner's own: nobody sends its keys elsewhere."""
    terms = Places(
        own={"electricity_maps_key": "mine"},
        deployment={
            "CARBONAWARE_ELECTRICITY_MAPS_KEY": "theirs",
            "CARBONAWARE_ELECTRICITY_MAPS_URL": "http://elsewhere.example",
            "CARBONAWARE_CACHE_DIR": "/elsewhere",
        },
    ).terms()

    assert terms.settings is not None
    assert terms.settings.electricity_maps_key is not None
    assert terms.settings.electricity_maps_key.get_secret_value() == "mine"
    assert terms.settings.electricity_maps_url is None
    assert terms.settings.cache_dir is None


def test_an_empty_variable_says_nothing() -> None:
    """An empty value leaves what stands below it."""
    terms = Places(own={"window": "5h"}, deployment={"CARBONAWARE_WINDOW": " "}).terms()

    assert terms.policy is not None
    assert terms.policy.window == 5 * HOUR


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WINDOW", "soon"),
        ("WINDOW", "999999999d"),
        ("DURATION", "P99999999D"),
        ("ZONE", "Atlantis"),
        ("REGION", "eu-nowhere-1"),
        ("NOT_BETWEEN", "25:00-26:00"),
        ("TIME_ZONE", "../../etc/passwd"),
        ("MAX_MOVES", "-1"),
        ("MINIMUM_SAVING", "200%"),
        ("POLICY", "no/such?block"),
    ],
)
def test_a_wrong_value_is_named(variable: str, value: str) -> None:
    """The deployment, the variable and its value are told; nothing is raised."""
    terms = Places(deployment={f"CARBONAWARE_{variable}": value}).terms()

    assert terms.policy is None
    assert terms.fault is not None
    assert "'etl'" in terms.fault
    assert f"CARBONAWARE_{variable}={value!r}" in terms.fault


def test_a_block_is_read_once() -> None:
    """However many runs name a block, it is asked for once a pass."""
    ask = Places(deployment={"CARBONAWARE_POLICY": "nightly"}, block={"window": "4h"})
    policies = ask.policies()

    async def all_of_them() -> None:
        for window in ("1h", "2h", "3h"):
            await policies.of(a_run(CARBONAWARE_WINDOW=window))

    asyncio.run(all_of_them())
    assert ask.asked == ["nightly"]


@pytest.mark.parametrize(
    ("said", "confined"),
    [
        ({"deployment": {"CARBONAWARE_SOURCE": "typical"}}, True),
        ({"pool": {"CARBONAWARE_SOURCE": "typical"}}, True),
        ({"block": {"source": "typical"}, "own": {"policy": "nightly"}}, True),
        ({"own": {"source": "typical"}}, False),
        ({"deployment": {"CARBONAWARE_ZONE": "DE"}, "own": {"source": "auto"}}, False),
    ],
)
def test_who_named_the_source(said: dict[str, Any], confined: bool) -> None:
    """A source that the planner did not name itself may not name every file."""
    assert Places(**said).terms().confined is confined
    assert Places(**{**said, "own": {}}).terms(CARBONAWARE_SOURCE="typical").confined


@pytest.mark.parametrize(
    "name", ["..", "../x", "a/b", "a b", "%2e%2e", "Nightly", "\u202e", "x" * 300, "a\n"]
)
def test_the_name_of_a_block_is_one(name: str) -> None:
    """No path is made of anything else, and the server is not asked."""
    places = Places(block={"window": "4h"})
    terms = places.terms(CARBONAWARE_POLICY=name)

    assert terms.fault is not None
    assert "that is no name of a block" in terms.fault
    assert places.asked == []
    assert len(terms.fault) < 300


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.HTTPStatusError("no", request=REQUEST, response=httpx.Response(403)), "403"),
        (httpx.ReadTimeout("slow"), "ReadTimeout"),
    ],
)
def test_a_block_that_cannot_be_read(error: Exception, words: str) -> None:
    """It is the fault of those who name it, and asked for once; all others are told."""

    async def refuse(name: str) -> dict[str, Any] | None:
        asked.append(name)
        raise error

    asked: list[str] = []
    deployments = {"d": {"name": "etl"}, "other": {"name": "fine"}}
    policies = RunPolicies(Settings(), deployments, {}, refuse)

    async def all_of_them() -> list[RunPolicy]:
        runs = [a_run(CARBONAWARE_POLICY="mine"), a_run(CARBONAWARE_POLICY="mine", X="1")]
        return [await policies.of(run) for run in (*runs, a_run())]

    *faulty, fine = asyncio.run(all_of_them())
    assert fine.policy is not None
    assert asked == ["mine"]
    for terms in faulty:
        assert terms.fault is not None
        assert f"CARBONAWARE_POLICY='mine': the block could not be read ({words}" in (
            terms.fault.replace("the server answers ", "")
        )


def test_a_value_that_is_a_novel() -> None:
    """A fault quotes the two ends of a long value, and refuses one beyond all measure."""
    long = Places().terms(CARBONAWARE_WINDOW="x" * 1_000).fault
    longer = Places().terms(CARBONAWARE_SOURCE="typical," * 1_000).fault

    assert long is not None
    assert len(long) < 500
    assert longer is not None
    assert "CARBONAWARE_SOURCE has 8000 characters; 2000 at most" in longer


@pytest.mark.parametrize("template", [[], 7, "x", {"variables": []}, {"variables": 1}])
def test_a_pool_without_a_template(template: Any) -> None:
    """Whatever stands where a pool's template should, it says nothing."""
    pools = {"pool": {"base_job_template": template}}
    policies = RunPolicies(Settings(), {"d": {"name": "etl"}}, pools, Places()._block)
    assert asyncio.run(policies.of(a_run())).fault is None


def test_a_block_that_makes_no_sense_at_all() -> None:
    """Whatever goes wrong is the fault of the deployment that names it."""

    async def broken(name: str) -> dict[str, Any] | None:
        raise KeyError(name)

    policies = RunPolicies(Settings(), {"d": {"name": "etl"}}, {}, broken)
    terms = asyncio.run(policies.of(a_run(CARBONAWARE_POLICY="mine")))

    assert terms.fault == "deployment 'etl': its settings make no sense (KeyError)"
