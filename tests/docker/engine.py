"""A container engine of the tests' own, which nothing outlives.

No registry, no network but the host's, everything under one temporary folder. It needs
``dockerd`` on PATH (Debian: ``docker.io``), not running; one that runs is not touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

import docker
import requests
from docker.models.containers import Container
from typing_extensions import Self

from tests import sweeper
from tests.docker.keeper import remove_traces
from tests.prefect_server.process import clean_environment

_KEEPER = Path(__file__).with_name("keeper.py")
_START_SECONDS = 30.0
_STOP_SECONDS = 60.0
# What the images of the tests take, with room to spare.
_ENOUGH_BYTES = 3 * 2**30


class NoEngineError(Exception):
    """No engine can be started on this machine; says why."""


class Engine:
    """One engine, from ``start`` to ``stop``.

    Attributes:
        folder: holds all that the engine keeps. Its name is part of the engine's command
            line, and of the names of its control groups.
        url: for ``DOCKER_HOST``.
        client: of Docker's own Python kit.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ca-engine-", dir=_place()))
        self.url = f"unix://{self.folder}/engine.sock"
        self.client: docker.DockerClient
        self._keeper: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the engine and wait until it answers.

        Raises:
            NoEngineError: this machine cannot run one.
        """
        if (obstacle := _obstacle()) is not None:
            raise NoEngineError(obstacle)
        with (self.folder / "keeper.log").open("wb") as log:
            self._keeper = subprocess.Popen(
                [
                    "unshare", "--mount", "--pid", "--fork", "--kill-child",
                    "--mount-proc", sys.executable, _KEEPER, self.folder,
                ],
                env=_unmarked(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # An interrupt from the keyboard is for pytest alone.
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._keeper.poll() is not None or time.monotonic() > deadline:
                raise NoEngineError(self._last_words())
            time.sleep(0.1)

    def stop(self) -> None:
        """End the engine with all that it started and made; may be called twice."""
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.close()
            try:
                self._keeper.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                # Its child goes with it, and with that all that is in the namespace.
                self._keeper.kill()
                self._keeper.wait(10)
        remove_traces(self.folder)

    def containers(self, flow_run_id: str, *, running: bool = False) -> list[Container]:
        """The containers of a flow run that the engine knows, oldest first."""
        found = self.client.containers.list(
            all=not running,
            ignore_removed=True,
            filters={"label": f"io.prefect.flow-run-id={flow_run_id}"},
        )
        return sorted(found, key=lambda container: str(container.attrs["Created"]))

    def _answers(self) -> bool:
        try:
            self.client = docker.DockerClient(base_url=self.url, timeout=120)
            return bool(self.client.ping())
        except (docker.errors.DockerException, requests.exceptions.ConnectionError):
            return False

    def _last_words(self) -> str:
        logs = [self.folder / name for name in ("keeper.log", "engine.log")]
        lines = [
            line
            for log in logs
            if log.exists()
            for line in log.read_text(errors="replace").splitlines()
        ]
        return "the engine did not start:\n" + "\n".join(lines[-12:])


def _unmarked() -> dict[str, str]:
    """The keeper takes everything away by itself, in an order that the engine needs."""
    around = clean_environment()
    return {name: value for name, value in around.items() if name != sweeper.VARIABLE}


def _place() -> Path:
    """In memory where there is enough of it: the images are large and soon gone."""
    memory = Path("/dev/shm")  # noqa: S108
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ENOUGH_BYTES:
        return memory
    return Path(tempfile.gettempdir())


def _obstacle() -> str | None:
    """What a private engine lacks here, as far as one can see before trying."""
    if not sys.platform.startswith("linux"):
        return f"the platform is {sys.platform}, not Linux"
    if os.geteuid() != 0:
        return "not root"
    for program in ("unshare", "dockerd"):
        if shutil.which(program) is None:
            return f"no {program} on PATH (Debian: apt-get install docker.io)"
    return None
