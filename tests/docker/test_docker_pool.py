"""The delay task on Docker work pools: real server, workers, engine and containers."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from carbonaware_prefect.planner.report import Action
from tests.clock.real_time import RealTime
from tests.docker.engine import Engine
from tests.docker.images import import_base_image
from tests.docker.pool import (
    LABELS,
    MOVE,
    Fault,
    Pool,
    kill,
    prefect,
    stop,
    stop_and_wait,
    write_dip,
)
from tests.docs.documents import ROOT, blocks, text_of
from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World
from tests.server.planner.occurrences import (
    Occurrence,
    occur,
)
from tests.server.planner.passes import plan, row_of
from tests.server.planner.real_time import Timeline

pytestmark = pytest.mark.infra

# From a container's start, on a machine that is busy with other tests.
_DIP_IN = 60.0
_RESCHEDULE = {"PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR": "reschedule"}
_FAULTS = {
    "stop with reschedule": Fault(
        pattern=LABELS, moment="before", strike=stop_and_wait, passes=False, env=_RESCHEDULE
    ),
    "stop while deciding": Fault(pattern=LABELS, moment="before", strike=stop, passes=True),
    "stop after the move": Fault(pattern=MOVE, moment="after", strike=stop, passes=True),
    "kill while deciding": Fault(
        pattern=LABELS, moment="before", strike=kill, passes=False
    ),
    "kill after the move": Fault(pattern=MOVE, moment="after", strike=kill, passes=False),
}


@pytest.fixture(scope="module")
def server(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server; the Dockerfiles' base image is made while it starts."""
    folder = tmp_path_factory.mktemp("image")
    server = Server(tmp_path_factory.mktemp("server"), start=RealTime.DOCKER)
    try:
        with ThreadPoolExecutor() as meanwhile:
            image = meanwhile.submit(
                import_base_image, engine.client, "python:3.11-slim", folder
            )
            server.start()
            image.result()
        yield server
    finally:
        server.close()


def _deployed(
    server: Server, engine: Engine, folder: Path, commands: list[str]
) -> Iterator[World]:
    """A folder deployed by its own commands; the last of them starts the worker."""
    *commands, start = commands
    for command in commands:
        prefect(server, engine, folder, *shlex.split(command)[1:])
    assert start.startswith("prefect worker start --pool ")
    world = World(server, folder, pool=start.split()[-1], kind="docker")
    try:
        # Without --limit: see docs/docker.md for what that does to evicted runs.
        world.start_worker(DOCKER_HOST=engine.url, PREFECT_WORKER_QUERY_SECONDS="2")
        yield world
    finally:
        world.close()


