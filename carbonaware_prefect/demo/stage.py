"""The stage: a Prefect server, one work pool with one slot, and a worker.

All of it on loopback and under one temporary folder; all of it gone at the end, however
that comes about.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from carbonaware_prefect.demo.api import Api
from carbonaware_prefect.demo.interrupts import Interrupts
from carbonaware_prefect.demo.processes import Child, end_all, python
from carbonaware_prefect.demo.waiting import until
from carbonaware_prefect.errors import DemoFailedError

__all__ = ["POOL", "PREFETCH_SECONDS", "Stage"]

POOL = "demo-pool"
_FLOWS = Path(__file__).with_name("flows.py")
# A worker takes a run this much before its time, so that it has started by then. The
# shortest move is 5 s more; with Prefect's default of 10 s the demo would last longer.
PREFETCH_SECONDS = 5
_SERVER_SECONDS = 240
_WORKER_SECONDS = 240
# Nothing of the user's settings may reach the demo, nor the demo the user's.
_FOREIGN = ("PREFECT_", "CARBONAWARE_")
_LOOPBACK = "127.0.0.1,localhost"


class Stage:
    """Where the demo plays. Whoever makes one calls `clear`, with signals held."""

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        self._children: dict[str, Child] = {}
        self._port = _free_port()
        self.url: str = f"http://127.0.0.1:{self._port}"
        self.api: Api = Api(f"{self.url}/api")
        self.folder: Path = Path(tempfile.mkdtemp(prefix="carbonaware-demo-"))
        self.work: Path = self.folder / "work"
        self.forecast_file: Path = self.work / "forecast.csv"

    def clear(self) -> None:
        """End every process and remove the folder."""
        self.api.close()
        # The last one first: a worker without its server would complain.
        for child in reversed(self._children.values()):
            child.kill()
        end_all("PREFECT_HOME", str(self.folder))
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        """What the server, the worker and the flow runs get to see."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
        return inherited | {
            "PREFECT_HOME": str(self.folder),
            "PREFECT_API_URL": f"{self.url}/api",
            "PREFECT_SERVER_API_HOST": "127.0.0.1",
            "PREFECT_SERVER_API_PORT": str(self._port),
            "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(self.folder / "ui"),
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
            # They only write, and SQLite has one writer.
            "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
            "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_WORKER_PREFETCH_SECONDS": str(PREFETCH_SECONDS),
            "DO_NOT_TRACK": "1",
            "NO_COLOR": "1",
            "NO_PROXY": _LOOPBACK,
            "no_proxy": _LOOPBACK,
            "PYTHONUNBUFFERED": "1",
            # Prefect leaves temporary folders behind when it is killed.
            "TMPDIR": str(self.folder),
        }

    def start_server(self) -> None:
        """Start the server and wait until it answers."""
        self.work.mkdir()
        self._start("server", "prefect", "server", "start")
        self._wait(self.api.healthy, "the Prefect server answers", _SERVER_SECONDS)

    def start_worker(self) -> int:
        """Open the pool and start its worker; the worker's process id once it polls."""
        self.api.call(
            "POST",
            "/work_pools/",
            json={"name": POOL, "type": "process", "concurrency_limit": 1},
        )
        # No --limit: the pool's own limit is the slot that the demo is about, and it is
        # the one that counts over all workers.
        worker = self._start(
            "worker",
            *("prefect", "worker", "start", "--pool", POOL, "--type", "process"),
            *("--name", "demo-worker", "--install-policy", "never"),
        )

        def look() -> bool:
            answer = self.api.call("POST", f"/work_pools/{POOL}/workers/filter", json={})
            return any(found["status"] == "ONLINE" for found in answer)

        self._wait(look, "the worker is online", _WORKER_SECONDS)
        return worker.pid

    def deploy(self, function: str, **environment: str) -> str:
        """Deploy a flow of the demo's flow file with an environment of its own."""
        shutil.copy(_FLOWS, self.work)
        flow = self.api.call("POST", "/flows/", json={"name": function.replace("_", "-")})
        answer = self.api.call(
            "POST",
            "/deployments/",
            json={
                "name": "demo",
                "flow_id": flow["id"],
                "entrypoint": f"{_FLOWS.name}:{function}",
                "path": str(self.work),
                "work_pool_name": POOL,
                "job_variables": {"env": environment, "working_dir": str(self.work)},
            },
        )
        return str(answer["id"])

    def slots_in_use(self) -> int:
        """How many of the pool's slots are taken, as its server counts them."""
        return int(self.api.call("GET", f"/work_pools/{POOL}")["active_slots"])

    def check_alive(self) -> None:
        """Raise when the server or the worker is no longer there."""
        for name, child in self._children.items():
            if (status := child.ended()) is not None:
                msg = f"the {name} ended with status {status}"
                raise DemoFailedError(msg, detail=self.logs())

    def logs(self) -> str:
        """The ends of all logs."""
        return "\n".join(
            f"--- {name} ---\n{child.tail()}" for name, child in self._children.items()
        )

    def _start(self, name: str, *arguments: str) -> Child:
        with self._interrupts.held():
            child = self._children[name] = Child(
                python(*arguments),
                environment=self.environment(),
                folder=self.folder,
                log=f"{name}.log",
            )
        return child

    def _wait(self, look: Callable[[], bool], what: str, within: float) -> None:
        def look_again() -> bool:
            self.check_alive()
            return look()

        try:
            until(look_again, within=within, what=what)
        except DemoFailedError as error:
            raise DemoFailedError(str(error), detail=self.logs()) from None


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
