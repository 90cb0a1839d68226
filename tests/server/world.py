"""A real Prefect server, real workers and real flow runs, for tests.

Everything lives on loopback and under one temporary folder, and ends with its owner.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

import httpx

from carbonaware_prefect.demo.processes import end_all
from tests import sweeper
from tests.server.installed import culprits
from tests.server.prefects import job_variables

TERMINAL = {"Completed", "Failed", "Crashed", "Cancelled", "TimedOut"}
# For machines that are busy with something else; what must be quick is measured.
PATIENCE = 2.0
FLOWS = Path(__file__).parent / "flows"
# Of a log, to tell why a server did not start.
_END_LINES = 20
_PROCESS = "CA_TESTS_PROCESS"
T = TypeVar("T")
# Collecting garbage, the server closes cursors of SQLite in its main thread. Where such a
# connection waits for the one writer that there may be, so does the main thread, and the
# writer for that: for the minute after which SQLite gives up.
_START = "import gc, runpy; gc.disable(); runpy.run_module('prefect', run_name='__main__')"


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(timezone.utc)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(
    look: Callable[[], T | None], *, within: float, what: str, every: float = 0.2
) -> T:
    """The first true answer of ``look``; an AssertionError after ``within`` seconds."""
    deadline = time.monotonic() + within * PATIENCE
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            message = f"not within {within:.0f} s: {what}"
            raise AssertionError(message)
        time.sleep(every)


def clean_environment() -> dict[str, str]:
    """The environment without anything that would reach out of the test."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PREFECT_", "CARBONAWARE_"))
    }


