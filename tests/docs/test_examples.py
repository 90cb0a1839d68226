"""The examples of the documents and the repository's deployments, on a real server."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.docs.documents import ROOT, Block, blocks, text_of
from tests.prefect_server.process import Process
from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World
from tests.warm import python

pytestmark = pytest.mark.server

_POOL = "carbonaware-process"
_PYTHON = blocks("python")
# A script that serves does not end; tests/server/test_serve.py runs it.
_SCRIPTS = [block for block in _PYTHON if ".serve(" not in block.text]
# Those of the process pool; what has build steps is deployed in other files, and what
# belongs to another pool in tests/docker, or checked in tests/pools.
_DEPLOYMENTS = [
    block
    for block in blocks("yaml")
    if "name: my-pool\n" in block.text and "build:" not in block.text
]


def _prefect(server: Server, *arguments: str, cwd: Path | None = None) -> str:
    """What ``prefect`` says with these arguments."""
    done = subprocess.run(
        [python(), "-m", "prefect", *arguments],
        cwd=cwd,
        env=server.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _deployment(server: Server, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = server.call("GET", f"/deployments/name/{name}")
    return answer


def _start(server: Server, name: str, folder: Path, *, lowest: int = 2) -> Run:
    """A run of a deployment, started now, whose forecast is lowest some hours on."""
    lines = ["start,gco2_per_kwh"]
    for hours, grams in (-1, 300), (lowest, 100), (lowest + 1, 300), (24, 300):
        at = server.clock.now() + timedelta(hours=hours)
        lines.append(f"{at.isoformat(timespec='seconds')},{grams}")
    forecast = folder / "forecast.csv"
    forecast.write_text("\n".join(lines))
    env = {"CARBONAWARE_SOURCE": f"file:{forecast}"}
    created = server.call(
        "POST",
        f"/deployments/{_deployment(server, name)['id']}/create_flow_run",
        json={"state": {"type": "SCHEDULED"}, "job_variables": {"env": env}},
    )
    return Run(server, str(created["id"]), folder / "no-journal")


@pytest.fixture(scope="module")
def clone(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is deployed from a clone, deployed with the documented commands."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copy(ROOT / "prefect.yaml", folder)
    shutil.copytree(ROOT / "deployments", folder / "deployments")
    _prefect(server, "work-pool", "create", _POOL, "--type", "process")
    _prefect(server, "--no-prompt", "deploy", "--all", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def worker(server: Server, clone: Path) -> Iterator[Process]:
    """A worker of the repository's pool."""
    world = World(server, clone, pool=_POOL)
    try:
        yield world.start_worker()
    finally:
        world.close()


@pytest.fixture(scope="module")
def training(server: Server, clone: Path, worker: Process) -> Run:
    """A run of the training, just started."""
    return _start(server, "training/nightly", clone)


# Both wait for their slots while the other tests run.
@pytest.mark.usefixtures("training", "backup")
def test_repository_deploys_the_nightly_training(server: Server, clone: Path) -> None:
    """``prefect deploy --all`` gives the training its pool, schedule, zone and settings."""
    found = _deployment(server, "training/nightly")

    assert found["work_pool_name"] == _POOL
    (schedule,) = found["schedules"]
    assert schedule["active"]
    assert schedule["schedule"]["cron"] == "0 21 * * *"
    assert schedule["schedule"]["timezone"] == "Europe/Berlin"
    assert found["job_variables"]["env"] == {
        "CARBONAWARE_ZONE": "DE",
        "CARBONAWARE_WINDOW": "PT9H",
        "CARBONAWARE_DURATION": "PT1H",
    }
    assert found["tags"] == ["training", "carbon-aware"]
    assert found["pull_steps"] == [
        {
            "prefect.deployments.steps.set_working_directory": {
                "directory": str(clone.resolve())
            }
        }
    ]


@pytest.mark.usefixtures("clone")
def test_repository_deploys_the_ad_hoc_report(server: Server) -> None:
    """``prefect deploy --all`` gives the report its pool and settings, and no schedule."""
    found = _deployment(server, "report/ad-hoc")

    assert found["work_pool_name"] == _POOL
    assert found["schedules"] == []
    assert found["job_variables"]["env"] == {
        "CARBONAWARE_ZONE": "DE",
        "CARBONAWARE_WINDOW": "PT10M",
        "CARBONAWARE_DURATION": "PT1M",
    }


