"""A Prefect server on loopback, with its database, its clock and calls of its API."""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx

from tests import sweeper
from tests.clock import WallClock
from tests.clock.real_time import RealTime
from tests.prefect_server import database
from tests.prefect_server.installed import culprits
from tests.prefect_server.process import Process, clean_environment
from tests.prefect_server.waiting import PATIENCE, eventually
from tests.warm import python

__all__ = ["START", "Server", "a_server", "free_port"]

# Of servers whose tests have no date: a Tuesday in winter, far from any change of clocks.
START = datetime(2026, 1, 13, 9, tzinfo=timezone.utc)
_ROOT = Path(__file__).parents[2]
# Of a log, to tell why a server did not start.
_END_LINES = 20
# Short look ahead: in real time, slots lie a few seconds ahead.
_REAL_TIME = {"PREFECT_WORKER_PREFETCH_SECONDS": "1"}
_SERVICES = "PREFECT_SERVER_SERVICES"


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A Prefect server, on a port that it keeps over restarts.

    Args:
        home: its folder.
        url: SQLAlchemy URL of a database; by default a SQLite file of its own.
        start: when its clock begins, or why it has the real time.
        settings: more of its environment, and of all that is started with it.

    Attributes:
        python: the interpreter of what belongs to it.
    """

    def __init__(
        self,
        home: Path,
        url: str | None = None,
        *,
        start: datetime | RealTime | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        self.settings = dict(settings or {})
        self.port = free_port()
        self.api = f"http://127.0.0.1:{self.port}/api"
        self.process: Process | None = None
        # In memory where the machine has that: SQLite has one writer, and waits for disks.
        self.data = sweeper.a_folder(memory=True)
        self.database = url or _sqlite(database.a_copy(self.data, _make_database))
        self._clock: WallClock | None = None
        if isinstance(start, datetime):
            self._clock = WallClock(self.data / "clock", start)
        # What is measured in real time is measured of processes that users have.
        self.python = python() if self._clock else sys.executable
        # A busy test may come back to an open connection just as the server closes it.
        unshared = httpx.Limits(max_keepalive_connections=0)
        self.client = httpx.Client(base_url=self.api, timeout=60, limits=unshared)
        home.mkdir(parents=True, exist_ok=True)

    @property
    def clock(self) -> WallClock:
        """The clock of this server and of what is started with its environment."""
        assert self._clock is not None, "this server has the real time"
        return self._clock

    def now(self) -> datetime:
        """The present, as this server has it."""
        return self._clock.now() if self._clock else datetime.now(timezone.utc)

    def here(self) -> AbstractContextManager[None]:
        """This process has the server's time, for what it calls itself."""
        return self._clock.here() if self._clock else nullcontext()

    def environment(self, **more: str) -> dict[str, str]:
        """Of a process that belongs to this server."""
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
                f"{_SERVICES}_SCHEDULER_LOOP_SECONDS": "4",
                f"{_SERVICES}_SCHEDULER_MIN_RUNS": "1",
                # They only write, and SQLite has one writer: under a burst of runs the
                # server otherwise leaves requests without an answer for a minute.
                f"{_SERVICES}_EVENT_PERSISTER_ENABLED": "false",
                f"{_SERVICES}_TRIGGERS_ENABLED": "false",
                # It looks for all time zones of the machine whenever it reads a schedule.
                "PYTHONTZPATH": "",
                "PREFECT_WORKER_QUERY_SECONDS": "1",
                # A question less for each client that is opened.
                "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
                # No test looks for a cloud or writes to the cache of its user.
                "CARBONAWARE_DETECT": "0",
                "CARBONAWARE_CACHE_DIR": str(self.home / "forecasts"),
                # Below it lie the forecasts that the deployments of tests name.
                "CARBONAWARE_FORECAST_FOLDER": tempfile.gettempdir(),
                "DO_NOT_TRACK": "1",
                "PYTHONUNBUFFERED": "1",
            }
            | (database.AS_IT_IS if self.database.startswith("sqlite") else {})
            | (self._clock.environment() if self._clock else _REAL_TIME)
            | self.settings
            | more
        )

    def start(self) -> None:
        """Start it, also once more, and wait until it answers."""
        arguments = [self.python, "-m", "tests.prefect_server.start"]
        log = self.home / "server.log"
        self.process = Process(arguments, self.environment(), log, cwd=_ROOT)
        try:
            eventually(self._up, what="the Prefect server answers", every=0.05)
        except BaseException as error:
            self.stop()
            if not isinstance(error, AssertionError):
                raise
            end = "\n".join(self.process.output().splitlines()[-_END_LINES:])
            message = f"{culprits()}\n{error}\n{end}"
            raise AssertionError(message) from None

    def _up(self) -> bool:
        assert self.process is not None
        assert self.process.alive(), "the Prefect server ended"
        return self.healthy()

    def healthy(self) -> bool:
        """Whether it answers."""
        try:
            return self.client.get("/health", timeout=10).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """End it at once, with all that it started."""
        if self.process is not None:
            self.process.kill()

    def close(self) -> None:
        """End it and remove its data."""
        self.stop()
        self.client.close()
        shutil.rmtree(self.data, ignore_errors=True)

    def call(self, method: str, path: str, **kwargs: Any) -> Any:
        """One call of its API, again where it was too busy to answer."""
        reads = method == "GET" or path.endswith("/filter")
        response = httpx.Response(httpx.codes.SERVICE_UNAVAILABLE)
        for _ in range(20):
            try:
                response = self.client.request(
                    method, path, timeout=15 if reads else PATIENCE, **kwargs
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


def _sqlite(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


def _make_database(file: Path) -> None:
    # Older than all that a test does.
    start = datetime(2020, 1, 1, tzinfo=timezone.utc)
    server = Server(file.parent, _sqlite(file), start=start, settings=database.TO_BE_MADE)
    try:
        server.start()
    finally:
        server.close()


@contextmanager
def a_server(
    folder: Path,
    *,
    start: datetime | RealTime = START,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A server that has started, in a new folder below ``folder``; ended with the block.

    Args:
        folder: where it keeps its logs.
        start: when its clock begins, or why it has the real time.
        settings: more of its environment.
    """
    folder.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="server-", dir=folder))
    server = Server(home, start=start, settings=settings)
    try:
        server.start()
        yield server
    finally:
        server.close()