class Process:
    """A child process in a group of its own, with its output in a file.

    Flow runs that it starts have sessions of their own. They inherit its mark.
    """

    def __init__(
        self,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        cwd: Path | None = None,
    ) -> None:
        self.log = log
        self._mark = uuid.uuid4().hex
        mark = {sweeper.VARIABLE: sweeper.watch(), _PROCESS: self._mark}
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                arguments,
                env=environment | mark,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=cwd,
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def alive(self) -> bool:
        return self.popen.poll() is None

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """End it at once, with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(10)
        end_all(_PROCESS, self._mark)


class Server:
    """A Prefect server, on a port that it keeps over restarts.

    Args:
        home: its folder.
        database: SQLAlchemy URL; a SQLite file of its own by default.
        settings: more of its environment.
    """

    def __init__(self, home: Path, database: str | None = None, **settings: str) -> None:
        self.home = home
        self.settings = settings
        self.port = free_port()
        self.api = f"http://127.0.0.1:{self.port}/api"
        self.process: Process | None = None
        # In memory where the machine has that: SQLite has one writer, and waits for disks.
        self.data = sweeper.a_folder(memory=True)
        self.database = database or f"sqlite+aiosqlite:///{self.data}/prefect.db"
        self.client = httpx.Client(base_url=self.api, timeout=60)
        home.mkdir(parents=True, exist_ok=True)

    def environment(self, **more: str) -> dict[str, str]:
        return (
            clean_environment()
            | {
                "PREFECT_HOME": str(self.home),
                "PREFECT_API_URL": self.api,
                "PREFECT_SERVER_API_HOST": "127.0.0.1",
                "PREFECT_SERVER_API_PORT": str(self.port),
                "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
                "PREFECT_SERVER_DATABASE_CONNECTION_URL": self.database,
                "PREFECT_SERVER_UI_ENABLED": "false",
                "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
                "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "4",
                # They only write, and SQLite has one writer: under a burst of runs the
                # server otherwise leaves requests without an answer for a minute.
                "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
                "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
                "PREFECT_WORKER_QUERY_SECONDS": "1",
                # Short look ahead: a slot may then lie a few seconds ahead in a test.
                "PREFECT_WORKER_PREFETCH_SECONDS": "1",
                "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.5",
                # No test looks for a cloud or writes to the cache of its user.
                "CARBONAWARE_DETECT": "0",
                "CARBONAWARE_CACHE_DIR": str(self.home / "forecasts"),
                "DO_NOT_TRACK": "1",
                "PYTHONUNBUFFERED": "1",
            }
            | self.settings
            | more
        )

    def start(self) -> None:
        arguments = [sys.executable, "-c", _START, "server", "start"]
        self.process = Process(arguments, self.environment(), self.home / "server.log")
        try:
            eventually(self._up, within=90, what="the Prefect server answers")
        except AssertionError as error:
            end = "\n".join(self.process.output().splitlines()[-_END_LINES:])
            message = f"{culprits()}\n{error}\n{end}"
            raise AssertionError(message) from None

    def _up(self) -> bool:
        assert self.process is not None
        assert self.process.alive(), "the Prefect server ended"
        return self.healthy()

    def healthy(self) -> bool:
        try:
            return self.client.get("/health", timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()

    def close(self) -> None:
        self.stop()
        self.client.close()
        shutil.rmtree(self.data, ignore_errors=True)

    def call(self, method: str, path: str, **kwargs: Any) -> Any:
        reads = method == "GET" or path.endswith("/filter")
        response = httpx.Response(httpx.codes.SERVICE_UNAVAILABLE)
        for _ in range(20):
            try:
                response = self.client.request(
                    method, path, timeout=15 if reads else 90, **kwargs
                )
            except httpx.TimeoutException:
                if not reads:
                    raise
                continue
            # SQLite has one writer; the server says 503 when it was another one's turn.
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(0.3)
        assert response.is_success, f"{method} {path}: {response.text}"
        return response.json() if response.content else None


@dataclass
class Run:
    """A flow run on the server, and what its flow noted in its journal."""

    server: Server
    id: str
    journal: Path

    def read(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.server.call("GET", f"/flow_runs/{self.id}")
        return answer

    def state(self) -> str:
        return str(self.read()["state"]["name"])

    def labels(self) -> dict[str, Any]:
        return {
            name.removeprefix("carbonaware."): value
            for name, value in self.read()["labels"].items()
            if name.startswith("carbonaware.")
        }

    def states(self) -> list[dict[str, Any]]:
        answer = self.server.call(
            "GET", "/flow_run_states/", params={"flow_run_id": self.id}
        )
        return sorted(answer, key=lambda state: str(state["timestamp"]))

    def names(self) -> list[str]:
        return [str(state["name"]) for state in self.states()]

    def logs(self) -> str:
        found = self.server.call(
            "POST",
            "/logs/filter",
            json={"logs": {"flow_run_id": {"any_": [self.id]}}, "limit": 200},
        )
        return "\n".join(f"{entry['name']}: {entry['message']}" for entry in found)

    def set_state(self, *, force: bool = False, **state: Any) -> None:
        self.server.call(
            "POST", f"/flow_runs/{self.id}/set_state", json={"state": state, "force": force}
        )

    def wait_for(self, *names: str, within: float = 60) -> str:
        def look() -> str | None:
            name = self.state()
            assert name in names or name not in TERMINAL, f"{self.id} is {name}"
            return name if name in names else None

        try:
            return eventually(look, within=within, what=f"{self.id} is {names}")
        except AssertionError as error:
            message = (
                f"{error}; states {self.names()}; notes {self.events()}\n{self.logs()}"
            )
            raise AssertionError(message) from None

    def notes(self) -> list[dict[str, Any]]:
        if not self.journal.exists():
            return []
        return [json.loads(line) for line in self.journal.read_text().splitlines()]

    def add_note(self, event: str) -> None:
        """A note from outside the flow."""
        with self.journal.open("a") as journal:
            journal.write(json.dumps({"event": event, "time": time.time()}) + "\n")

    def events(self) -> list[str]:
        return [str(note["event"]) for note in self.notes()]

    def note(self, event: str, nth: int = 0) -> dict[str, Any]:
        return [note for note in self.notes() if note["event"] == event][nth]

    def wait_for_note(self, event: str, within: float = 60) -> dict[str, Any]:
        eventually(
            lambda: event in self.events(), within=within, what=f"the flow notes {event}"
        )
        return self.note(event)


class Anew(dict[str, Run]):
    """Runs that are started when they are asked for: for a second try of a test."""

    def __init__(self, start: Callable[[str], Run]) -> None:
        super().__init__()
        self._start = start

    def __missing__(self, name: str) -> Run:
        self[name] = self._start(name)
        return self[name]


@dataclass
class World:
    """A server with one pool and its workers."""

    server: Server
    folder: Path
    pool: str = field(default_factory=lambda: f"pool-{uuid.uuid4().hex[:8]}")
    kind: str = "process"
    workers: list[Process] = field(default_factory=list)
    deployments: dict[str, str] = field(default_factory=dict)

    def open_pool(self, **settings: Any) -> None:
        self.server.call(
            "POST", "/work_pools/", json={"name": self.pool, "type": self.kind, **settings}
        )

    def start_worker(self, *options: str, **environment: str) -> Process:
        arguments = [
            sys.executable, "-m", "prefect", "worker", "start",
            "--pool", self.pool, "--type", self.kind, "--install-policy", "never",
            *options,
        ]  # fmt: skip
        worker = Process(
            arguments,
            self.server.environment(**environment),
            self.folder / f"worker-{len(self.workers)}.log",
            # Prefect may copy a flow's folder to where it works.
            cwd=self.folder,
        )
        self.workers.append(worker)
        return worker

    def deploy(self, flow: str, **settings: Any) -> str:
        """A deployment of ``file.py:function`` in the tests' folder of flows."""
        file, function = flow.split(":")
        created = self.server.call(
            "POST", "/flows/", json={"name": function.replace("_", "-")}
        )
        deployment = self.server.call(
            "POST",
            "/deployments/",
            json={
                "name": f"{function}-{uuid.uuid4().hex[:6]}",
                "flow_id": created["id"],
                "entrypoint": f"{file}:{function}",
                "path": str(FLOWS),
                "work_pool_name": self.pool,
                "enforce_parameter_schema": False,
            }
            | settings,
        )
        return str(deployment["id"])

    def run(
        self,
        flow: str,
        *,
        dip_in: float = 12,
        deployment: str | None = None,
        env: dict[str, str] | None = None,
        api: str | None = None,
        **parameters: Any,
    ) -> Run:
        """Start a flow whose forecast dips ``dip_in`` seconds after its first start.

        With ``api`` its process calls that one, and its worker the server's own.
        """
        if deployment is None:
            deployment = self.deployments.get(flow) or self.deploy(flow)
            self.deployments[flow] = deployment
        journal = self.folder / f"journal-{uuid.uuid4().hex}.jsonl"
        created = self.server.call(
            "POST",
            f"/deployments/{deployment}/create_flow_run",
            json={
                "state": {"type": "SCHEDULED"},
                "parameters": {"dip_in": dip_in, "journal": str(journal)} | parameters,
                "job_variables": job_variables(env, api),
            },
        )
        return Run(self.server, str(created["id"]), journal)

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()


@contextlib.contextmanager
def a_world(server: Server, folder: Path, **pool: Any) -> Iterator[World]:
    """A world with its pool, ended with the block."""
    world = World(server, folder)
    world.open_pool(**pool)
    try:
        yield world
    finally:
        world.close()
