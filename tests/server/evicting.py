"""Runs that `prefect flow-run execute` supervises, as in pods, and signals to them.

The worker of a process pool plays the cluster: it starts that command for each run, and
takes its exit status for what became of the run, as the workers of clusters do.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from carbonaware_prefect.demo.processes import living
from tests.prefect_server.process import Process
from tests.prefect_server.proxy import Proxy
from tests.prefect_server.runs import TERMINAL, Run, lives
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World
from tests.warm import parent_of, python

BEHAVIOUR = "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"
_FLOW = "held.py:held_flow"
_EXECUTE = ["-m", "prefect", "flow-run", "execute"]


@dataclass
class Evicted:
    """A run of the held flow, and the processes that it has at a time.

    Attributes:
        world: a process pool with one worker.
        folder: for logs.
        stack: ends what is begun here.
        behaviour: what its supervisor does with SIGTERM; None leaves that to Prefect.
        seen: what was seen of it at the time.
    """

    world: World
    folder: Path
    stack: ExitStack
    behaviour: str | None = "reschedule"
    seen: dict[str, Any] = field(default_factory=dict)
    _run: list[Run] = field(default_factory=list)

    @property
    def run(self) -> Run:
        return self._run[-1]

    def proxy(self) -> Proxy:
        """A way to the API that can be trapped."""
        return self.stack.enter_context(Proxy(self.world.server.port))

    def start(self, *, proxy: Proxy | None = None, **parameters: Any) -> None:
        """Start it, as soon as the worker takes it."""
        # The worker's own settings win over a run's; so its command names the proxy.
        api = self.world.server.api if proxy is None else proxy.api
        command = [f"env PREFECT_API_URL={api}", python(), *_EXECUTE]
        env = {} if self.behaviour is None else {BEHAVIOUR: self.behaviour}
        variables = {"command": " ".join(command), "env": env}
        deployment = self.world.deploy(_FLOW, job_variables=variables)
        self._run.append(self.world.run(_FLOW, deployment=deployment, **parameters))

    def without_worker(self, **parameters: Any) -> None:
        """A run that no worker takes, for `execute`."""
        deployment = self.world.deploy(_FLOW, work_pool_name=None)
        self._run.append(self.world.run(_FLOW, deployment=deployment, **parameters))

    def execute(self, *, proxy: Proxy | None = None) -> Process:
        """Its supervisor, started by hand: nobody looks at the exit status."""
        env = {} if self.behaviour is None else {BEHAVIOUR: self.behaviour}
        if proxy is not None:
            env["PREFECT_API_URL"] = proxy.api
        process = Process(
            [python(), *_EXECUTE, self.run.id],
            self.world.server.environment(**env),
            self.folder / "execute.log",
        )
        self.stack.callback(process.kill)
        return process

    def keep(self, run: Run) -> None:
        """Follow a run that was started in another way."""
        self._run.append(run)

    def settle(self, *, starts: int, moves: int = 1) -> None:
        """Wait until it waits for its slot after so many starts and moves."""
        run = self.run

        def has_its_starts() -> bool:
            count, name = run.events().count("start"), run.state()
            said = f"{count} starts instead of {starts}"
            assert count <= starts, said
            assert name not in TERMINAL, f"{name}, with {said}"
            return count == starts

        run.wait_until(has_its_starts, f"has its {starts} starts")
        run.wait_until_put_back(moves=moves)

    def engine(self) -> int:
        """The process that executes the flow, or did so last."""
        return int(self.run.note("start", -1)["pid"])

    def supervisor(self) -> int:
        """The process that started that one."""
        parent = parent_of(self.engine())
        assert parent is not None, "its engine is an orphan"
        command = psutil.Process(parent).cmdline()
        assert "execute" in command, command
        return parent

    def commands(self) -> list[str]:
        """What was started for the run and lives."""
        found = []
        for process in living("PREFECT__FLOW_RUN_ID", self.run.id):
            with contextlib.suppress(psutil.Error):
                found.append(" ".join(process.cmdline()))
        return found

    def strike(self, number: int, *, both: bool = False) -> None:
        """A signal to its supervisor, as a cluster sends; ``both``: to its engine too."""
        targets = [self.supervisor(), *([self.engine()] if both else [])]
        for target in targets:
            os.kill(target, number)

    def evict(self) -> bool:
        """SIGTERM to its supervisor while its engine waits for an answer of the API.

        Returns when the supervisor has seen that its engine cannot agree, and has killed
        it. Any sooner, and the engine may get the answer first and tell its supervisor
        that it is done; then no second start follows. Nobody waits for that answer now.
        """
        engine = self.engine()
        self.strike(signal.SIGTERM)
        eventually(lambda: not lives(engine), what="its supervisor kills it", every=0.02)
        return False


Tell = Callable[[Evicted], None]
