"""`planner start` ends soon after SIGTERM, whatever a source of its pass is doing."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.prefect_server.process import Process
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World
from tests.server.planner.occurrences import HOUR, in_whole_minutes, occur
from tests.warm import python

CHAIN = "electricity_maps,energy_charts,carbon_aware_sdk"
# Each of the three is asked three times, with five seconds for an answer.
ALL_ATTEMPTS = 9


class Listener:
    """A server that takes connections and says nothing, or says something for ever.

    Args:
        drips: whether it sends a header, letter by letter.

    Attributes:
        url: where it is.
        taken: the connections so far.
    """

    def __init__(self, *, drips: bool) -> None:
        self.taken: list[socket.socket] = []
        self._drips = drips
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._closed = threading.Event()
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.taken.append(connection)
                if self._drips:
                    drip = partial(self._drip, connection)
                    threading.Thread(target=drip, daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not self._closed.wait(0.05):
                connection.sendall(b"z")

    def close(self) -> None:
        """Let go of all connections."""
        self._closed.set()
        for each in (self._listening, *self.taken):
            each.close()


@pytest.fixture(params=[False, True], ids=["silent", "dripping"])
def listener(request: pytest.FixtureRequest) -> Iterator[Listener]:
    """One that never comes to an end."""
    listener = Listener(drips=request.param)
    yield listener
    listener.close()


def test_a_source_that_does_not_answer(
    world: World, listener: Listener, tmp_path: Path
) -> None:
    """Its pass is cut off, and nobody waits for the threads that ask the source.

    That no five seconds are counted here is because a busy machine may take longer to end
    any process. Counted are the attempts, whose time-outs the same machine makes longer:
    a planner that waited for its source would end after the last of them.
    """
    nominal = in_whole_minutes(world.server.now() + 2 * HOUR)
    occur(world, nominal, env={"CARBONAWARE_SOURCE": CHAIN})
    health = tmp_path / "health.json"
    environment = {
        "CARBONAWARE_ELECTRICITY_MAPS_KEY": "key",
        "CARBONAWARE_ELECTRICITY_MAPS_URL": listener.url,
        "CARBONAWARE_ENERGY_CHARTS_URL": listener.url,
        "CARBONAWARE_SDK_URL": listener.url,
        "CARBONAWARE_SDK_SIGNAL": "average",
        "CARBONAWARE_SDK_LOCATIONS": "DE=germanywestcentral",
        "CARBONAWARE_SOURCE_TIMEOUT": "10m",
        "CARBONAWARE_CACHE_DIR": "",
        "NO_PROXY": "*",
    }
    arguments = ["planner", "start", "--health-file", str(health)]
    planner = Process(
        [python(), "-m", "carbonaware_prefect", *arguments],
        world.server.environment(**environment),
        tmp_path / "planner.log",
    )

    def asks() -> bool:
        assert planner.alive(), planner.output()
        return bool(listener.taken)

    eventually(asks, what="the source is asked", every=0.05, steadily=True)
    assert json.loads(health.read_text())["status"] == "starting"
    os.kill(planner.pid, signal.SIGTERM)

    assert planner.popen.wait() == 0, planner.output()
    assert len(listener.taken) < ALL_ATTEMPTS
    assert "API calls" not in planner.output()
    assert not health.exists()