@pytest.fixture(scope="module")
def clone(
    server: Server, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """What ``deployments/docker`` deploys from a clone, by the commands that it says."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("carbonaware_prefect", "deployments"):
        shutil.copytree(ROOT / name, folder / name)
    for name in (".dockerignore", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, folder)
    said = text_of("deployments/docker/prefect.yaml")
    commands = re.findall(r"^#   (prefect .*)$", said, re.MULTILINE)
    yield from _deployed(server, engine, folder, commands)


@pytest.fixture(scope="module")
def documented(
    server: Server, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The example of docs/docker.md, file by file and command by command."""
    folder = tmp_path_factory.mktemp("documented")
    page = [
        block
        for block in blocks("python", "dockerfile", "yaml", "console")
        if block.where.startswith("docs/docker.md:")
    ]
    for block in page:
        if block.file_name is not None:
            (folder / block.file_name).write_text(block.text, encoding="utf-8")
    console = next(block.text for block in page if block.language == "console")
    commands = re.findall(r"^\$ (prefect .*)$", console, re.MULTILINE)
    yield from _deployed(server, engine, folder, commands)


@pytest.fixture(scope="module")
def pool(clone: World, engine: Engine) -> Iterator[Pool]:
    """The clone's pool and image, for flows of the tests too."""
    with contextlib.ExitStack() as stack:
        yield Pool(clone, engine, "carbonaware-training:nightly", stack)


def _delayed(world: World, engine: Engine, name: str) -> Run:
    """A run of a deployment by its name, with a dip ahead in a forecast file."""
    deployment = world.server.call("GET", f"/deployments/name/{name}")
    created = world.server.call(
        "POST",
        f"/deployments/{deployment['id']}/create_flow_run",
        json={
            "state": {"type": "SCHEDULED"},
            "job_variables": {
                "volumes": [f"{world.folder}:/data:ro"],
                "env": {
                    "CARBONAWARE_SOURCE": "file:/data/forecast.csv",
                    "CARBONAWARE_DURATION": "1m",
                    "CARBONAWARE_MINIMUM_WAIT": "0s",
                },
            },
        },
    )
    run = Run(world.server, str(created["id"]), world.folder / "no-journal")
    eventually(lambda: engine.containers(run.id), within=60, what="a container starts")
    # Python and Prefect take seconds to start before anybody reads this.
    write_dip(world.folder / "forecast.csv", _DIP_IN)
    return run


def _start(pool: Pool, documented: World, name: str) -> Run:
    if name == "clone":
        return _delayed(pool.world, pool.engine, "training/nightly-docker")
    if name == "documented":
        return _delayed(documented, pool.engine, "retrain/nightly")
    if name == "kill while ending":
        return pool.run("guarded.py:finally_flow", dip_in=400, hold=300)
    if name in {"kill", "stop"}:
        return pool.run("plain.py:long_flow", dip_in=30, seconds=600)
    # Another container is started and decides before the dip.
    dip_in = 60 if name == "stop with reschedule" else 30
    return pool.run("plain.py:sync_flow", _FAULTS[name], dip_in=dip_in)


@pytest.fixture(scope="module")
def planned(pool: Pool) -> Occurrence:
    """A scheduled run that a planner has moved, before there is anything to nurse."""
    line = Timeline()
    occurrence = occur(
        pool.world,
        line.at(40),
        dips={line.at(60): 100.0},
        env={"CARBONAWARE_FREEZE": "0s"},
        starting=pool.job,
    )
    assert row_of(plan(pool.world.server), occurrence).action is Action.MOVE
    return occurrence


@pytest.fixture(scope="module")
def runs(pool: Pool, documented: World, planned: Occurrence) -> dict[str, Run]:
    """All other runs of this module; the faults happen while the first two wait."""
    del planned
    names = ["clone", "documented", *_FAULTS, "kill while ending", "kill", "stop"]
    first = {name: _start(pool, documented, name) for name in names[:2]}
    for run in first.values():
        eventually(partial(_moved, run), within=30, what=f"{run.id} is moved")
    return first | {name: _start(pool, documented, name) for name in names[2:]}


def _slot(run: Run) -> float:
    return datetime.fromisoformat(run.labels()["slot_start"]).timestamp()


def _created(container: Container) -> float:
    return datetime.fromisoformat(container.attrs["Created"][:19] + "+00:00").timestamp()


def _moved(run: Run) -> bool:
    return "moves" in run.labels()


def _waits_without_container(run: Run, engine: Engine) -> bool:
    """Moved, with one ended container that the run is no longer tied to, and no other."""
    read = run.read()
    return (
        _moved(run)
        and read["state"]["name"] == "Scheduled"
        and read["infrastructure_pid"] is None
        and [one.status for one in engine.containers(run.id)] == ["exited"]
    )


def test_no_container_during_the_wait(runs: dict[str, Run], engine: Engine) -> None:
    """A delayed run's container ends by itself; none runs until the slot."""
    waiting = [runs["clone"], runs["documented"]]
    for run in waiting:
        eventually(
            partial(_waits_without_container, run, engine),
            within=60,
            every=0.5,
            what=f"{run.id} waits without a container",
        )
    seen = 0
    # A worker looks one second ahead, and the server rounds down.
    while time.time() < min(_slot(run) for run in waiting) - 3:
        assert all(_waits_without_container(run, engine) for run in waiting)
        seen += 1
        time.sleep(1)

    assert seen > 1


def test_planned_run_starts_one_container(
    runs: dict[str, Run], planned: Occurrence, pool: Pool
) -> None:
    """A run that the planner moved has no container until its slot, and then one."""
    del runs
    run = planned.run()
    run.wait_for("Completed", within=120)
    eventually(lambda: pool.exit_codes(run) == [0], within=20, what="its container ends")

    assert planned.events() == ["start", "work"]
    assert (run.labels()["decided_by"], run.read()["run_count"]) == ("planner", 1)
    assert _slot(run) > planned.nominal.timestamp()
    (container,) = pool.engine.containers(run.id)
    assert _created(container) >= _slot(run) - 3


@pytest.mark.parametrize("name", ["clone", "documented"])
def test_new_container_at_the_slot(runs: dict[str, Run], pool: Pool, name: str) -> None:
    """At the slot one other container starts, and the run completes in it."""
    run = runs[name]
    run.wait_for("Completed", within=120)
    eventually(lambda: pool.exit_codes(run) == [0, 0], within=20, what="two containers")
    second = pool.engine.containers(run.id)[1]

    assert run.names().count("Running") == 2
    assert _created(second) >= _slot(run) - 3
    assert run.read()["run_count"] == 1


@pytest.mark.parametrize("name", ["clone", "documented"])
def test_settings_come_through_job_variables(runs: dict[str, Run], name: str) -> None:
    """The zone of the deployment and the source of the run reach the container."""
    run = runs[name]
    run.wait_for("Completed", within=120)
    labels = run.labels()

    assert (labels["zone"], labels["source"]) == ("DE", "file")
    assert (labels["reason"], labels["decided_by"], labels["moves"]) == (
        "cleaner_slot", "task", 1,
    )  # fmt: skip
    assert labels["intensity_slot"] == 100


@pytest.mark.parametrize("name", ["stop while deciding", "stop after the move"])
def test_stop_loses_nothing(runs: dict[str, Run], pool: Pool, name: str) -> None:
    """Stopped around the move: the run still waits for its slot and starts once."""
    run = runs[name]
    run.wait_for("Completed", within=150)

    assert run.events() == ["start", "start", "work", "end"]
    assert run.note("start", 1)["time"] >= _slot(run) - 2
    assert pool.exit_codes(run)[0] == 0


def test_stop_with_reschedule(runs: dict[str, Run]) -> None:
    """Evicted while deciding: decides anew in another container, works once at its slot."""
    run = runs["stop with reschedule"]
    run.wait_for("Completed", within=180)

    assert run.events() == ["start", "start", "start", "work", "end"]
    assert "AwaitingRetry" in run.names()
    assert run.note("work")["time"] >= _slot(run) - 2


def test_kill_while_deciding(runs: dict[str, Run], pool: Pool) -> None:
    """Killed before anything was written: Crashed as by any kill, nothing half done."""
    run = runs["kill while deciding"]
    run.wait_for("Crashed", within=120)

    assert run.events() == ["start"]
    assert run.labels() == {}
    assert pool.exit_codes(run) == [137]


def test_kill_after_the_move(runs: dict[str, Run], pool: Pool) -> None:
    """Killed between the accepted move and the exit: Crashed, until a planner looks.

    A Docker worker knows its container's exit status and nothing else, and reports
    Crashed over Scheduled. The run's labels and states tell a planner what to mend.
    """
    moved, ending = runs["kill after the move"], runs["kill while ending"]
    ending.wait_for_note("finally", within=120)
    kill(pool.container(ending))
    for run in moved, ending:
        run.wait_for("Crashed", within=120)
        assert run.names()[-2:] == ["Scheduled", "Crashed"]
        assert run.labels()["reason"] == "cleaner_slot"
        assert run.events().count("start") == 1
        assert pool.exit_codes(run) == [137]

    def mended() -> bool:
        plan(pool.world.server)
        return all(run.names()[-1] != "Crashed" for run in (moved, ending))

    # The planner leaves a crash alone until no second report of it can come.
    eventually(mended, within=60, every=5, what="the planner moves them again")
    moved.wait_for("Completed", within=120)

    assert moved.events() == ["start", "start", "work", "end"]
    assert any("moved again" in str(state["message"]) for state in ending.states())


@pytest.mark.parametrize("name", ["kill", "stop"])
def test_killed_at_work(runs: dict[str, Run], pool: Pool, name: str) -> None:
    """Killed or stopped at work: Crashed, as without a delay, and not started again."""
    run = runs[name]
    run.wait_for_note("work", within=180)
    container = pool.container(run)
    arguments: dict[str, Any] = {"timeout": 2} if name == "stop" else {}
    getattr(container, name)(**arguments)
    run.wait_for("Crashed", within=60)
    # A worker that meant to start it again would have done so by then.
    time.sleep(4)

    assert run.state() == "Crashed"
    assert run.events() == ["start", "start", "work"]
    assert pool.exit_codes(run) == [0, 137]
