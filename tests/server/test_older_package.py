"""Users of the older package change nothing: its documented examples run as they are."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import carbonaware_prefect
from tests.prefect_server.prefects import own_engine
from tests.prefect_server.process import Process
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import FLOWS, World
from tests.warm import python

_WINDOW = timedelta(minutes=5)
_SAID = "Waiting for cleaner electricity"


def _forecast(now: datetime, folder: Path) -> str:
    """For the zone of us-central1: each minute is cleaner, so a start waits its window.

    The setting that names the file.
    """
    minutes = [now + timedelta(minutes=minute) for minute in range(-5, 6 * 60)]
    path = folder / "forecast.csv"
    lines = [f"{at.isoformat()},{2000 * 0.97**i}" for i, at in enumerate(minutes)]
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


@pytest.fixture
def script(server: Server, tmp_path: Path) -> Iterator[Process]:
    """The examples as a script."""
    source = _forecast(server.clock.now(), tmp_path)
    process = Process(
        [python(), str(FLOWS / "older.py")],
        server.environment(CARBONAWARE_SOURCE=source),
        tmp_path / "script.log",
    )
    try:
        yield process
    finally:
        process.kill()


def test_script_waits_in_process(server: Server, script: Process) -> None:
    """As a script both examples wait where they are, one after the other."""
    for number in (1, 2):
        eventually(
            lambda: _said(script.output()) == number,  # noqa: B023  asked at once
            what=f"example {number} waits",
        )
        assert script.output().count("training started") == number - 1
        server.clock.advance(_WINDOW)

    assert script.popen.wait() == 0
    assert script.output().count("training started") == 2


def _said(output: str) -> int:
    """How many waits were announced; a line goes to the console and to the flow's log."""
    return len({line.split(_SAID)[1] for line in output.splitlines() if _SAID in line})


def test_examples_on_a_pool(server: Server, world: World, tmp_path: Path) -> None:
    """On a pool the task gives its worker back, and the decorator waits in process."""
    env = {"CARBONAWARE_SOURCE": _forecast(server.clock.now(), tmp_path)}
    decorated, delayed = (
        world.create(
            world.deploy(f"older.py:{name}"),
            state={"type": "SCHEDULED"},
            job_variables={"env": env, "command": own_engine()},
        )
        for name in ("decorated_training_pipeline", "training_pipeline")
    )
    delayed.wait_until_put_back()
    decorated.wait_until_inside()
    server.clock.advance(_WINDOW)
    for run in (decorated, delayed):
        run.wait_for("Completed")

    assert delayed.names().count("Running") == 2
    assert decorated.names().count("Running") == 1
    moved = delayed.labels()
    assert (moved["zone"], moved["source"]) == ("US-MIDW-MISO", "file")