@pytest.mark.usefixtures("clone")
def test_scheduler_creates_the_nightly_runs(server: Server) -> None:
    """The training's runs are scheduled at 21:00 in Berlin."""

    def look() -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = server.call(
            "POST",
            "/flow_runs/filter",
            json={
                "flow_runs": {"state": {"name": {"any_": ["Scheduled"]}}},
                "deployments": {"name": {"any_": ["nightly"]}},
                "flows": {"name": {"any_": ["training"]}},
            },
        )
        return [run for run in answer if run["auto_scheduled"]]

    runs = eventually(look, what="runs are scheduled")
    hours = {datetime.fromisoformat(run["expected_start_time"]).hour for run in runs}
    assert hours <= {19, 20}


@pytest.fixture(scope="module")
def ended(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str | None]:
    """How each Python block ended, run as a script under a forecast without a dip."""
    folder = tmp_path_factory.mktemp("blocks")
    flat = folder / "flat.csv"
    ends = [server.clock.now() + timedelta(days=days) for days in (-1, 2)]
    flat.write_text(f"start,end,intensity\n{','.join(end.isoformat() for end in ends)},300")
    files = {block.where: folder / f"block_{i}.py" for i, block in enumerate(_SCRIPTS)}
    for block in _SCRIPTS:
        files[block.where].write_text(block.text, encoding="utf-8")
    done = subprocess.run(
        [python(), Path(__file__).with_name("run_blocks.py"), *files.values()],
        cwd=folder,
        env=server.environment(CARBONAWARE_SOURCE=f"file:{flat}"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    return {where: answers[str(path)] for where, path in files.items()}


@pytest.mark.parametrize("block", _SCRIPTS, ids=lambda block: block.where)
def test_python_block_runs(ended: dict[str, str | None], block: Block) -> None:
    """Each Python block of the documents runs as it stands."""
    assert ended[block.where] is None


@pytest.fixture(scope="module")
def pool(server: Server) -> str:
    """The pool that the documents' examples deploy to, made with their command."""
    assert "$ prefect work-pool create my-pool --type process" in text_of("README.md")
    _prefect(server, "work-pool", "create", "my-pool", "--type", "process")
    return "my-pool"


@pytest.fixture(scope="module")
def backup(
    server: Server, pool: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Run]:
    """A run of the process pool page's example, just started, and a worker for it."""
    folder = tmp_path_factory.mktemp("process-page")
    for block in blocks("python", "yaml"):
        if block.where.startswith("docs/process.md:") and block.file_name:
            (folder / block.file_name).write_text(block.text, encoding="utf-8")
    _prefect(server, "--no-prompt", "deploy", "--all", cwd=folder)
    world = World(server, folder, pool=pool)
    try:
        world.start_worker()
        # Long after the training's slot, to which the clock is moved first.
        yield _start(server, "backup/by-night", folder, lowest=5)
    finally:
        world.close()


@pytest.mark.parametrize("block", _DEPLOYMENTS, ids=lambda block: block.where)
def test_deployments_of_the_documents_deploy(
    server: Server, pool: str, tmp_path: Path, block: Block
) -> None:
    """Each fragment of a prefect.yaml deploys the flows that the documents show."""
    for source in _PYTHON:
        if source.file_name is not None:
            (tmp_path / source.file_name).write_text(source.text, encoding="utf-8")
    (tmp_path / "prefect.yaml").write_text(block.text, encoding="utf-8")
    _prefect(server, "--no-prompt", "deploy", "--all", cwd=tmp_path)

    for wanted in YAML(typ="safe").load(block.text)["deployments"]:
        flow = wanted["entrypoint"].partition(":")[2]
        found = _deployment(server, f"{flow}/{wanted['name']}")
        assert found["work_pool_name"] == pool
        assert found["entrypoint"] == wanted["entrypoint"]


def test_training_leaves_its_worker_and_comes_back(training: Run) -> None:
    """The deployed training goes back to Scheduled and completes after its slot."""
    training.finish_at_slot()
    labels = training.labels()

    assert training.names().count("Running") == 2
    assert (labels["reason"], labels["decided_by"]) == ("cleaner_slot", "task")
    assert (labels["source"], labels["zone"], labels["moves"]) == ("file", "DE", 1)
    # Logs come in batches, some after the run's end.
    eventually(lambda: "accuracy" in training.logs(), what="it logs its result")


def test_process_pool_example(backup: Run) -> None:
    """The process pool page's flow leaves its worker, comes back and does its work."""
    backup.finish_at_slot()
    labels = backup.labels()

    assert backup.names().count("Running") == 2
    assert (labels["reason"], labels["zone"], labels["moves"]) == ("cleaner_slot", "DE", 1)
    eventually(lambda: "tables copied" in backup.logs(), what="it logs its work")
