"""Users of the older package change nothing: its documented examples run as they are."""

from __future__ import annotations

import inspect
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

import carbonaware_prefect
from tests.prefect_server.runs import Run
from tests.prefect_server.waiting import eventually, now
from tests.prefect_server.world import FLOWS, World

_HOUR = timedelta(hours=1)


def _forecast(folder: Path, dip_in: float) -> str:
    """A forecast file for the zone of us-central1, and the setting that names it."""
    dip = now() + timedelta(seconds=dip_in)
    rows = [(dip - _HOUR, 500), (dip, 200), (dip + _HOUR, 500), (dip + 2 * _HOUR, 500)]
    path = folder / "forecast.csv"
    lines = [f"{start.isoformat()},{value}" for start, value in rows]
    path.write_text("\n".join(["start,gco2_per_kwh", *lines]))
    return f"file:{path}"


@pytest.mark.parametrize(
    "name", ["carbonaware_delay", "carbonaware_delay_decorator", "carbonaware_delay_task"]
)
def test_names_parameters_and_defaults(name: str) -> None:
    """The three functions take the older four parameters in order, with their defaults."""
    parameters = inspect.signature(getattr(carbonaware_prefect, name)).parameters
    older = [(p.name, p.default, p.kind) for p in list(parameters.values())[:4]]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD

    assert older == [
        ("window", timedelta(hours=6), kind),
        ("duration", timedelta(minutes=30), kind),
        ("region", None, kind),
        ("provider", None, kind),
    ]
    assert all(
        p.kind in {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}
        for p in list(parameters.values())[4:]
    )


def _run_script(world: World, source: str) -> subprocess.CompletedProcess[str]:
    """What both examples say, one after the other, without a deployment."""
    return subprocess.run(
        [sys.executable, str(FLOWS / "older.py")],
        check=True,
        timeout=160,
        capture_output=True,
        text=True,
        env=world.server.environment(CARBONAWARE_SOURCE=source),
    )


def test_examples_run(world: World, tmp_path: Path) -> None:
    """As a script both wait in process; on a pool the task gives its worker back."""
    # On a busy machine the script takes half a minute to get there.
    source = _forecast(tmp_path, 60)
    with ThreadPoolExecutor(1) as threads:
        script = threads.submit(_run_script, world, source)
        _run_deployments(world, tmp_path, source)
        done = script.result()

    assert done.stdout.count("training started") == 2
    assert "Waiting for cleaner electricity" in done.stdout + done.stderr


def _run_deployments(world: World, folder: Path, source: str) -> None:
    env = {"CARBONAWARE_SOURCE": source, "CARBONAWARE_MINIMUM_WAIT": "0s"}
    runs = {}
    for name in ("decorated_training_pipeline", "training_pipeline"):
        deployment = world.deploy(f"older.py:{name}", parameters={})
        created = world.server.call(
            "POST",
            f"/deployments/{deployment}/create_flow_run",
            json={"state": {"type": "SCHEDULED"}, "job_variables": {"env": env}},
        )
        runs[name] = Run(world.server, created["id"], folder / name)
    for run in runs.values():
        run.wait_for("Completed", within=90)

    assert runs["training_pipeline"].names().count("Running") == 2
    assert runs["decorated_training_pipeline"].names().count("Running") == 1
    moved = runs["training_pipeline"].labels()
    assert (moved["zone"], moved["source"]) == ("US-MIDW-MISO", "file")
    eventually(
        lambda: (
            runs["decorated_training_pipeline"].labels().get("decided_by") == "in_process"
        ),
        within=5,
        what="the decorator leaves its record",
    )
